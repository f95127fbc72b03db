# SPDX-License-Identifier: Apache-2.0
"""Settings as values: looks and sizes, the workspace, this computer, the program."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.domain.problem import Problem, Severity
from gui.viewmodels import numbers

if TYPE_CHECKING:
    from engine.api.machine import Gpu, MachineFacts

TEXT_SCALES = (0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)

# ---------------------------------------------------------------------- appearance


def scheme_choices() -> tuple[tuple[str, str], ...]:
    """Return the keys of the colour schemes with their words."""
    return (
        ("system", _("As the system")),
        ("light", _("Light")),
        ("dark", _("Dark")),
        ("high_contrast", _("High contrast")),
    )


def scale_stop(scale: float) -> int:
    """Return the stop of the slider that is nearest to a text size."""
    return min(range(len(TEXT_SCALES)), key=lambda i: abs(TEXT_SCALES[i] - scale))


def scale_words(scale: float) -> str:
    """Return a text size in words: `125 %`."""
    return numbers.percent(scale)


def use_size_words(scale: float) -> str:
    """Return the word on the button that takes a text size."""
    return _("Use {size}").format(size=scale_words(scale))


# ---------------------------------------------------------------------- workspace


class WorkspaceView(msgspec.Struct, frozen=True, kw_only=True):
    """The open workspace, and the one that is opened at the next start.

    Attributes:
        free: Free space on its disk, or "" while that is not known.
        pending: What happens at the next start, or "".
    """

    path: str
    free: str
    pending: str


def workspace_view(root: Path, *, free_bytes: int | None, kept: str, before: str) -> WorkspaceView:
    """Return what to say of the workspace.

    Args:
        root: Folder of the open workspace.
        free_bytes: Free space on its disk, None while that is not known.
        kept: The workspace in the settings now; empty for the usual place.
        before: The one in the settings when this window was opened.
    """
    is_pending = kept != before and Path(kept) != root
    return WorkspaceView(
        path=str(root),
        free="" if free_bytes is None else numbers.size(free_bytes),
        pending=_pending_words(kept) if is_pending else "",
    )


def _pending_words(kept: str) -> str:
    if not kept:
        return _("Burnish then uses its usual folder.")
    return _(
        "Burnish then uses {path}. Nothing is moved: datasets, runs and exports stay in the "
        "present folder."
    ).format(path=kept)


# ---------------------------------------------------------------------- this computer

Fact = tuple[str, str, str]


def machine_facts(facts: MachineFacts) -> tuple[Fact, ...]:
    """Return the facts of this computer: name, value and unit."""
    memory = _("{free} of {total}").format(
        free=numbers.decimal(numbers.gigabytes(facts.memory_free_bytes)),
        total=numbers.decimal(numbers.gigabytes(facts.memory_total_bytes)),
    )
    return (
        (_("Processor"), facts.processor, ""),
        (_("Cores"), numbers.count(facts.cores), ""),
        (_("Memory free"), memory, "GB"),
        *(one for i, gpu in enumerate(facts.gpus) for one in _card_facts(i, gpu, facts)),
        *(() if facts.gpus else ((_("Graphics card"), _("None found"), ""),)),
    )


def _card_facts(i: int, gpu: Gpu, facts: MachineFacts) -> tuple[Fact, ...]:
    name = _("Graphics card")
    if len(facts.gpus) > 1:
        name = _("Graphics card {number}").format(number=i + 1)
    memory = _("{free} of {total}").format(
        free=numbers.decimal(numbers.gigabytes(gpu.free_bytes)),
        total=numbers.decimal(numbers.gigabytes(gpu.total_bytes)),
    )
    return (
        (name, gpu.name, ""),
        (_("Its memory free"), memory, "GB"),
        (_("Its driver"), gpu.driver, ""),
    )


class FindingView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was found, or the word that nothing was.

    Attributes:
        title: What it is about; empty for a line that only tells something.
        remedy: What can be done, or "".
    """

    kind: str
    title: str
    text: str
    remedy: str = ""


def findings(problems: Sequence[Problem]) -> tuple[FindingView, ...]:
    """Return what was found, the gravest first as given."""
    kinds = {Severity.ERROR: "danger", Severity.WARNING: "warning", Severity.NOTE: "info"}
    return tuple(
        FindingView(kind=kinds[one.severity], title=one.message, text=one.remedy)
        for one in problems
    )


# ---------------------------------------------------------------------- about


def about_facts() -> tuple[Fact, ...]:
    """Return what this program is."""
    return (
        (_("Version"), _version(), ""),
        (_("Licence"), "Apache-2.0", ""),
    )


def _version() -> str:
    try:
        return version("burnish")
    except PackageNotFoundError:
        return _("Run from its source folder")


def about_words() -> str:
    """Return one sentence on what this program is for."""
    return _(
        "Burnish fine-tunes open language models on your own data, on this computer, with no "
        "network. Its window is made with Qt for Python, used under the LGPL-3.0."
    )
