# SPDX-License-Identifier: Apache-2.0
"""Commands on the queue: the list, what is in it, when its runs may go, and what follows."""

from __future__ import annotations

from gettext import gettext as _
from typing import Annotated

import msgspec
import typer

from engine.api.queue_view import QueueLine, QueueView
from engine.api.runs import RunView
from engine.cli.asked import AskedRun, ask_for_run
from engine.cli.run import RunArgument, state_cell
from engine.cli.session import Json, Session, session_of
from engine.cli.spread import spread
from engine.domain.queue import EntryState, WaitsFor, WhenDone, clock_text, read_hours
from engine.errors import WrongUsage

_ALWAYS = "always"

app = typer.Typer(help="Runs that wait: order, hours, what follows.", invoke_without_command=True)


@app.callback()
def queue(context: typer.Context, as_json: Json = False) -> None:
    """List the runs that wait, or change the queue."""
    session = session_of(context, as_json)
    if context.invoked_subcommand is None:
        show_queue(session)


@app.command("list")
def listed(context: typer.Context, as_json: Json = False) -> None:
    """List the runs that wait."""
    show_queue(session_of(context, as_json))


@app.command("add")
def add(
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Ids or names of runs that are paused, stopped, failed or not started yet.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Put runs at the end of the queue."""
    session = session_of(context, as_json)
    session.api.queue.add(runs)
    show_queue(session)


@app.command("new")
@spread(AskedRun)
def new(
    context: typer.Context,
    asked: AskedRun,
    name: Annotated[str, typer.Option(help="Name of the run.")] = "",
    as_json: Json = False,
) -> None:
    """Put a new run at the end of the queue; the options are those of train."""
    session = session_of(context, as_json)
    recipe, beginning = ask_for_run(session, asked)
    session.api.queue.add_new(recipe, name=name, beginning=beginning)
    show_queue(session)


@app.command("move")
def move(
    context: typer.Context,
    run: RunArgument,
    place: Annotated[int, typer.Argument(help="New place, from 1.", min=1)],
    as_json: Json = False,
) -> None:
    """Put a run of the queue at another place."""
    session = session_of(context, as_json)
    session.api.queue.move(run, place - 1)
    show_queue(session)


@app.command("remove")
def remove(context: typer.Context, run: RunArgument, as_json: Json = False) -> None:
    """Take a run out of the queue; the run itself stays, and goes on where it is live."""
    session = session_of(context, as_json)
    session.api.queue.remove(run)
    show_queue(session)


@app.command("when")
def when(
    context: typer.Context,
    hours: Annotated[str, typer.Argument(help="Times of day such as 22:00-06:00, or always.")],
    as_json: Json = False,
) -> None:
    """Let runs go between two times of day only; one that is live at the end is paused."""
    session = session_of(context, as_json)
    try:
        session.api.queue.set_hours(None if hours == _ALWAYS else read_hours(hours))
    except ValueError as error:
        raise WrongUsage(
            _("{text} is not two times of day.").format(text=hours),
            remedy=_("Write them as 22:00-06:00, or write: always."),
        ) from error
    show_queue(session)


@app.command("then")
def then(
    context: typer.Context,
    what: Annotated[WhenDone, typer.Argument(help="What follows when nothing is left to do.")],
    as_json: Json = False,
) -> None:
    """Choose what follows the queue, once; this also calls off what is about to happen."""
    session = session_of(context, as_json)
    session.api.queue.set_when_done(what)
    show_queue(session)


@app.command("hold")
def hold(context: typer.Context, as_json: Json = False) -> None:
    """Start nothing more; what is live goes on."""
    session = session_of(context, as_json)
    session.api.queue.hold()
    show_queue(session)


@app.command("resume")
def resume(context: typer.Context, as_json: Json = False) -> None:
    """Go on with the queue after a hold, or after a restart of the computer."""
    session = session_of(context, as_json)
    session.api.queue.go_on()
    show_queue(session)


def show_queue(session: Session) -> None:
    """Show the queue."""
    view = session.api.queue.view()
    runs = {one.id: one for one in session.api.runs.list()}
    session.table(
        [_("Place"), _("Id"), _("Name"), _("In the queue"), _("State")],
        [_cells(number, one, runs) for number, one in enumerate(view.lines, start=1)],
    )
    for sentence in queue_sentences(view):
        session.out.print(sentence, markup=False)
    session.result(msgspec.to_builtins(view))


def _cells(number: int, line: QueueLine, runs: dict[str, RunView]) -> list[str]:
    run = runs.get(line.run_id)
    words = entry_word(line.state)
    if line.problem:
        words = f"{words}: {line.problem} {line.remedy}"
    name = run.job.info.name if run is not None else ""
    return [str(number), line.run_id, name, words, state_cell(run) if run is not None else ""]


def entry_word(state: EntryState) -> str:
    """Return the word for the state of an entry."""
    return {
        EntryState.WAITING: _("waits"),
        EntryState.STARTING: _("starts"),
        EntryState.RUNNING: _("trains"),
        EntryState.YIELDING: _("is paused until its hours"),
        EntryState.REFUSED: _("cannot start"),
    }[state]


def queue_sentences(view: QueueView) -> list[str]:
    """Return what is to be known of the queue."""
    words = [_hours_sentence(view), _waiting_sentence(view), _keeping_sentence(view)]
    then = {
        WhenDone.SLEEP: _("When it is done, the computer goes to sleep."),
        WhenDone.SHUT_DOWN: _("When it is done, the computer is shut down."),
    }
    words.append(then.get(view.when_done, ""))
    if view.closing_at:
        words.append(_("That happens within a minute. Call it off: queue then nothing."))
    if view.is_damaged:
        words.append(_("What it held cannot be read any more. Your runs are all there."))
    if not view.lines:
        words.append(_("The queue is empty. Put a run in: queue new, or queue add RUN."))
    return [one for one in words if one]


def _hours_sentence(view: QueueView) -> str:
    if view.hours is None:
        return ""
    begin, end = clock_text(view.hours.begin), clock_text(view.hours.end)
    return _("Runs go between {begin} and {end} only.").format(begin=begin, end=end)


def _waiting_sentence(view: QueueView) -> str:
    if view.waits_for is WaitsFor.DEVICE:
        return _("The next run waits: other programs hold the graphics card's memory.")
    if view.waits_for is WaitsFor.OTHER_JOB:
        return _("The next run waits for other work of Burnish.")
    return ""


def _keeping_sentence(view: QueueView) -> str:
    if view.is_held:
        return _("It is held; nothing is started. Go on: queue resume.")
    if view.problem:
        return f"{view.problem} {view.remedy}"
    if view.needs_keeper and not view.is_kept:
        return _("Nobody looks after it now. Go on: queue resume, or open the window.")
    return ""
