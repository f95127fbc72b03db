# SPDX-License-Identifier: Apache-2.0
"""Commands on one run: train, plan, run show|follow|stop|again|resume."""

from __future__ import annotations

from gettext import gettext as _
from typing import Annotated, Any

import msgspec
import typer

from engine.api.runs import RunView
from engine.cli.asked import AskedRun, SetOption, ask_for_run, read_settings
from engine.cli.follow import duration, follow
from engine.cli.plan_lines import plan_lines, plan_values
from engine.cli.session import Json, Session, session_of
from engine.cli.spread import spread
from engine.domain.run import Failure, JobState
from engine.domain.start import start_words

app = typer.Typer(help="One run: show, follow, pause, stop, resume.", no_args_is_help=True)

RunArgument = Annotated[str, typer.Argument(help="Id, beginning of an id, or name of the run.")]


@spread(AskedRun)
def train(
    context: typer.Context,
    asked: AskedRun,
    name: Annotated[str, typer.Option(help="Name of the run.")] = "",
    as_json: Json = False,
) -> None:
    """Train, and follow the run; Ctrl-C leaves it running."""
    session = session_of(context, as_json)
    recipe, beginning = ask_for_run(session, asked)
    follow_run(session, session.api.runs.start(recipe, name=name, beginning=beginning))


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
        "went_on_with": [msgspec.to_builtins(one) for one in run.descent],
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
    if run.recipe.start is not None:
        words = _("  goes on with {start}").format(start=start_words(run.recipe.start))
        session.out.print(words, markup=False)
    if snapshot.eval_before is not None and snapshot.eval_last is not None:
        words = _held_out_words(snapshot.eval_before, snapshot.eval_last)
        session.out.print(words, markup=False)
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


def _held_out_words(before: float, after: float) -> str:
    """Return both losses, and their change where there is a share of it."""
    losses = {"before": f"{before:.3f}", "after": f"{after:.3f}"}
    if not before:
        return _("  held-out loss {before} before, {after} now").format(**losses)
    change = f"{100 * (after / before - 1):+.0f}"
    words = _("  held-out loss {before} before, {after} now ({change} %)")
    return words.format(change=change, **losses)


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


@spread(AskedRun)
def plan(
    context: typer.Context,
    asked: AskedRun,
    as_json: Json = False,
) -> None:
    """Say what a run would need and do, without starting it."""
    session = session_of(context, as_json)
    recipe, _beginning = ask_for_run(session, asked)
    found = session.api.runs.plan(recipe)
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
def stop(
    context: typer.Context,
    run: RunArgument,
    now: Annotated[
        bool,
        typer.Option(
            "--now",
            help="End a run that does not respond; what came after its checkpoint is lost.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Stop a run at its next step; it writes a checkpoint first."""
    session = session_of(context, as_json)
    view = session.api.runs.get(run)
    if now:
        session.api.runs.end(view.id)
    else:
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
