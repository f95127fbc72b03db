# SPDX-License-Identifier: Apache-2.0
"""The log of a run for TensorBoard, made from its events: for any run, at any time, in one pass.

Nothing is decimated and nothing is held: two readings of the events, one that finds what the run
went back behind, and one that writes what counts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import accumulate
from math import inf, nan
from typing import IO, Any

import msgspec

from engine.api.runs import RunView
from engine.domain.recipe import Recipe
from engine.protocol import events
from engine.protocol.codec import Envelope
from engine.store import tensorboard_writer

_UNNAMEABLE = re.compile(r"[^\w.+()-]+")
_LONGEST_NAME = 60
_GIB = 1 << 30


def log_place(run: RunView) -> tuple[str, str]:
    """Return the names of the folder and of the file of a run's log.

    TensorBoard calls a run by its folder. Both names stay the same, so that the log of a run that
    has come further takes the place of the earlier one.
    """
    name = _UNNAMEABLE.sub("_", run.job.info.name).strip("._")[:_LONGEST_NAME]
    began_s = int(_seconds(run.job.info.created_at))
    return f"{name}-{run.id}".strip("-"), f"events.out.tfevents.{began_s}.burnish.{run.id}"


def write_log(stream: IO[bytes], run: RunView, told: Callable[[], Iterable[Envelope]]) -> None:
    """Write the log of a run as far as it has come.

    Args:
        stream: The new file.
        run: The run.
        told: Starts a reading of its events from the first one on; it is done twice.
    """
    began_s = _seconds(run.job.info.created_at)
    stream.write(tensorboard_writer.file_start(wall_s=began_s))
    words = _recipe_table(run.recipe)
    stream.write(tensorboard_writer.text(words, tag="recipe/text_summary", wall_s=began_s))
    standing = Standing(told())
    for envelope in told():
        values = _figures(envelope.event)
        step = standing.step_of(envelope)
        if values and step is not None:
            wall_s = _seconds(envelope.t)
            stream.write(tensorboard_writer.figures(values, step=step, wall_s=wall_s))


class Standing:
    """Knows which steps and checks of a log count: those that nothing later takes back."""

    def __init__(self, told: Iterable[Envelope]) -> None:
        """Read all events once."""
        self._newest = 0
        steps, checks = _Cuts(), _Cuts()
        for envelope in told:
            self._newest = envelope.seq
            match envelope.event:
                case events.StepDone(step=step):
                    if step <= steps.reached:
                        checks.cut(envelope.seq, step)
                        steps.cut(envelope.seq, step)
                    steps.reached = step
                case events.EvalDone(step=step):
                    checks.cut(envelope.seq, step)
                    checks.reached = step
                case events.RolledBack(to_step=step):
                    checks.cut(envelope.seq, step + 1)
                    steps.cut(envelope.seq, step + 1)
                case _:
                    pass
        self._steps, self._checks = steps.lasting(), checks.lasting()

    def step_of(self, envelope: Envelope) -> int | None:
        """Return the step of an event that counts, None of any other and of what came since."""
        if envelope.seq > self._newest:
            return None
        match envelope.event:
            case events.StepDone(step=step):
                return step if self._steps(envelope.seq, step) else None
            case events.EvalDone(step=step):
                return step if self._checks(envelope.seq, step) else None
            case _:
                return None


class _Cuts:
    """Where one line of figures was cut: at which event, and from which step on.

    Attributes:
        reached: The newest step that stands; below any before the first.
    """

    def __init__(self) -> None:
        self.reached = -1
        self._cuts: list[tuple[int, int]] = []

    def cut(self, seq: int, step: int) -> None:
        """Let an event take back this step and all behind it, where there are any."""
        if step <= self.reached:
            self._cuts.append((seq, step))
            self.reached = step - 1

    def lasting(self) -> Callable[[int, int], bool]:
        """Return what says whether a step that an event tells is not cut by a later one."""
        numbers = [seq for seq, _step in self._cuts]
        backwards = accumulate((step for _seq, step in reversed(self._cuts)), min, initial=inf)
        lowest = list(backwards)[::-1]
        return lambda seq, step: step < lowest[bisect_right(numbers, seq)]


def _figures(event: events.Event | None) -> dict[str, float]:
    """Return what an event tells by the names that others use too; losses in nats per token."""
    match event:
        case events.StepDone() as done:
            return {
                "train/loss": _or_nan(done.loss),
                "train/learning_rate": done.learning_rate,
                "train/grad_norm": _or_nan(done.grad_norm),
                "train/epoch": done.epoch,
                "train/tokens_per_second": done.tokens_per_s,
                "train/tokens_seen": done.tokens_seen,
                "train/memory_gib": done.memory_bytes / _GIB,
            }
        case events.EvalDone(loss=loss):
            return {"eval/loss": loss}
        case _:
            return {}


def _or_nan(value: float | None) -> float:
    return nan if value is None else value


def _seconds(moment: str) -> float:
    """Return a UTC time of ISO 8601 as seconds since 1970."""
    return datetime.fromisoformat(moment).timestamp()


def _recipe_table(recipe: Recipe) -> str:
    return "\n".join(("| | |", "|---|---|", *_recipe_rows(msgspec.to_builtins(recipe))))


def _recipe_rows(values: dict[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        words = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        yield f"| {name} | {words.replace('|', '&#124;')} |"
