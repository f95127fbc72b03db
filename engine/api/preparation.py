# SPDX-License-Identifier: Apache-2.0
"""Starting the jobs that prepare datasets: check, fix, split, merge, sample, export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from gettext import gettext as _
from pathlib import Path
from typing import Any

import msgspec

from engine.api.datasets import Datasets
from engine.api.ids import new_id
from engine.api.jobs import Jobs
from engine.domain.run import JobKind
from engine.domain.split import SplitBy, SplitRule, problems_of_rule
from engine.errors import InUse, TargetExists, WrongUsage
from engine.formats.dataset_export import ExportForm
from engine.quality.check import CheckSettings

__all__ = ["CheckSettings", "ExportForm", "Preparation"]

_CHECK = "engine.api.checking:run"
_FIX = "engine.api.fixing:run"
_SPLIT = "engine.api.splitting:run"
_MERGE = "engine.api.deriving:run_merge"
_SAMPLE = "engine.api.deriving:run_sample"
_EXPORT = "engine.api.dataset_export:run"


class Preparation:
    """Everything that takes long with datasets that exist already; each returns a job's id."""

    def __init__(
        self,
        *,
        jobs: Jobs,
        datasets: Datasets,
        make_id: Callable[[], str] = new_id,
    ) -> None:
        """Work on one workspace."""
        self._jobs = jobs
        self._datasets = datasets
        self._make_id = make_id

    def start_check(self, dataset_id: str, settings: CheckSettings | None = None) -> str:
        """Start a job that checks every row of the current version of a dataset.

        Raises:
            DatasetNotFound: There is no such dataset.
        """
        info = self._datasets.get(dataset_id)
        options = {
            "dataset_id": info.id,
            "settings": msgspec.to_builtins(settings or CheckSettings()),
        }
        return self._start(_CHECK, info.name, options)

    def start_fix(self, dataset_id: str, checks: Sequence[str] = ()) -> str:
        """Start a job that repairs what checks found in the current version, as a new version.

        Args:
            dataset_id: Which dataset.
            checks: Ids of checks; none means all whose repair is safe.

        Raises:
            DatasetNotFound: There is no such dataset.
            WrongUsage: There is no such check, or only a person can decide what it found.
        """
        from engine.quality.registry import CHECKS, check_of

        info = self._datasets.get(dataset_id)
        chosen = [check_of(one) for one in dict.fromkeys(checks)] or [
            one for one in CHECKS if one.is_safe
        ]
        for one in chosen:
            if not one.fix:
                raise WrongUsage(
                    _("What the check {name} finds only a person can decide.").format(name=one.id),
                    remedy=_("Look at the rows, and edit or remove them."),
                )
        options = {"dataset_id": info.id, "checks": [one.id for one in chosen]}
        return self._start(_FIX, info.name, options)

    def start_split(self, dataset_id: str, rule: SplitRule) -> str:
        """Start a job that splits a dataset again, as a new version.

        Raises:
            DatasetNotFound: There is no such dataset.
            WrongUsage: The rule is not possible; the message names every fault.
            InUse: The eval split is frozen.
        """
        info = self._datasets.get(dataset_id)
        _check_rule(rule)
        if info.is_eval_frozen:
            raise InUse(
                _("The held-out rows of {name} are frozen, so it was not split again.").format(
                    name=info.name
                ),
                remedy=_("Unfreeze them first, if they may change."),
            )
        options = {"dataset_id": info.id, "rule": msgspec.to_builtins(rule)}
        return self._start(_SPLIT, info.name, options)

    def start_merge(self, dataset_ids: Sequence[str], *, name: str, rule: SplitRule) -> str:
        """Start a job that makes one dataset of the current versions of several.

        Held-out rows of a dataset whose eval split is frozen stay held out; if there are any, no
        other row is held out, and rows equal or near to them are left out and listed.

        Raises:
            DatasetNotFound: One of them is not there.
            WrongUsage: Fewer than two, a frozen split with a rule that is no share by content, or
                a rule that is not possible.
        """
        _check_rule(rule)
        infos = [self._datasets.get(one) for one in dict.fromkeys(dataset_ids)]
        if len(infos) < 2:
            raise WrongUsage(_("Name at least two datasets to merge."))
        if any(one.is_eval_frozen for one in infos) and rule.by is not SplitBy.CONTENT:
            raise WrongUsage(
                _("Held-out rows of one of these datasets are frozen; they decide the split."),
                remedy=_("Merge without a rule of your own, or unfreeze them first."),
            )
        title = name.strip() or " + ".join(one.name for one in infos)
        options = {
            "dataset_ids": [one.id for one in infos],
            "new_id": self._make_id(),
            "name": title,
            "rule": msgspec.to_builtins(rule),
        }
        return self._start(_MERGE, title, options)

    def start_sample(self, dataset_id: str, *, rows: int, name: str = "", seed: int = 0) -> str:
        """Start a job that makes a dataset of some rows of another, chosen by content and seed.

        Raises:
            DatasetNotFound: There is no such dataset.
            WrongUsage: It has fewer rows than that.
        """
        info = self._datasets.get(dataset_id)
        if not 0 < rows <= info.rows:
            raise WrongUsage(
                _("Take between 1 and {count} rows of {name}.").format(
                    count=f"{info.rows:,}", name=info.name
                )
            )
        title = name.strip() or _("{name}, {count} rows").format(name=info.name, count=rows)
        options = {
            "dataset_id": info.id,
            "new_id": self._make_id(),
            "name": title,
            "rows": rows,
            "seed": seed,
        }
        return self._start(_SAMPLE, title, options)

    def start_export(self, dataset_id: str, *, form: ExportForm, out: Path) -> str:
        """Start a job that writes the current version of a dataset into a new folder.

        Raises:
            DatasetNotFound: There is no such dataset.
            TargetExists: The folder holds something.
        """
        info = self._datasets.get(dataset_id)
        place = out.absolute()
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise TargetExists(_("{path} exists already and was not changed.").format(path=place))
        options = {"dataset_id": info.id, "form": form.value, "out": str(place)}
        return self._start(_EXPORT, info.name, options)

    def _start(self, entry: str, name: str, options: Mapping[str, Any]) -> str:
        job_id = self._jobs.create(JobKind.DATASET, name, entry, options)
        self._jobs.start(job_id)
        return job_id


def _check_rule(rule: SplitRule) -> None:
    problems = problems_of_rule(rule)
    if problems:
        raise WrongUsage(" ".join(problems))
