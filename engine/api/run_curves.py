# SPDX-License-Identifier: Apache-2.0
"""The curves of runs as numbers: read from the events, written as a table or for TensorBoard."""

from __future__ import annotations

import csv
import io
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from gettext import gettext as _
from pathlib import Path

import msgspec

from engine.api.runs import Runs, RunView
from engine.api.tensorboard_log import log_place, write_log
from engine.errors import TargetExists
from engine.launcher.watch import JobFeed
from engine.protocol import events
from engine.protocol.codec import Envelope
from engine.store import atomicfs


class CurvePoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The values of one step; `step_done` of the protocol says what they are."""

    step: int
    loss: float | None
    learning_rate: float
    grad_norm: float | None
    tokens_per_s: float
    memory_bytes: int


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """What a run computed, without what it went back behind.

    Attributes:
        points: One for each step, rising.
        held_out: Step and held-out loss of each check, rising; step 0 is before the first.
    """

    points: tuple[CurvePoint, ...] = ()
    held_out: tuple[tuple[int, float], ...] = ()


_AT_ONCE = 10_000
COLUMNS = (
    "step",
    "training_loss",
    "held_out_loss",
    "learning_rate",
    "gradient_norm",
    "tokens_per_s",
    "memory_bytes",
)
"""Columns of a table of curves. Losses are mean nats per supervised token."""


class _Fold:
    """The curves so far; a step that is done again replaces what came after."""

    def __init__(self) -> None:
        self._points: list[CurvePoint] = []
        self._held_out: list[tuple[int, float]] = []

    def take(self, envelope: Envelope) -> None:
        """Take in the next event."""
        match envelope.event:
            case events.StepDone() as done:
                if self._points and done.step <= self._points[-1].step:
                    self._cut(done.step)
                self._points.append(_point(done))
            case events.EvalDone(step=step, loss=loss):
                self._held_out = [one for one in self._held_out if one[0] < step]
                self._held_out.append((step, loss))
            case events.RolledBack(to_step=step):
                self._cut(step + 1)
            case _:
                pass

    def curves(self) -> Curves:
        """Return them as they are now."""
        return Curves(points=tuple(self._points), held_out=tuple(self._held_out))

    def _cut(self, step: int) -> None:
        del self._points[bisect_left(self._points, step, key=lambda one: one.step) :]
        self._held_out = [one for one in self._held_out if one[0] < step]


def fold_curves(envelopes: Iterable[Envelope]) -> Curves:
    """Return the curves that events tell; a step that is done again replaces what came after."""
    fold = _Fold()
    for envelope in envelopes:
        fold.take(envelope)
    return fold.curves()


class CurveReader:
    """Follows the curves of one run: each reading takes in only what came since the last."""

    def __init__(self, feed: JobFeed) -> None:
        """Start where the feed is, which nobody else polls."""
        self._feed = feed
        self._fold = _Fold()

    def read(self) -> Curves:
        """Return the curves as far as the run has come.

        Raises:
            VersionUnknown: A newer Burnish wrote its events.
        """
        for envelope in _told(self._feed):
            self._fold.take(envelope)
        return self._fold.curves()


def _told(feed: JobFeed) -> Iterator[Envelope]:
    """Yield all new events without holding all of them in memory."""
    while found := feed.poll(_AT_ONCE):
        yield from found


def _point(done: events.StepDone) -> CurvePoint:
    return CurvePoint(
        step=done.step,
        loss=done.loss,
        learning_rate=done.learning_rate,
        grad_norm=done.grad_norm,
        tokens_per_s=done.tokens_per_s,
        memory_bytes=done.memory_bytes,
    )


def curves_csv(named: Sequence[tuple[str, Curves]]) -> bytes:
    """Return curves as comma-separated values in UTF-8, numbers with a point, one row per step.

    Args:
        named: Name and curves of each run; with more than one, the first column is the name.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    is_named = len(named) > 1
    writer.writerow((*(("run",) if is_named else ()), *COLUMNS))
    for name, curves in named:
        for row in curve_rows(curves):
            writer.writerow((*((name,) if is_named else ()), *row))
    return text.getvalue().encode()


def curve_rows(curves: Curves) -> list[tuple[float | int | None, ...]]:
    """Return one row of `COLUMNS` for each step, and for each held-out check without a step."""
    held_out = dict(curves.held_out)
    rows: dict[int, tuple[float | int | None, ...]] = {
        step: (step, None, loss, None, None, None, None) for step, loss in curves.held_out
    }
    for one in curves.points:
        rows[one.step] = (
            one.step,
            one.loss,
            held_out.get(one.step),
            one.learning_rate,
            one.grad_norm,
            one.tokens_per_s,
            one.memory_bytes,
        )
    return [rows[step] for step in sorted(rows)]


class RunCurves:
    """Reads the curves of the runs of one workspace, and saves them as files."""

    def __init__(self, runs: Runs) -> None:
        """Work on the runs of one workspace."""
        self._runs = runs

    def read(self, key: str) -> Curves:
        """Return the curves of a run as far as it has come.

        Raises:
            RunNotFound: There is no such run.
            VersionUnknown: A newer Burnish wrote its events.
        """
        return self.follow(self._runs.get(key).id).read()

    def follow(self, run_id: str) -> CurveReader:
        """Return a reader of the curves of a run, for whoever looks again while it goes on.

        Raises:
            RunNotFound: There is no run of this id.
        """
        return CurveReader(self._runs.feed(run_id))

    def save_csv(self, keys: Sequence[str], path: Path, *, replace: bool = False) -> Path:
        """Write the numbers of the curves of some runs to one file; return its path.

        Raises:
            RunNotFound: There is no such run.
            TargetExists: The file is there, and may not be replaced.
            DiskFull: No room.
        """
        runs = [self._runs.get(key) for key in keys]
        named = [(one.job.info.name, self.read(one.id)) for one in runs]
        return self.save(curves_csv(named), path, replace=replace)

    def save_tensorboard(self, keys: Sequence[str], folder: Path) -> tuple[Path, ...]:
        """Write the logs of some runs for TensorBoard; return the file of each.

        Each run has a folder of its own in the given one, which is what TensorBoard is started
        with. A log that was written earlier is replaced by what the run has come to.

        Raises:
            RunNotFound: There is no such run.
            VersionUnknown: A newer Burnish wrote its events.
            TargetExists: A file stands where the folder is to be.
            DiskFull: No room.
            NotWritable: The place refuses.
        """
        if folder.is_file():
            raise TargetExists(_("{path} is a file, not a folder.").format(path=folder))
        return tuple(self._save_log(self._runs.get(key), folder) for key in keys)

    def _save_log(self, run: RunView, folder: Path) -> Path:
        inside, name = log_place(run)
        path = folder / inside / name
        atomicfs.make_folder(path.parent)
        with atomicfs.whole_file(path) as stream:
            write_log(stream, run, lambda: _told(self._runs.feed(run.id)))
        return path

    def save(self, content: bytes, path: Path, *, replace: bool = False) -> Path:
        """Write numbers, or the picture of a chart, to a file; return its path.

        Raises:
            TargetExists: The file is there, and may not be replaced.
            DiskFull: No room.
        """
        if path.exists() and not replace:
            raise TargetExists(_("{path} is there already.").format(path=path))
        atomicfs.write_file(path, content)
        return path
