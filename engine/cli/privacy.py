# SPDX-License-Identifier: Apache-2.0
"""The command privacy: what leaves this computer, and the proof on demand."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from engine.api.privacy import Privacy, PrivacyState
from engine.api.proof_report import (
    filter_words,
    open_words,
    outcome_words,
    problem_words,
    role_words,
    save_report,
    try_words,
    verdict,
)
from engine.api.proofs import Proof, Role, findings
from engine.cli.session import Json, Session, session_of
from engine.domain.problem import Severity


def privacy(
    context: typer.Context,
    proof: Annotated[
        bool, typer.Option("--proof", help="Really try the network, in a process of its own.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the report of the proof there: .html or .md. Takes --proof."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what leaves this computer, or prove it; a proof that fails ends with status 1."""
    session = session_of(context, as_json)
    own = (session.privacy or Privacy()).state()
    if not proof and out is None:
        _show_state(session, own)
        return
    made = session.api.proofs.prove(own, Role.COMMAND_LINE)
    _show_proof(session, made)
    if out is not None:
        save_report(made, out)
        session.out.print(_("The report is in {path}.").format(path=out), markup=False)
    if any(one.severity is Severity.ERROR for one in findings(made)):
        raise typer.Exit(1)


def _show_state(session: Session, own: PrivacyState) -> None:
    processes = session.api.proofs.processes(own, Role.COMMAND_LINE)
    folders = session.api.proofs.folders()
    session.out.print(f"{own.title}: {own.sentence}.", markup=False)
    session.table(
        [_("Process"), _("Id"), _("Kernel filter"), _("Sockets that can leave"), _("Refused")],
        [
            [
                role_words(one),
                str(one.network.pid),
                filter_words(one),
                ", ".join(one.network.outward) or _("none"),
                "–" if one.refused is None else str(one.refused),
            ]
            for one in processes
        ],
    )
    session.table(
        [_("Folder"), _("Entries"), _("Open to other users")],
        [[one.path, str(one.entries), open_words(one)] for one in folders],
    )
    session.result(
        {
            "own": msgspec.to_builtins(own),
            "processes": msgspec.to_builtins(processes),
            "folders": msgspec.to_builtins(folders),
        }
    )


def _show_proof(session: Session, proof: Proof) -> None:
    session.out.print(verdict(proof), markup=False)
    for one in findings(proof):
        session.out.print(f"  {problem_words(one)}", markup=False)
    session.table(
        [_("Try"), _("Behind a guard")],
        [[try_words(one), outcome_words(one)] for one in proof.answer.guarded],
    )
    values: dict[str, Any] = msgspec.to_builtins(proof)
    problems = [msgspec.to_builtins(one) for one in findings(proof)]
    session.result({"verdict": verdict(proof), "problems": problems, **values})
