# SPDX-License-Identifier: Apache-2.0
"""A report for whoever helps: versions, computer, plan and log, without rows, names and paths."""

from __future__ import annotations

import os
import platform
import re
from gettext import gettext as _
from pathlib import Path

import msgspec

from engine.api.machine import Machine
from engine.api.paper import Paper, Section, save_paper
from engine.api.program import LIBRARIES, program_version, version_of
from engine.api.redaction import Redaction
from engine.api.runs import Runs, RunView
from engine.domain.recipe import Recipe
from engine.domain.run import JobSnapshot
from engine.hardware.machine import MachineFacts
from engine.launcher.deaths import log_tail
from engine.store.layout import Layout

_WORD = re.compile(r"[a-z0-9_.\-]{0,24}")
"""Values of a recipe that are choices or numbers; anything else could be a text of a person."""

_GIGABYTE = 10**9
_OF_SNAPSHOT = (
    "state", "phase", "attempt", "step", "total_steps", "loss", "grad_norm", "tokens_per_s",
    "memory_bytes", "eval_before", "eval_last", "checkpoint_step", "rollbacks",
)  # fmt: skip


class Diagnosis:
    """Writes the report of one workspace."""

    def __init__(
        self,
        layout: Layout,
        *,
        machine: Machine,
        runs: Runs,
        redaction: Redaction | None = None,
    ) -> None:
        """Report on one workspace; `redaction` knows what is left out, that of here by default."""
        self._layout = layout
        self._machine = machine
        self._runs = runs
        self._redaction = redaction or _own_redaction(layout.root)

    def report(self, run: str = "") -> Paper:
        """Return the report, exactly as it would be saved.

        Args:
            run: Id or name of the run that it is about; by default the newest, if there is one.

        Raises:
            RunNotFound: There is none of this name.
        """
        view = self._runs.get(run) if run else next(iter(self._runs.list()), None)
        sections = [_program(), self._computer(), self._findings(), self._workspace()]
        if view is not None:
            sections.extend(self._of_run(view))
        return Paper(title=_("Burnish: a report for help"), sections=tuple(sections))

    def save(self, paper: Paper, path: Path) -> None:
        """Write a report that a person has read: HTML where the name ends so, else Markdown.

        Raises:
            DiskFull: No room.
            NotWritable: The place refuses to be written.
        """
        save_paper(paper, path)

    def _computer(self) -> Section:
        facts = self._machine.facts()
        return Section(
            title=_("Computer"), columns=(_("Fact"), _("Value")), rows=_computer_rows(facts)
        )

    def _findings(self) -> Section:
        found = self._machine.doctor()
        lines = (
            self._redaction.text(f"[{one.severity.value}] {one.code}: {one.message} {one.remedy}")
            for one in found
        )
        nothing = (_("Nothing was found that hinders training."),)
        return Section(title=_("What hinders training"), texts=tuple(lines) or nothing)

    def _workspace(self) -> Section:
        layout = self._layout
        folders = (layout.datasets, layout.models, layout.jobs, layout.exports)
        rows = tuple((one.name, str(_count(one))) for one in folders)
        return Section(title=_("Workspace"), columns=(_("What"), _("How many")), rows=rows)

    def _of_run(self, view: RunView) -> tuple[Section, ...]:
        folder = self._layout.job(view.id)
        log = log_tail(folder).splitlines()
        return (
            Section(
                title=_("Run"),
                columns=(_("Fact"), _("Value")),
                rows=_run_rows(view.job.snapshot, view.job.state.value),
            ),
            Section(
                title=_("Its recipe"),
                columns=(_("Setting"), _("Value")),
                rows=_recipe_rows(view.recipe),
            ),
            Section(
                title=_("Its log"),
                texts=(_("Without the words of errors and of other libraries."),),
                lines=tuple(self._redaction.log(log)),
            ),
        )


def _own_redaction(workspace: Path) -> Redaction:
    home = Path.home()
    # Not getpass.getuser: it may ask the system, which may ask another computer (nscd, LDAP).
    user = os.environ.get("LOGNAME") or os.environ.get("USER") or os.environ.get("USERNAME")
    return Redaction(
        workspace=workspace, home=home, user=user or home.name, computer=platform.node()
    )


def _program() -> Section:
    rows = (
        ("Burnish", program_version() or _("run from its source folder")),
        ("Python", platform.python_version()),
        (_("System"), f"{platform.system()} {platform.release()}, {platform.machine()}"),
        *((name, version_of(name) or _("not installed")) for name in LIBRARIES),
    )
    return Section(title=_("Program"), columns=(_("Part"), _("Version")), rows=rows)


def _computer_rows(facts: MachineFacts) -> tuple[tuple[str, str], ...]:
    return (
        (_("Processor"), facts.processor),
        (_("Cores"), str(facts.cores)),
        (_("Memory"), _of(facts.memory_free_bytes, facts.memory_total_bytes)),
        (_("Free on the disk of the workspace"), f"{facts.disk_free_bytes / _GIGABYTE:.1f} GB"),
        *(
            (
                one.name,
                f"{_of(one.free_bytes, one.total_bytes)}, driver {one.driver}, "
                f"sm_{one.compute_capability[0]}{one.compute_capability[1]}",
            )
            for one in facts.gpus
        ),
    )


def _of(free: int, total: int) -> str:
    return _("{free} of {total} GB free").format(
        free=f"{free / _GIGABYTE:.1f}", total=f"{total / _GIGABYTE:.1f}"
    )


def _count(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    return sum(not one.name.startswith(".") for one in folder.iterdir())


def _run_rows(snapshot: JobSnapshot, state: str) -> tuple[tuple[str, str], ...]:
    values = msgspec.structs.asdict(snapshot) | {"state": state}
    rows = [(name, str(values[name])) for name in _OF_SNAPSHOT if values[name] not in (None, "")]
    if snapshot.failure is not None:
        rows.append(("failure", snapshot.failure.code))
    return tuple(rows)


def _recipe_rows(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    values = msgspec.structs.asdict(recipe)
    return tuple((name, str(one)) for name, one in values.items() if _is_choice(one))


def _is_choice(value: object) -> bool:
    if isinstance(value, str):
        return _WORD.fullmatch(value) is not None
    return isinstance(value, (bool, int, float))
