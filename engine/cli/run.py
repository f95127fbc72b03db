# SPDX-License-Identifier: Apache-2.0
"""Commands on one run: train, plan, run show|follow|stop|again|resume."""

from __future__ import annotations

import re
from collections.abc import Sequence
from gettext import gettext as _
from typing import Annotated, Any

import typer

from engine.api.runs import RunView
from engine.cli.follow import duration, follow
from engine.cli.plan_lines import plan_lines, plan_values
from engine.cli.session import Json, Session, session_of
from engine.domain.mix import MAIN_WEIGHT
from engine.domain.recipe import Recipe
from engine.domain.recipe_values import from_text
from engine.domain.run import Failure, JobState
from engine.errors import WrongUsage

_AMOUNT = re.compile(r"(?P<name>.+)=(?P<amount>[0-9]*\.?[0-9]+)(?P<percent>%?)")

app = typer.Typer(help="One run: show, follow, pause, stop, resume.", no_args_is_help=True)

DatasetOption = Annotated[
    list[str],
    typer.Option(
        "--dataset",
        help="Id or name of the dataset. Again for further ones: NAME=0.5 sees half of it in a "
        "pass, NAME=10% replays it as a tenth of the rows.",
    ),
]
ModelOption = Annotated[str, typer.Option("--model", help="Id or name of the model.")]
MethodOption = Annotated[str, typer.Option("--method", help="Training method.")]
PresetOption = Annotated[str, typer.Option("--preset", help="Start from a preset.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="field=value; may be given several times.")
]
RunArgument = Annotated[str, typer.Argument(help="Id, beginning of an id, or name of the run.")]


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


def _recipe(
    session: Session,
    datasets: Sequence[str],
    model: str,
    method: str,
    preset: str,
    settings: list[str] | None,
) -> Recipe:
    return session.api.runs.make_recipe(
        model=model,
        method_id=method,
        preset=preset,
        values=read_settings(settings),
        **read_datasets(datasets),
    )


def train(
    context: typer.Context,
    dataset: DatasetOption,
    model: ModelOption,
    method: MethodOption = "sft_qlora",
    preset: PresetOption = "",
    settings: SetOption = None,
    name: Annotated[str, typer.Option(help="Name of the run.")] = "",
    as_json: Json = False,
) -> None:
    """Train, and follow the run; Ctrl-C leaves it running."""
    session = session_of(context, as_json)
    recipe = _recipe(session, dataset, model, method, preset, settings)
    run_id = session.api.runs.start(recipe, name=name)
    follow_run(session, run_id)


def follow_run(session: Session, run_id: str) -> None:
    """Follow a run to its end, or until Ctrl-C leaves it running, and show where it stands."""
    view = follow(session, run_id, title=_("Run"), detach=True)
    if not view.state.is_over:
        session.progress.print(
            _(
                "The run goes on without this terminal. Follow it again: run follow {run}. "
                "Pause it: run pause {run}. Stop it: run stop {run}."
            ).format(run=run_id),
            markup=False,
        )
    _show(session, session.api.runs.get(run_id))


def outcome(run: RunView) -> dict[str, Any]:
    """Return what a run has come to, as JSON tells it."""
    snapshot = run.job.snapshot
    return {
        "run_id": run.id,
        "name": run.job.info.name,
        "state": run.state.value,
        "steps": snapshot.step,
        "total_steps": snapshot.total_steps,
        "train_loss": snapshot.loss,
        "eval_loss_before": snapshot.eval_before,
        "eval_loss_after": snapshot.eval_last,
        "eval_loss_best": snapshot.eval_best,
        "checkpoint": snapshot.checkpoint or None,
        "dataset_id": run.recipe.dataset_id,
        "model_id": run.recipe.model_id,
        "has_adapter": run.has_adapter,
        "adapter_step": snapshot.adapter_step,
        "adapter_is_best": snapshot.adapter_is_best,
        "rollbacks": snapshot.rollbacks,
        "is_silent": run.job.is_silent,
        "failure": ended_badly(run),
        "note": run.note.text,
        "tags": run.note.tags,
    }


def ended_badly(run: RunView) -> Failure | None:
    """Return why a run failed or was interrupted; None where neither happened."""
    if run.state is JobState.INTERRUPTED:
        return run.job.cause
    return run.job.snapshot.failure if run.state is JobState.FAILED else None


def _show(session: Session, run: RunView) -> None:
    snapshot = run.job.snapshot
    session.out.print(f"{run.job.info.name}  ({run.id})  {state_word(run.state)}", markup=False)
    session.out.print(
        _("  {model} on {dataset}, step {step} of {total}").format(
            model=run.model_name,
            dataset=run.dataset_name,
            step=snapshot.step,
            total=snapshot.total_steps,
        ),
        markup=False,
    )
    if snapshot.eval_before is not None and snapshot.eval_last is not None:
        change = 100 * (snapshot.eval_last / snapshot.eval_before - 1)
        session.out.print(
            _("  held-out loss {before} before, {after} now ({change} %)").format(
                before=f"{snapshot.eval_before:.3f}",
                after=f"{snapshot.eval_last:.3f}",
                change=f"{change:+.0f}",
            ),
            markup=False,
        )
    if snapshot.adapter_step is not None and run.has_adapter:
        words = (
            _("  the adapter is that of step {step}, the best")
            if snapshot.adapter_is_best
            else _("  the adapter is that of step {step}")
        )
        session.out.print(words.format(step=snapshot.adapter_step))
    if snapshot.eta_s is not None and not run.state.is_over:
        session.out.print(_("  about {time} left").format(time=duration(snapshot.eta_s)))
    if run.note.tags:
        tags = ", ".join(run.note.tags)
        session.out.print(_("  tags: {tags}").format(tags=tags), markup=False)
    if run.note.text:
        session.out.print(f"  {run.note.text}", markup=False)
    if run.job.is_silent:
        session.out.print(
            _("  its worker does not respond: it is slow or suspended, not gone"), markup=False
        )
    _show_end(session, run)
    session.result(outcome(run))


def _show_end(session: Session, run: RunView) -> None:
    """Say what happened, what is safe, what to do, and the details that may be passed on."""
    failure, step = ended_badly(run), run.job.snapshot.checkpoint_step
    if failure is None:
        return
    safe = (
        _("The checkpoint of step {step} is complete and was verified.").format(step=step)
        if run.job.snapshot.checkpoint
        else _("There was no checkpoint yet. Your data and the model were not changed.")
    )
    session.out.print(f"  {failure.message}\n  {safe}\n  {failure.remedy}", markup=False)
    detail = "\n".join(f"    {one}" for one in failure.detail.splitlines())
    session.out.print(f"  [{failure.code}]" + (f"\n{detail}" if detail else ""), markup=False)


def state_word(state: JobState) -> str:
    """Return the word for a state."""
    return {
        JobState.WAITING: _("waiting"),
        JobState.STARTING: _("starting"),
        JobState.RUNNING: _("training"),
        JobState.PAUSED: _("paused"),
        JobState.STOPPED: _("stopped"),
        JobState.FINISHED: _("finished"),
        JobState.FAILED: _("failed"),
        JobState.INTERRUPTED: _("interrupted"),
    }[state]


def state_cell(run: RunView) -> str:
    """Return the word for a run's state, with the code of what ended it."""
    failure = ended_badly(run)
    if run.job.is_silent:
        return _("not responding")
    return state_word(run.state) + (f" ({failure.code})" if failure is not None else "")


def plan(
    context: typer.Context,
    dataset: DatasetOption,
    model: ModelOption,
    method: MethodOption = "sft_qlora",
    preset: PresetOption = "",
    settings: SetOption = None,
    as_json: Json = False,
) -> None:
    """Say what a run would need and do, without starting it."""
    session = session_of(context, as_json)
    found = session.api.runs.plan(_recipe(session, dataset, model, method, preset, settings))
    for sentence in plan_lines(found):
        session.out.print(sentence, markup=False)
    session.result(plan_values(found))


@app.command("show")
def show(context: typer.Context, run: RunArgument, as_json: Json = False) -> None:
    """Show where a run stands."""
    session = session_of(context, as_json)
    _show(session, session.api.runs.get(run))


@app.command("follow")
def follow_again(context: typer.Context, run: RunArgument, as_json: Json = False) -> None:
    """Follow a run that is running; Ctrl-C leaves it running."""
    session = session_of(context, as_json)
    follow_run(session, session.api.runs.get(run).id)


@app.command("stop")
def stop(context: typer.Context, run: RunArgument, as_json: Json = False) -> None:
    """Stop a run at its next step; it writes a checkpoint first."""
    session = session_of(context, as_json)
    view = session.api.runs.get(run)
    session.api.runs.stop(view.id)
    follow(session, view.id, title=_("Stopping"), detach=True)
    _show(session, session.api.runs.get(view.id))


@app.command("pause")
def pause(context: typer.Context, run: RunArgument, as_json: Json = False) -> None:
    """Pause a run at its next step: it writes a checkpoint and frees the graphics card."""
    session = session_of(context, as_json)
    view = session.api.runs.get(run)
    session.api.runs.pause(view.id)
    follow(session, view.id, title=_("Pausing"), detach=True)
    _show(session, session.api.runs.get(view.id))


@app.command("again")
def again(
    context: typer.Context,
    run: RunArgument,
    settings: SetOption = None,
    name: Annotated[str, typer.Option(help="Name of the new run.")] = "",
    as_json: Json = False,
) -> None:
    """Train again with the recipe of a run, some values changed, and follow the new run."""
    session = session_of(context, as_json)
    recipe = session.api.runs.recipe_again(run, read_settings(settings))
    follow_run(session, session.api.runs.start(recipe, name=name))


@app.command("resume")
def resume(context: typer.Context, run: RunArgument, as_json: Json = False) -> None:
    """Go on from the newest verified checkpoint, and follow the run."""
    session = session_of(context, as_json)
    follow_run(session, session.api.runs.resume(run))
