# SPDX-License-Identifier: Apache-2.0
"""Commands on recipe files: recipe export, show, plan and train."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.cli.asked import SetOption, read_settings
from engine.cli.plan_lines import plan_lines, plan_values
from engine.cli.run import follow_run
from engine.cli.session import Json, Session, session_of
from engine.domain.recipe import Recipe
from engine.domain.recipe_values import problems_of
from engine.errors import RecipeInvalid

app = typer.Typer(help="Recipes as files, to train the same again.", no_args_is_help=True)

FileArgument = Annotated[Path, typer.Argument(help="A recipe file.")]
DatasetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--dataset",
        help="What stands for the dataset of the file, which is else found by its content. Again "
        "for its further ones, in their order.",
    ),
]
ModelOption = Annotated[
    str,
    typer.Option("--model", help="What stands for the model, which is else found by its content."),
]


@app.command("export")
def export(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="Id, beginning of an id, or name of the run.")],
    file: Annotated[Path, typer.Argument(help="File to write, for example style.recipe.json.")],
    as_json: Json = False,
) -> None:
    """Write the recipe of a run to a file that `recipe train` trains again."""
    session = session_of(context, as_json)
    path = session.api.recipes.export(run, file)
    session.out.print(_("Written: {path}").format(path=path), markup=False)
    session.result({"path": str(path)})


@app.command("show")
def show(
    context: typer.Context,
    file: FileArgument,
    as_json: Json = False,
) -> None:
    """Show what a recipe file trains, and what of it is in this workspace."""
    session = session_of(context, as_json)
    found = session.api.recipes.match(session.api.recipes.read(file))
    for mark, place in zip(found.file.datasets, found.datasets, strict=True):
        session.out.print(
            _("Dataset {name}: {state}").format(name=mark.name, state=_state(bool(place))),
            markup=False,
        )
    session.out.print(
        _("Model {name}: {state}").format(
            name=found.file.model.name, state=_state(bool(found.model_id))
        ),
        markup=False,
    )
    for name, value in msgspec.to_builtins(found.file.recipe).items():
        session.out.print(f"  {name} = {value}", markup=False)
    session.result(
        {
            "complete": found.is_complete,
            "datasets": [one[0] if one else None for one in found.datasets],
            "model_id": found.model_id or None,
            "recipe": msgspec.to_builtins(found.file.recipe),
        }
    )


@app.command("plan")
def plan(
    context: typer.Context,
    file: FileArgument,
    dataset: DatasetOption = None,
    model: ModelOption = "",
    settings: SetOption = None,
    as_json: Json = False,
) -> None:
    """Say what a run of a recipe file would need and do, without starting it."""
    session = session_of(context, as_json)
    found = session.api.runs.plan(_recipe(session, file, dataset, model, settings))
    for sentence in plan_lines(found):
        session.out.print(sentence, markup=False)
    session.result(plan_values(found))


@app.command("train")
def train(
    context: typer.Context,
    file: FileArgument,
    dataset: DatasetOption = None,
    model: ModelOption = "",
    settings: SetOption = None,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="Where the adapter is that the recipe goes on with: a run or a folder. It is "
            "else found by its content.",
        ),
    ] = "",
    name: Annotated[str, typer.Option(help="Name of the run.")] = "",
    as_json: Json = False,
) -> None:
    """Train a recipe file again: on the same computer the result is the same to the bit."""
    session = session_of(context, as_json)
    recipe = _recipe(session, file, dataset, model, settings)
    beginning = session.api.continuing.find(source) if source else None
    follow_run(session, session.api.runs.start(recipe, name=name, beginning=beginning))


def _recipe(
    session: Session,
    file: Path,
    datasets: list[str] | None,
    model: str,
    settings: list[str] | None,
) -> Recipe:
    recipe = session.api.recipes.open(file, datasets=datasets or (), model=model)
    values = read_settings(settings)
    problems = problems_of(values)
    if problems:
        raise RecipeInvalid(" ".join(one.message for one in problems))
    return msgspec.convert(msgspec.to_builtins(recipe) | values, Recipe)


def _state(is_here: bool) -> str:
    return _("found here, by its content") if is_here else _("not here")
