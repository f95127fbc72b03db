# SPDX-License-Identifier: Apache-2.0
"""Commands on the training runtime of the packaged program."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.api.runtimes import RuntimeFit, RuntimeView, other_version_remedy, other_version_words
from engine.cli.session import Json, Session, session_of

app = typer.Typer(help="The training libraries of the packaged program.", no_args_is_help=True)


@app.command("show")
def show(context: typer.Context, as_json: Json = False) -> None:
    """Say which training runtime is used."""
    session = session_of(context, as_json)
    _tell(session, session.api.runtimes.current())


@app.command("install")
def install(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="Archive of a runtime, or folder of its wheels.")],
    as_json: Json = False,
) -> None:
    """Install the training runtime from a file or folder; needs no network."""
    session = session_of(context, as_json)

    def say_how_far(done: int, of: int) -> None:
        """Print how many libraries are unpacked."""
        session.out.print(_("{done} of {count} libraries").format(done=done + 1, count=of))

    _tell(session, session.api.runtimes.install(source, tell=say_how_far))


@app.command("verify")
def verify(context: typer.Context, as_json: Json = False) -> None:
    """Read every file of the training runtime and compare it with what was installed."""
    session = session_of(context, as_json)
    count = session.api.runtimes.verify()
    session.out.print(_("{count} files are as they were installed.").format(count=count))
    session.result({"files": count})


@app.command("remove")
def remove(context: typer.Context, as_json: Json = False) -> None:
    """Remove the training runtime that you installed; datasets and runs stay."""
    session = session_of(context, as_json)
    session.api.runtimes.remove()
    session.out.print(_("The training runtime is removed."))
    session.result({"removed": True})


def _tell(session: Session, found: RuntimeView) -> None:
    if found.is_usable:
        words = _("Training runtime {id}, PyTorch {torch}, in {folder}")
        session.out.print(words.format(id=found.id, torch=found.torch, folder=found.folder))
    elif found.fit is RuntimeFit.MISSING:
        session.out.print(_("No training runtime is installed."))
    if found.fit in (RuntimeFit.OTHER_VERSION, RuntimeFit.UNUSABLE):
        words = f"{other_version_words(found)} {other_version_remedy()}"
        session.out.print(words, markup=False)
    session.result(msgspec.to_builtins(found))
