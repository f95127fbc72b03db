# SPDX-License-Identifier: Apache-2.0
"""The proof as a report that somebody can read who has never seen Burnish."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path

from engine.api.paper import Paper, Section, save_paper
from engine.api.proofs import FolderView, ProcessView, Proof, Role, findings
from engine.domain.problem import Problem, Severity
from engine.launcher.probe import TRIES, Outcome, Try


def verdict(proof: Proof) -> str:
    """Return in one sentence what the proof came to."""
    grave = [one for one in findings(proof) if one.severity is Severity.ERROR]
    if grave:
        return _("The promise does not hold on this computer, as it is now.")
    if not proof.answer.has_filter:
        return _("Nothing was found to leave this computer, but this system does not enforce it.")
    if findings(proof):
        return _("Nothing leaves this computer by what was tried, with the reservations below.")
    return _("Nothing leaves this computer by what was tried: the kernel refuses it.")


def save_report(proof: Proof, path: Path) -> None:
    """Write the report: HTML where the name ends so, else Markdown.

    Raises:
        DiskFull: No room.
        NotWritable: The place refuses to be written.
    """
    save_paper(report(proof), path)


def report(proof: Proof) -> Paper:
    """Return the whole report."""
    return Paper(
        title=_("Burnish: does anything leave this computer?"),
        sections=(
            _result(proof),
            _tries(proof),
            _processes(proof.processes),
            _folders(proof.folders),
            _parts(proof),
            _limits(),
            _repeat(),
        ),
    )


def _result(proof: Proof) -> Section:
    facts = (
        (_("Made at (UTC)"), proof.made_at),
        (_("Burnish"), proof.version or _("run from its source folder")),
        (_("System"), proof.system),
    )
    return Section(
        title=_("Result"),
        texts=(verdict(proof), *(problem_words(one) for one in findings(proof))),
        columns=(_("Fact"), _("Value")),
        rows=facts,
    )


def problem_words(problem: Problem) -> str:
    """Return a finding with its weight in words: `Error: …`."""
    weights: dict[Severity, Callable[[], str]] = {
        Severity.ERROR: lambda: _("Error: {text}"),
        Severity.WARNING: lambda: _("Warning: {text}"),
        Severity.NOTE: lambda: _("Note: {text}"),
    }
    text = f"{problem.message} {problem.remedy}".strip()
    return weights[problem.severity]().format(text=text)


def _tries(proof: Proof) -> Section:
    inherited = {one.name: one for one in proof.answer.inherited}
    return Section(
        title=_("What was tried"),
        texts=(
            _(
                "A new process tried to get sockets and names. First with what it inherited from "
                "the process that asked for this proof, then behind a guard of its own, as every "
                "worker has one: an audit hook in Python, and on Linux a filter in the kernel "
                "(seccomp) that allows sockets within this computer only. Nothing was sent."
            ),
            _("A socket within this computer could be opened, so the probe can tell a yes.")
            if proof.answer.works_locally
            else _("Not even a socket within this computer could be opened."),
        ),
        columns=(_("Try"), _("Inherited"), _("Behind a guard")),
        rows=tuple(
            (try_words(one), outcome_words(inherited.get(one.name)), outcome_words(one))
            for one in proof.answer.guarded
        ),
    )


def try_words(one: Try) -> str:
    """Return what was tried."""
    return _(TRIES[one.name])


def outcome_words(one: Try | None) -> str:
    """Return how a try ended; a dash where it was not made."""
    if one is None:
        return "–"
    words = {
        Outcome.REFUSED: _("Refused"),
        Outcome.OPENED: _("Not refused"),
        Outcome.IMPOSSIBLE: _("Unknown to this system"),
    }
    return words[one.outcome]


def _processes(processes: tuple[ProcessView, ...]) -> Section:
    return Section(
        title=_("Processes of Burnish"),
        texts=(
            _(
                "As the operating system tells of them. Only workers of this workspace are listed; "
                "other programs were not looked at."
            ),
        ),
        columns=(
            _("Process"),
            _("Id"),
            _("Filter of the kernel"),
            _("Sockets that can leave"),
            _("Sockets within this computer"),
            _("Tries refused"),
        ),
        rows=tuple(
            (
                role_words(one),
                str(one.network.pid),
                filter_words(one),
                ", ".join(one.network.outward) or _("none"),
                str(one.network.local),
                "–" if one.refused is None else str(one.refused),
            )
            for one in processes
        ),
    )


def role_words(process: ProcessView) -> str:
    """Return what a process is, with the name of its job."""
    if process.role is Role.HELPER and not process.name:
        return _("Helper of the keeper of the queue")
    words = {
        Role.WINDOW: _("Window"),
        Role.COMMAND_LINE: _("This command"),
        Role.KEEPER: _("Keeper of the queue"),
        Role.WORKER: _("Worker: {name}"),
        Role.HELPER: _("Helper of a worker: {name}"),
    }
    return words[process.role].format(name=process.name)


def filter_words(process: ProcessView) -> str:
    """Return whether the kernel holds a process."""
    if process.network.has_filter is None:
        return _("unknown to this system")
    return _("active") if process.network.has_filter else _("not active")


def _folders(folders: tuple[FolderView, ...]) -> Section:
    return Section(
        title=_("Folders that Burnish writes to"),
        texts=(
            _(
                "Files that are imported and folders of models are only read. An export goes to "
                "the folder that is chosen for it. Files at rest are protected by permissions "
                "alone; against a stolen disk, encrypt the disk."
            ),
        ),
        columns=(_("Folder"), _("What it is for"), _("Entries"), _("Open to other users")),
        rows=tuple((one.path, one.purpose, str(one.entries), open_words(one)) for one in folders),
    )


def open_words(folder: FolderView) -> str:
    """Return how many entries of a folder others can read."""
    if folder.open_entries is None:
        return _("as this system has it for your own folder")
    if not folder.open_entries:
        return _("none")
    return ngettext("{count} entry", "{count} entries", folder.open_entries).format(
        count=folder.open_entries
    )


def _parts(proof: Proof) -> Section:
    if proof.libraries:
        text = _(
            "Installed here, and used by no code of Burnish: {names}. What they would try is "
            "refused as above."
        ).format(names=", ".join(proof.libraries))
    else:
        text = _("No library that reaches for the network by itself is installed with Burnish.")
    return Section(title=_("Parts"), texts=(text,))


def _limits() -> Section:
    return Section(
        title=_("What this does not show"),
        texts=(
            _(
                "Other programs on this computer were not looked at: a backup or a synchronised "
                "folder can send what lies in the folders above."
            ),
            _(
                "Sockets within this computer are allowed, for the display and for helpers. Some "
                "systems answer questions for names over such a socket; the code of Burnish does "
                "not ask, and its tests watch that it does not."
            ),
            _(
                "Whoever is given an adapter or a model may find parts of the data that it was "
                "trained on in its answers."
            ),
            _(
                "Programs that already run as the same user, an administrator, and whoever has an "
                "unencrypted disk in hand can read every file."
            ),
        ),
    )


def _repeat() -> Section:
    return Section(
        title=_("How to check it without Burnish"),
        texts=(
            _("On Linux, all of Burnish can be run in a network of its own that leads nowhere:"),
            _("It can also be watched from outside; no line with AF_INET may appear:"),
        ),
        lines=(
            "unshare -rn burnish demo",
            "strace -f -e trace=network burnish demo 2>&1 | grep AF_INET",
            "grep Seccomp: /proc/PID/status   (2: the filter is active)",
        ),
    )
