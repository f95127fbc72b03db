# SPDX-License-Identifier: Apache-2.0
"""The command line: global options, the commands, and how errors leave the program."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.api.privacy import Privacy
from engine.api.program import program_version
from engine.cli import (
    columns,
    data,
    dataset,
    demo,
    diagnose,
    doctor,
    documents,
    memorisation,
    model,
    presets,
    privacy,
    queue,
    rate,
    recipe,
    run,
    run_records,
    runs,
    runtime,
    space,
    weights,
)
from engine.cli.session import Session, write_json
from engine.errors import EngineError, unforeseen

EXIT_OK, EXIT_FAILED = 0, 1

app = typer.Typer(
    name="burnish",
    help="Fine-tune language models on this computer, offline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("import")(data.import_files)
app.command("import-each")(documents.import_each)
app.command("documents")(documents.documents)
app.command("datasets")(data.datasets)
app.command("columns")(columns.columns)
app.command("mappings")(columns.mappings)
app.command("preview")(data.preview)
app.command("train")(run.train)
app.command("plan")(run.plan)
app.command("learning-rate")(rate.learning_rate)
app.command("presets")(presets.presets)
app.command("memorisation")(memorisation.memorisation)
app.command("export")(weights.export)
app.command("generate")(weights.generate)
app.command("doctor")(doctor.doctor)
app.command("privacy")(privacy.privacy)
app.command("diagnose")(diagnose.diagnose)
app.command("demo")(demo.demo)
app.command("space")(space.space)
app.command("remove")(space.remove)
app.add_typer(dataset.app, name="dataset")
app.add_typer(model.app, name="model")
app.add_typer(run.app, name="run")
app.add_typer(runs.app, name="runs")
run.app.command("note")(run_records.note)
run.app.command("tag")(run_records.tag)
run.app.command("curves")(run_records.curves)
run.app.command("export")(run_records.export)
run.app.command("import")(run_records.take)
app.add_typer(queue.app, name="queue")
app.add_typer(recipe.app, name="recipe")
app.add_typer(runtime.app, name="runtime")
app.add_typer(space.app, name="trash")


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        Console(highlight=False).print(f"Burnish {program_version()}".strip())
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", help="Folder of the workspace.")
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_tell_version, help="Say which it is."),
    ] = False,
) -> None:
    """Keep the global options for the command."""
    del version  # told already
    context.ensure_object(Session).root = workspace


def run_command_line(arguments: list[str], privacy: Privacy | None = None) -> int:
    """Run one command and return the exit status.

    Args:
        arguments: What was typed behind the name of the program.
        privacy: The guard of this process, where it has one.

    Returns:
        0 when it worked; 1 with a named error and its remedy; 2 for wrong usage.
    """
    try:
        app(arguments, obj=Session(privacy=privacy))
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else EXIT_OK
    except EngineError as error:
        _report(error, as_json="--json" in arguments)
        return EXIT_FAILED
    except Exception as error:  # noqa: BLE001 - the top of the program: no traceback as headline
        _report(unforeseen(error), as_json="--json" in arguments)
        return EXIT_FAILED
    return EXIT_OK


def _report(error: EngineError, *, as_json: bool) -> None:
    """Say what happened and what to do: JSON on standard output, or words on standard error."""
    if as_json:
        write_json(
            {
                "error": {
                    "code": error.code,
                    "message": error.message,
                    "remedy": error.remedy,
                    "detail": error.detail,
                }
            }
        )
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold]{_('Not done.')}[/bold] ", end="")
    console.print(error.message, markup=False)
    console.print(error.remedy, markup=False)
    if error.detail:
        console.print(error.detail, style="dim", markup=False)
    console.print(f"({error.code})", style="dim", markup=False)
