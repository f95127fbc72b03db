# SPDX-License-Identifier: Apache-2.0
"""The curves of runs as numbers: read from the events, written as a table of values."""

from __future__ import annotations

import csv
import io
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from gettext import gettext as _
from pathlib import Path

import msgspec

from engine.api.runs import Runs
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


def fold_curves(envelopes: Iterable[Envelope]) -> Curves:
    """Return the curves that events tell; a step that is done again replaces what came after."""
    points: list[CurvePoint] = []
    held_out: list[tuple[int, float]] = []
    for envelope in envelopes:
        match envelope.event:
            case events.StepDone() as done:
                if points and done.step <= points[-1].step:
                    _cut(points, held_out, done.step)
                points.append(_point(done))
            case events.EvalDone(step=step, loss=loss):
                held_out = [one for one in held_out if one[0] < step]
                held_out.append((step, loss))
            case events.RolledBack(to_step=step):
                _cut(points, held_out, step + 1)
            case _:
                pass
    return Curves(points=tuple(points), held_out=tuple(held_out))


def _told(feed: JobFeed) -> Iterator[Envelope]:
    """Yield all events without holding all of them in memory."""
    while found := feed.poll(_AT_ONCE):
        yield from found


def _cut(points: list[CurvePoint], held_out: list[tuple[int, float]], step: int) -> None:
    del points[bisect_left(points, step, key=lambda one: one.step) :]
    held_out[:] = [one for one in held_out if one[0] < step]


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
        return fold_curves(_told(self._runs.feed(self._runs.get(key).id)))

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
