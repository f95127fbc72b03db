# SPDX-License-Identifier: Apache-2.0
"""The queue of runs, as the window and the command line change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from gettext import gettext as _
from subprocess import Popen

from msgspec.structs import replace

from engine.api.beginning import Beginning
from engine.api.keeper_starts import KeeperStarts
from engine.api.queue_view import QueueLine, QueueView
from engine.api.runs import Runs
from engine.domain import queue as rules
from engine.domain.queue import Hours, Queue, WaitsFor, WhenDone
from engine.domain.recipe import Recipe
from engine.errors import DocumentDamaged, RunNotFound, RunNotResumable
from engine.hardware.uptime import start_name
from engine.launcher.keeper import has_keeper, read_queue, wake_keeper
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.layout import Layout
from engine.store.locks import held


class QueueDesk:
    """Reads queue.json, and changes it while it holds its lock."""

    def __init__(self, layout: Layout) -> None:
        """Work on one workspace."""
        self._place = layout.queue
        self._layout = layout

    def read(self) -> Queue:
        """Return the queue without what is gone from the workspace.

        Raises:
            DocumentDamaged: queue.json cannot be read.
        """
        return read_queue(self._layout)

    def change(self, step: Callable[[Queue], Queue]) -> Queue:
        """Change the queue at one stroke and return it; where nothing changes nothing is written.

        A document that is damaged is put aside, and the queue begins anew: the runs are all there.

        Raises:
            DocumentDamaged: The disk does not give it now.
            InUse: Another process keeps its lock.
            DiskFull: No room; the old queue is untouched.
        """
        atomicfs.make_folder(self._place.root)
        with held(self._place.lock):
            old = self._read_or_begin()
            new = step(old)
            if new != old:
                write_document(self._place.document, new)
        return new

    def _read_or_begin(self) -> Queue:
        try:
            return self.read()
        except DocumentDamaged as error:
            if isinstance(error.__cause__, OSError):
                raise
            atomicfs.put_aside(self._place.document)
            return Queue()

    def leave(self, let_go: Callable[[], None]) -> bool:
        """Let go of the keeper's lock where there is no work; return whether that was done.

        No client changes the queue between the look and the letting go, so that none takes a
        keeper that leaves for one that stays.
        """
        with held(self._place.lock):
            if self.read().has_work:
                return False
            let_go()
        return True


class RunQueue:
    """Puts runs into the queue of one workspace, and says where it stands."""

    def __init__(
        self,
        layout: Layout,
        *,
        runs: Runs,
        wake: Callable[[Layout], Popen[bytes] | None] = wake_keeper,
        boot: Callable[[], str] = start_name,
    ) -> None:
        """Work on one workspace.

        Args:
            layout: Of the workspace.
            runs: Its runs.
            wake: Starts a keeper where there is work and none lives.
            boot: Names the present start of the computer.
        """
        self._layout = layout
        self._runs = runs
        self._starts = KeeperStarts(layout, wake=wake)
        self._boot = boot
        self._desk = QueueDesk(layout)

    def view(self) -> QueueView:
        """Return where the queue stands; one that is damaged hides nothing else."""
        try:
            queue = self._desk.read()
        except DocumentDamaged:
            return QueueView(is_damaged=True)
        has_one = has_keeper(self._layout)
        failure = self._starts.failure if queue.has_work and not has_one else None
        return QueueView(
            lines=tuple(
                QueueLine(
                    run_id=one.run_id, state=one.state, problem=one.problem, remedy=one.remedy
                )
                for one in queue.entries
            ),
            hours=queue.hours,
            when_done=queue.when_done,
            is_held=queue.is_held,
            is_kept=has_one or self._starts.is_starting,
            needs_keeper=queue.has_work,
            was_cut_off=bool(queue.active) and queue.boot_id != self._boot(),
            waits_for=queue.waits_for if queue.first_waiting else WaitsFor.NOBODY,
            closing_at=queue.closing_at,
            problem=failure.problem if failure else "",
            remedy=failure.remedy if failure else "",
        )

    def wake(self) -> None:
        """See to it that a keeper looks after the queue, where there is something to do.

        It may be called again and again: behind one that died the next waits, ever longer.
        """
        self._starts.wake()

    def add(self, keys: Sequence[str]) -> list[str]:
        """Put runs at the end, to be started or to go on, and return their ids.

        Args:
            keys: Ids, beginnings of ids, or names.

        Raises:
            RunNotFound: There is none of these.
            RunNotResumable: One of them is live or finished; nothing was put in.
        """
        found = [self._runs.get(one) for one in keys]
        for run in found:
            if not run.state.may_go_on:
                raise RunNotResumable(
                    _("{name} is live or finished, so it has nothing to wait for.").format(
                        name=run.job.info.name
                    )
                )
        for run in found:
            attempt = run.job.snapshot.attempt
            self._change(partial(rules.added, run_id=run.id, attempt=attempt))
        return [run.id for run in found]

    def add_new(self, recipe: Recipe, *, name: str = "", beginning: Beginning | None = None) -> str:
        """Write down a new run, put it at the end, and return its id.

        The arguments and errors are those of `Runs.prepare`.
        """
        run_id = self._runs.prepare(recipe, name=name, beginning=beginning)
        self._change(lambda queue: rules.added(queue, run_id))
        return run_id

    def remove(self, key: str) -> None:
        """Take a run out of the queue; the run itself stays, and goes on where it is live.

        Raises:
            RunNotFound: It is not in the queue.
        """
        run_id = self._found(key)
        self._change(lambda queue: rules.without(queue, run_id))

    def move(self, key: str, place: int) -> None:
        """Put a run of the queue at a place.

        Args:
            key: Id, beginning of an id, or name.
            place: From 0.

        Raises:
            RunNotFound: It is not in the queue.
        """
        run_id = self._found(key)
        self._change(lambda queue: rules.moved(queue, run_id, place))

    def set_hours(self, hours: Hours | None) -> None:
        """Let runs go between two times of day only, or always."""
        self._change(lambda queue: replace(queue, hours=hours))

    def set_when_done(self, when_done: WhenDone) -> None:
        """Choose what follows when nothing is left to do; this also calls off what is due."""
        self._change(lambda queue: rules.with_when_done(queue, when_done))

    def hold(self) -> None:
        """Start nothing more; what is live goes on."""
        self._change(lambda queue: replace(queue, is_held=True))

    def go_on(self) -> None:
        """Start again what waits."""
        self._change(lambda queue: replace(queue, is_held=False))

    def _change(self, step: Callable[[Queue], Queue]) -> None:
        self._desk.change(step)
        self._starts.wake(at_once=True)

    def _found(self, key: str) -> str:
        """Return the id of a run of the queue.

        Raises:
            RunNotFound: It is not in the queue.
        """
        queue = self._desk.read()
        if queue.entry(key) is not None:
            return key
        run = self._runs.get(key)
        if queue.entry(run.id) is None:
            raise RunNotFound(
                _("{name} is not in the queue.").format(name=run.job.info.name),
                remedy=_("Look at the queue."),
            )
        return run.id
