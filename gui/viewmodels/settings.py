# SPDX-License-Identifier: Apache-2.0
"""Settings as values: looks and sizes, the workspace, this computer, privacy, the program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from gettext import gettext as _
from gettext import ngettext
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from engine.api.privacy import PrivacyState
from engine.domain.problem import Problem, Severity
from gui.viewmodels import numbers

if TYPE_CHECKING:
    from engine.api.machine import Gpu, MachineFacts

SECTIONS = ("appearance", "workspace", "computer", "privacy", "about")
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


@dataclass(frozen=True, kw_only=True)
class WorkspaceView:
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


@dataclass(frozen=True, kw_only=True)
class FindingView:
    """Something that hinders training here, or the word that nothing does."""

    kind: str
    title: str
    text: str


def findings(problems: Sequence[Problem]) -> tuple[FindingView, ...]:
    """Return what was found on this computer, the gravest first as given."""
    if not problems:
        fine = _("Nothing was found that hinders training here.")
        return (FindingView(kind="success", title=fine, text=""),)
    kinds = {Severity.ERROR: "danger", Severity.WARNING: "warning", Severity.NOTE: "info"}
    return tuple(
        FindingView(kind=kinds[one.severity], title=one.message, text=one.remedy)
        for one in problems
    )


# ---------------------------------------------------------------------- privacy


@dataclass(frozen=True, kw_only=True)
class PrivacyView:
    """What is known of the network, and what is not.

    Attributes:
        sure: What holds, sentence by sentence.
        unsure: What Burnish does not know or cannot do.
    """

    kind: str
    title: str
    sentence: str
    facts: tuple[Fact, ...]
    sure: tuple[str, ...]
    unsure: tuple[str, ...]


def privacy_view(state: PrivacyState) -> PrivacyView:
    """Return what to say of the network; nothing that was not looked up."""
    return PrivacyView(
        kind="success" if state.is_verified else "warning" if state.attempts else "info",
        title=state.title,
        sentence=_("{text}.").format(text=state.sentence[:1].upper() + state.sentence[1:]),
        facts=(
            (
                _("Filter of the operating system"),
                _("Active") if state.kernel_filter_active else _("Not active"),
                "",
            ),
            (_("Attempts refused in this window"), numbers.count(state.attempts), ""),
        ),
        sure=_sure(state),
        unsure=_unsure(state),
    )


def _sure(state: PrivacyState) -> tuple[str, ...]:
    own = _("Burnish has no account, no telemetry, no update check and no download.")
    work = _(
        "Importing, training and exporting run in processes of their own. Each protects itself in "
        "the same way at its start, and writes into its log whether the filter is active."
    )
    if state.kernel_filter_active:
        first = _(
            "The operating system refuses internet connections to this window and to every "
            "program that it starts. This cannot be taken back while the window is open."
        )
    else:
        first = _("Python code in this window is refused every internet connection.")
    return (first, work, own)


def _unsure(state: PrivacyState) -> tuple[str, ...]:
    others = _(
        "Other programs on this computer are not watched: a backup or a synchronised folder can "
        "send what lies in the folders below."
    )
    local = _(
        "Burnish can still talk to programs on this computer, such as the display. What those do "
        "is not checked."
    )
    attempts = ngettext(
        "{count} attempt was refused. Something in this window tried; Burnish itself does not.",
        "{count} attempts were refused. Something in this window tried; Burnish itself does not.",
        state.attempts,
    ).format(count=numbers.count(state.attempts))
    native = _(
        "This system, or how this window is shown, does not allow the filter. Parts that are not "
        "Python could reach the network without being noticed."
    )
    return (
        *((attempts,) if state.attempts else ()),
        *(() if state.kernel_filter_active else (native,)),
        others,
        local,
    )


def folders(root: Path, settings_file: Path) -> tuple[tuple[str, str], ...]:
    """Return the folders that Burnish writes to, with what is in them."""
    return (
        (_("Workspace: datasets, runs, adapters, exports"), str(root)),
        (_("Settings of this window"), str(settings_file.parent)),
    )


def other_folders_words() -> str:
    """Return what Burnish does with folders that are not its own."""
    return _(
        "Files that you import and folders of models are only read. An export goes to the folder "
        "that you choose for it."
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
