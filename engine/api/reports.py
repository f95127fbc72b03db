# SPDX-License-Identifier: Apache-2.0
"""What the checks found in a dataset: the report, and the rows behind each line of it."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING

from engine.api.datasets import Datasets
from engine.domain.problem import Severity
from engine.domain.report import CheckResult, Report
from engine.errors import DocumentDamaged, WrongUsage
from engine.formats.findings import Findings, read_findings
from engine.formats.versions import read_version
from engine.quality.check import Check
from engine.store.documents import read_document
from engine.store.layout import Layout, VersionFolder

if TYPE_CHECKING:
    from engine.quality.fixes import Fix

__all__ = ["Check", "CheckResult", "Findings", "Report", "Reports", "Severity"]


def not_checked() -> WrongUsage:
    """Return the error for a question about findings where there is no report."""
    return WrongUsage(
        _("The current version of this dataset was not checked yet."), remedy=_("Check it first.")
    )


class Reports:
    """The reports of all datasets of one workspace."""

    def __init__(self, layout: Layout, datasets: Datasets) -> None:
        """Work on one workspace."""
        self._layout = layout
        self._datasets = datasets

    def checks(self) -> tuple[Check, ...]:
        """Return every check, in the order in which they are shown."""
        from engine.quality.registry import CHECKS

        return CHECKS

    def fix_of(self, check: Check) -> Fix | None:
        """Return the fix for what a check finds; None where only a person can decide."""
        from engine.quality.fixes import FIXES

        return next((one for one in FIXES if one.id == check.fix), None)

    def get(self, dataset_id: str) -> Report | None:
        """Return the report of the current version; None where it was not checked.

        Raises:
            DatasetNotFound: There is no such dataset.
        """
        folder = self._folder(dataset_id)
        try:
            return read_document(folder.report / "report.json", Report)
        except DocumentDamaged:
            return None

    def latest(self, dataset_id: str) -> Report | None:
        """Return the report of the current version, or of the last one before it that was checked.

        Rows keep their ids, so what was found then can still be pointed at.

        Raises:
            DatasetNotFound: There is no such dataset.
            DatasetDamaged: A version cannot be read.
        """
        info = self._datasets.get(dataset_id)
        folder = self._layout.dataset(info.id)
        number = info.version
        while number:
            try:
                return read_document(folder.version(number).report / "report.json", Report)
            except DocumentDamaged:
                number = read_version(folder, info, number).parent
        return None

    def found(
        self, dataset_id: str, check_id: str, *, label: str = "", version: int = 0
    ) -> Findings:
        """Return what a check found, row by row; a row of several kinds is there several times.

        Args:
            dataset_id: Which dataset.
            check_id: Which check.
            label: Only findings of this label; empty takes all.
            version: The version that was checked; 0 for the current one.

        Raises:
            DatasetNotFound: There is no such dataset.
            WrongUsage: The version was not checked, or there is no such check.
            DatasetDamaged: The findings cannot be read.
        """
        from pyarrow import compute

        from engine.quality.registry import check_of

        check_of(check_id)
        folder = self._folder(dataset_id, version)
        if not folder.report.is_dir():
            raise not_checked()
        found = read_findings(folder.report, check_id)
        if not label:
            return found
        is_in = compute.equal(found.labels, label)
        mask = is_in.to_numpy(zero_copy_only=False)
        return Findings(
            ids=found.ids[mask], groups=found.groups[mask], labels=found.labels.filter(is_in)
        )

    def _folder(self, dataset_id: str, version: int = 0) -> VersionFolder:
        info = self._datasets.get(dataset_id)
        return self._layout.dataset(info.id).version(version or info.version)
