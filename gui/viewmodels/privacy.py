# SPDX-License-Identifier: Apache-2.0
"""The page Privacy as values: every process with its facts, and what a proof came to."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from gettext import ngettext

import msgspec

from engine.api.privacy import PrivacyState
from engine.api.proof_report import filter_words, open_words, outcome_words, role_words, try_words
from engine.api.proof_report import verdict as verdict_of
from engine.api.proofs import FolderView, Outcome, ProcessView, Proof, findings
from engine.domain.problem import Severity
from gui.viewmodels import numbers
from gui.viewmodels.settings import FindingView
from gui.viewmodels.settings import findings as finding_views


class PrivacyView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the network, and what is not.

    Attributes:
        sure: What holds, sentence by sentence.
        unsure: What Burnish does not know or cannot do.
    """

    kind: str
    title: str
    sentence: str
    sure: tuple[str, ...]
    unsure: tuple[str, ...]


def privacy_view(state: PrivacyState) -> PrivacyView:
    """Return what to say of the network; nothing that was not looked up."""
    return PrivacyView(
        kind="success" if state.is_verified else "warning" if state.attempts else "info",
        title=state.title,
        sentence=_("{text}.").format(text=state.sentence[:1].upper() + state.sentence[1:]),
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
        "send what lies in the folders of Burnish."
    )
    local = _(
        "Burnish can still talk to programs on this computer, such as the display. What those do "
        "is not checked."
    )
    attempts = ngettext(
        "{count} attempt was refused, the last one by {who}; Burnish itself does not try.",
        "{count} attempts were refused, the last one by {who}; Burnish itself does not try.",
        state.attempts,
    ).format(count=numbers.count(state.attempts), who=state.tried_by)
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


def other_folders_words() -> str:
    """Return what Burnish does with folders that are not its own."""
    return _(
        "Files that you import and folders of models are only read. An export goes to the folder "
        "that you choose for it."
    )


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A name with its value.

    Attributes:
        colour: Role of the value's colour.
    """

    name: str
    value: str
    colour: str = "text"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Lines under a title.

    Attributes:
        text: A path below the title, or "".
    """

    title: str
    lines: tuple[Line, ...]
    text: str = ""


def process_groups(processes: Sequence[ProcessView]) -> tuple[Group, ...]:
    """Return every process of Burnish with what the operating system tells of it."""
    return tuple(_process(one) for one in processes)


def _process(process: ProcessView) -> Group:
    network = process.network
    title = _("{role} (process {pid})").format(role=role_words(process), pid=network.pid)
    refused = "–" if process.refused is None else numbers.count(process.refused)
    return Group(
        title=title,
        lines=(
            Line(
                name=_("Filter of the kernel"),
                value=filter_words(process),
                colour="success" if network.has_filter else "warning",
            ),
            Line(
                name=_("Sockets that can leave this computer"),
                value=", ".join(network.outward) or _("none"),
                colour="danger" if network.outward else "success",
            ),
            Line(name=_("Sockets within this computer"), value=numbers.count(network.local)),
            Line(
                name=_("Refused tries to reach the network"),
                value=refused,
                colour="warning" if process.refused else "text",
            ),
        ),
    )


def folder_groups(folders: Sequence[FolderView]) -> tuple[Group, ...]:
    """Return the folders that Burnish writes to."""
    return tuple(
        Group(
            title=one.purpose,
            text=one.path,
            lines=(
                Line(name=_("Files and folders in it"), value=numbers.count(one.entries)),
                Line(
                    name=_("Open to other users"),
                    value=open_words(one),
                    colour="warning" if one.open_entries else "text",
                ),
            ),
        )
        for one in folders
    )


class ProofView(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof came to.

    Attributes:
        result: Its verdict with the sign of it.
        findings: What speaks against the promise.
        tries: Each try, and how it ended.
    """

    result: FindingView
    findings: tuple[FindingView, ...]
    tries: Group


def proof_view(proof: Proof) -> ProofView:
    """Return what to show of a proof."""
    found = findings(proof)
    grave = any(one.severity is Severity.ERROR for one in found)
    kind = "danger" if grave else "warning" if found else "success"
    colours = {Outcome.REFUSED: "success", Outcome.OPENED: "danger", Outcome.IMPOSSIBLE: "text2"}
    lines = tuple(
        Line(name=try_words(one), value=outcome_words(one), colour=colours[one.outcome])
        for one in proof.answer.guarded
    )
    return ProofView(
        result=FindingView(kind=kind, title=verdict_of(proof), text=""),
        findings=finding_views(found),
        tries=Group(title=_("What was tried, behind the guard of a worker"), lines=lines),
    )


def before_proof() -> FindingView:
    """Return what stands in the place of a proof that was not run yet."""
    return FindingView(
        kind="info",
        title=_("The proof was not run yet."),
        text=_(
            "A process of its own then really asks for sockets, ports and names, guarded as every "
            "worker is, and reports what it was refused. Nothing is sent. It takes a few seconds."
        ),
    )
