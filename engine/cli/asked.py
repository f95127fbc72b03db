# SPDX-License-Identifier: Apache-2.0
"""What the options of train, plan and learning-rate ask for, read into a recipe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from gettext import gettext as _
from typing import Annotated, Any

import msgspec
import typer

from engine.api.beginning import Beginning, usual_replay
from engine.cli.session import Session
from engine.domain.mix import MAIN_WEIGHT
from engine.domain.recipe import Recipe
from engine.domain.recipe_values import from_text
from engine.errors import WrongUsage

_AMOUNT = re.compile(r"(?P<name>.+)=(?P<amount>[0-9]*\.?[0-9]+)(?P<percent>%?)")
_SHARE = re.compile(r"(?P<amount>[0-9]*\.?[0-9]+)(?P<percent>%?)")
_USUAL_METHOD = "sft_qlora"

DatasetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--dataset",
        help="Id or name of the dataset. Again for further ones: NAME=0.5 sees half of it in a "
        "pass, NAME=10% replays it as a tenth of the rows.",
    ),
]
ModelOption = Annotated[str, typer.Option("--model", help="Id or name of the model.")]
MethodOption = Annotated[
    str, typer.Option("--method", help="Training method; sft_qlora where nothing is said.")
]
PresetOption = Annotated[str, typer.Option("--preset", help="Start from a preset.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="field=value; may be given several times.")
]

FromOption = Annotated[
    str,
    typer.Option(
        "--from",
        help="Go on with an adapter: RUN, RUN@CHECKPOINT, or a folder in peft's form. Dataset, "
        "model and settings are those of that run where nothing else is said.",
    ),
]
ReplayOption = Annotated[
    str,
    typer.Option(
        "--replay",
        help="With --from RUN: the share of its former data among the rows, such as 20%; 0 for "
        "none. Other data is mixed with 10% of it where nothing is said.",
    ),
]


class AskedRun(msgspec.Struct, frozen=True, kw_only=True):
    """The options that name a run which is to be made."""

    dataset: DatasetOption = None
    model: ModelOption = ""
    method: MethodOption = ""
    preset: PresetOption = ""
    settings: SetOption = None
    source: FromOption = ""
    replay: ReplayOption = ""


def ask_for_run(session: Session, asked: AskedRun) -> tuple[Recipe, Beginning | None]:
    """Return the recipe that options ask for, and the adapter that it goes on with, if any.

    Raises:
        WrongUsage: A dataset or a model is missing, or options do not go together.
        EngineError: What `Runs.make_recipe` and `Continuing.make_recipe` raise.
    """
    if asked.source:
        return _ask_to_continue(session, asked)
    if asked.replay:
        raise WrongUsage(
            _("--replay goes with --from."),
            remedy=_("Without it a share is given with the dataset: --dataset general=10%."),
        )
    if not asked.dataset or not asked.model:
        option = "--model" if asked.dataset else "--dataset"
        raise WrongUsage(
            _("{option} is missing.").format(option=option),
            remedy=_("Name a dataset and a model, or an adapter to go on with: --from."),
        )
    recipe = session.api.runs.make_recipe(
        model=asked.model,
        method_id=asked.method or _USUAL_METHOD,
        preset=asked.preset,
        values=read_settings(asked.settings),
        **read_datasets(asked.dataset),
    )
    return recipe, None


def _ask_to_continue(session: Session, asked: AskedRun) -> tuple[Recipe, Beginning]:
    beginning = session.api.continuing.find(asked.source)
    data: dict[str, Any] = {}
    if asked.dataset:
        data = read_datasets(asked.dataset)
        chosen = session.api.datasets.get(data["dataset"]).id
    else:
        chosen = beginning.former_dataset_id
    if asked.replay and data.get("replay"):
        raise WrongUsage(
            _("Only one dataset can be replayed, but --replay and --dataset both name a share."),
            remedy=_("Leave --replay out, or give the dataset a weight: --dataset notes=0.5."),
        )
    data["replay"] = data.get("replay") or _replay(
        beginning, chosen, data.get("mix", {}), asked.replay
    )
    recipe = session.api.continuing.make_recipe(
        beginning,
        model=asked.model,
        method_id=asked.method,
        preset=asked.preset,
        values=read_settings(asked.settings),
        **data,
    )
    return recipe, beginning


def _replay(
    beginning: Beginning, dataset: str, mix: dict[str, float], text: str
) -> tuple[str, float] | None:
    """Return the former data with its share, None where it is not replayed.

    Raises:
        WrongUsage: The text is no share, or there is nothing to replay.
    """
    usual = usual_replay(beginning, dataset)
    ratio = read_share(text) if text else None
    if usual is None:
        if ratio:
            raise WrongUsage(_("There is no other former data to replay."))
        return None
    if ratio is None:
        return None if mix else usual
    return (usual[0], ratio) if ratio else None


def read_share(text: str) -> float:
    """Read a share such as `20%` or `0.2`.

    Raises:
        WrongUsage: It is none.
    """
    found = _SHARE.fullmatch(text.strip())
    if found is None:
        raise WrongUsage(
            _("{text} is not a share.").format(text=text),
            remedy=_("Write it as 20% or 0.2."),
        )
    return float(found["amount"]) / (100 if found["percent"] else 1)


def read_settings(settings: list[str] | None) -> dict[str, Any]:
    """Read `field=value` texts into recipe values.

    Raises:
        WrongUsage: One of them has no `=`, or a value is not of its field's type.
    """
    values: dict[str, Any] = {}
    for one in settings or []:
        name, equals, text = one.partition("=")
        if not equals:
            raise WrongUsage(
                _("--set {text} has no value.").format(text=one),
                remedy=_("Write it as field=value, for example --set epochs=2."),
            )
        try:
            values[name.strip()] = from_text(name.strip(), text.strip())
        except (ValueError, KeyError) as error:
            raise WrongUsage(
                _("{text} is not a possible value of {name}.").format(text=text, name=name)
            ) from error
    return values


def read_datasets(given: Sequence[str]) -> dict[str, Any]:
    """Read datasets of a training: `name`, then `name`, `name=weight` or `name=share%`.

    What is no number behind the last `=` is taken as a part of the name.

    Returns:
        The arguments `dataset`, `mix` and `replay` of `Runs.make_recipe`.

    Raises:
        WrongUsage: More than one is replayed.
    """
    mix: dict[str, float] = {}
    replays: list[tuple[str, float]] = []
    for text in given[1:]:
        found = _AMOUNT.fullmatch(text)
        if found is None:
            mix[text.strip()] = MAIN_WEIGHT
        elif found["percent"]:
            replays.append((found["name"].strip(), float(found["amount"]) / 100))
        else:
            mix[found["name"].strip()] = float(found["amount"])
    if len(replays) > 1:
        raise WrongUsage(
            _("Only one dataset can be replayed, but two have a share in percent."),
            remedy=_("Give the other a weight, for example --dataset notes=0.5."),
        )
    return {"dataset": given[0], "mix": mix, "replay": replays[0] if replays else None}
