# SPDX-License-Identifier: Apache-2.0
"""What a run did so far, gathered from its events: points, checks, answers, checkpoints, news.

Columns are arrays of plain numbers, so that a hundred thousand steps stay small and quick.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from gettext import gettext as _
from gettext import ngettext
from math import nan

import msgspec
from msgspec.structs import replace

from engine.domain.decision import Decision
from engine.domain.phase import phase_title
from engine.protocol import events
from engine.protocol.codec import Envelope
from gui.viewmodels import numbers

_COLUMNS = ("loss", "learning_rate", "tokens_per_s", "memory_gb", "grad_norm")
STEPS_KEPT = 50_000
NEWS_KEPT = 1_000
_ANSWERED_STEPS = 200


class News(msgspec.Struct, frozen=True, kw_only=True):
    """Something notable that happened: when (UTC), what, and how grave."""

    at: str
    text: str
    kind: str = "neutral"


class SavedCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint that was announced."""

    step: int
    name: str
    size_bytes: int
    is_best: bool
    at: str


class RunTrace:
    """The past of one run. Take events in; read columns out.

    Of a run of a million steps the newest are kept, and of its answers some: the charts have taken
    the others in, and the file of its numbers has all of them.

    Attributes:
        steps: Finished steps, rising: all, or the newest 50,000 at least.
        columns: Values by name at these steps; NaN where a value was not finite.
        dropped: How many steps before these are not kept any more.
        held_out: Held-out checks as step and loss.
        samples: Answers while it learned; of very many, those of some steps.
        checkpoints: Checkpoints that were announced, oldest first.
        plan: The resolved plan, or None.
        news: What is worth telling, oldest first; the newest 1,000 at least.
        told: How much has ever been told.
        versions: Libraries and device, as the last worker named them.
        warned: Codes of what it warned of.
        rollbacks: Steps that it went back to because it diverged, oldest first.
    """

    def __init__(self) -> None:
        self.steps: array[int] = array("q")
        self.columns: dict[str, array[float]] = {name: array("d") for name in _COLUMNS}
        self.held_out: list[tuple[int, float]] = []
        self.samples: list[events.SampleMade] = []
        self.checkpoints: list[SavedCheckpoint] = []
        self.plan: events.PlanResolved | None = None
        self.news: list[News] = []
        self.versions: dict[str, str] = {}
        self.warned: set[str] = set()
        self.rollbacks: list[int] = []
        self.dropped = 0
        self.told = 0
        self._changed_from: int | None = None
        self._attempts: list[tuple[str, str]] = []

    def take(self, envelopes: Sequence[Envelope]) -> int | None:
        """Take in new events, in order; return the first step that is new or gone, if any is."""
        self._changed_from = None
        for one in envelopes:
            event = one.event
            if isinstance(event, events.StepDone):
                self._take_step(event)
            elif event is not None:
                self._take_other(event, one.t)
            if self._attempts:
                self._attempts[-1] = (self._attempts[-1][0], one.t)
        if len(self.steps) > 2 * STEPS_KEPT:
            self._drop(len(self.steps) - STEPS_KEPT)
        return self._changed_from

    @property
    def best(self) -> tuple[int, float] | None:
        """Return step and loss of the lowest held-out check."""
        return min(self.held_out, key=lambda one: one[1]) if self.held_out else None

    @property
    def decisions(self) -> dict[str, Decision]:
        """Return the automatic choices, empty before the plan is resolved."""
        return self.plan.decisions if self.plan else {}

    def worked_s(self, now: datetime | None) -> float:
        """Return the seconds that workers were busy; `now` while one still is, else None."""
        total = 0.0
        for i, (began, last) in enumerate(self._attempts):
            start, end = numbers.local_moment(began), numbers.local_moment(last)
            if now is not None and i == len(self._attempts) - 1:
                end = now
            if start is not None and end is not None:
                total += max(0.0, (end - start).total_seconds())
        return total

    def held_out_at(self, step: int) -> float | None:
        """Return the held-out loss that was checked after a step, or None."""
        i = bisect_left(self.held_out, (step, -1.0))
        found = self.held_out[i : i + 1]
        return found[0][1] if found and found[0][0] == step else None

    # ------------------------------------------------------------------ taking events in

    def _take_step(self, done: events.StepDone) -> None:
        if self.steps and done.step <= self.steps[-1]:
            self._cut(done.step)
        if self._changed_from is None:
            self._changed_from = done.step
        self.steps.append(done.step)
        columns = self.columns
        columns["loss"].append(nan if done.loss is None else done.loss)
        columns["learning_rate"].append(done.learning_rate)
        columns["tokens_per_s"].append(done.tokens_per_s)
        columns["memory_gb"].append(numbers.gigabytes(done.memory_bytes))
        columns["grad_norm"].append(nan if done.grad_norm is None else done.grad_norm)

    def _drop(self, count: int) -> None:
        self.dropped += count
        for column in (self.steps, *self.columns.values()):
            del column[:count]

    def _cut(self, step: int) -> None:
        """Forget what came from a step on: the run goes on from a checkpoint before it."""
        keep = bisect_left(self.steps, step)
        for column in (self.steps, *self.columns.values()):
            del column[keep:]
        if not keep:
            self.dropped = min(self.dropped, max(0, step - 1))
        self.held_out = [one for one in self.held_out if one[0] < step]
        self.samples = [one for one in self.samples if one.step < step]
        self.rollbacks = [one for one in self.rollbacks if one < step]
        changed = self._changed_from
        self._changed_from = step if changed is None else min(step, changed)

    def _take_other(self, event: events.Event, at: str) -> None:
        match event:
            case events.WorkerStarted():
                self._take_start(event, at)
            case events.PlanChanged(decisions=decisions) if self.plan:
                self.plan = replace(self.plan, decisions=self.plan.decisions | decisions)
            case events.PlanResolved():
                self.plan = event
                self._tell(at, _plan_words(event))
            case events.EvalDone():
                self._take_check(event, at)
            case events.SampleMade():
                self._take_sample(event)
            case events.CheckpointCommitted():
                self._take_checkpoint(event, at)
            case events.RolledBack(to_step=step):
                self._cut(step + 1)
                self.checkpoints = [one for one in self.checkpoints if one.step <= step]
                self.rollbacks.append(step)
            case _:
                self._take_end(event, at)

    def _take_start(self, event: events.WorkerStarted, at: str) -> None:
        self.versions = dict(event.versions)
        self._attempts.append((at, at))
        words = _("A worker started") if event.attempt == 1 else _("A worker went on (start {n})")
        self._tell(at, words.format(n=event.attempt))

    def _take_check(self, event: events.EvalDone, at: str) -> None:
        if self.held_out and self.held_out[-1][0] >= event.step:
            self.held_out = [one for one in self.held_out if one[0] < event.step]
        self.held_out.append((event.step, event.loss))
        self._tell(at, _check_words(event))

    def _take_sample(self, event: events.SampleMade) -> None:
        if event.prompt in ("", events.FORGOTTEN) and not event.answer:
            return  # the dataset was forgotten
        is_new_step = not self.samples or self.samples[-1].step != event.step
        steps = sorted({one.step for one in self.samples}) if is_new_step else []
        if len(steps) >= _ANSWERED_STEPS:
            # The first stays, and evenly chosen ones: what a person compares.
            kept = set(steps[::2])
            self.samples = [one for one in self.samples if one.step in kept]
        self.samples.append(event)

    def _take_checkpoint(self, event: events.CheckpointCommitted, at: str) -> None:
        saved = SavedCheckpoint(
            step=event.step,
            name=event.name,
            size_bytes=event.size_bytes,
            is_best=event.is_best,
            at=at,
        )
        if self.checkpoints and self.checkpoints[-1].step >= event.step:
            self.checkpoints = [one for one in self.checkpoints if one.step < event.step]
        self.checkpoints.append(saved)
        words = _("Checkpoint {name} was saved and verified, {size}")
        self._tell(at, words.format(name=event.name, size=numbers.size(event.size_bytes)))

    def _take_end(self, event: events.Event, at: str) -> None:
        match event:
            case events.PhaseChanged(phase=phase):
                self._tell(at, phase_title(phase))
            case events.LossNotFinite(step=step):
                words = _("Step {step} gave no finite loss and was left out")
                self._tell(at, words.format(step=numbers.count(step)), "warning")
            case events.Warned(code=code, message=message):
                self.warned.add(code)
                self._tell(at, message, "warning")
            case events.AdapterCommitted():
                self._tell(at, _("The adapter was reloaded, checked and kept"), "success")
            case events.Stopped(step=step) | events.Paused(step=step):
                is_pause = isinstance(event, events.Paused)
                words = _("Paused at step {step}") if is_pause else _("Stopped at step {step}")
                self._tell(at, words.format(step=numbers.count(step)))
            case events.Finished():
                self._tell(at, _("Finished"), "success")
            case events.Failed(message=message):
                self._tell(at, message, "danger")
            case _:
                pass

    def _tell(self, at: str, text: str, kind: str = "neutral") -> None:
        self.told += 1
        self.news.append(News(at=at, text=text, kind=kind))
        if len(self.news) > 2 * NEWS_KEPT:
            del self.news[:-NEWS_KEPT]


def _plan_words(event: events.PlanResolved) -> str:
    examples = ngettext(
        "{steps} steps over {count} example",
        "{steps} steps over {count} examples",
        event.train_examples,
    ).format(steps=numbers.count(event.total_steps), count=numbers.count(event.train_examples))
    parts = [examples]
    if event.truncated_rows:
        cut = ngettext("{count} row is cut", "{count} rows are cut", event.truncated_rows)
        parts.append(cut.format(count=numbers.count(event.truncated_rows)))
    if event.skipped_rows:
        left = ngettext("{count} row is left out", "{count} rows are left out", event.skipped_rows)
        parts.append(left.format(count=numbers.count(event.skipped_rows)))
    return ", ".join(parts)


def _check_words(event: events.EvalDone) -> str:
    if event.step == 0:
        words = _("Held-out loss before the first step: {loss}")
    elif event.is_best:
        words = _("Held-out loss after step {step}: {loss}, the best so far")
    else:
        words = _("Held-out loss after step {step}: {loss}")
    return words.format(step=numbers.count(event.step), loss=numbers.loss(event.loss))
