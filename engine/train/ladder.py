# SPDX-License-Identifier: Apache-2.0
"""What a run does when memory runs out: it gives something up, and repeats the same step.

A step that failed is never applied in part. Before the update nothing was changed, so that its
gradients are dropped and it is done again; within the update each parameter is changed exactly
once, however often the update has to be taken up. The rungs, in order:

1. every layer is computed again in the backward pass instead of stored: same bits;
2. layer inputs wait in main memory: same bits;
3. half the tokens go through the device together: same sum of gradients, in another order;
4. the optimizer's numbers are rounded to 8 bits, once: the only one that changes the loss curve,
   a little, and so the last.

What was given up is kept in checkpoints, so that a resumed run does not fail once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from gettext import gettext as _
from typing import TypeVar

import torch
from msgspec.structs import replace

from engine.chat.packing import Members
from engine.domain.checkpoint import MemoryRelief
from engine.domain.decision import Decision
from engine.domain.recipe_choices import Optimizer
from engine.errors import NotEnoughMemory
from engine.protocol.events import PlanChanged, Warned
from engine.train.device import first_line, free_unused, is_out_of_memory, not_enough_memory
from engine.train.grouping import rows_together
from engine.train.heldout import HeldOutLoss, held_out_loss
from engine.train.offload import CardPassage, Offload, Passage
from engine.train.samples import SamplePrompt, answer_sample
from engine.train.setup import Run
from engine.train.spill import SpillWatch
from engine.train.stepping import StepOutcome, Stepper

Found = TypeVar("Found")


def passage_of(device: torch.device) -> Passage | None:
    """Return a way to main memory, or None where the device computes there anyway."""
    return CardPassage() if device.type == "cuda" else None


class Ladder:
    """Does the steps, checks and answers of a run within the memory that there is.

    Attributes:
        relief: What was given up so far.
    """

    def __init__(
        self,
        run: Run,
        *,
        passage: Callable[[torch.device], Passage | None] = passage_of,
    ) -> None:
        """Begin with everything that the recipe asks for."""
        self.relief = MemoryRelief()
        self._run = run
        self._emit = run.context.emit
        self._passage = passage(run.model.device)
        self._offloads = self._passage is not None and run.recipe.activation_offload
        self._lengths = run.stepper.lengths
        self._most_tokens_done = 0
        self._spill = SpillWatch(*run.model.devices)

    # --- going on ------------------------------------------------------------------------------

    def take_up(self, relief: MemoryRelief) -> None:
        """Give up at once what the run had given up before it was interrupted."""
        why = _("Memory ran out earlier in this run.")
        if relief.recomputes_all:
            self._recompute_all(why)
        if relief.rounds_optimizer:
            self._round_optimizer(why)
        if relief.offloads and self._passage is not None:
            self._offload(why)
        if relief.tokens_at_once:
            self._split(relief.tokens_at_once, why)
        self.relief = relief

    # --- steps ---------------------------------------------------------------------------------

    def step(self, step: int, members: Members, *, learning_rate: float) -> StepOutcome:
        """Do one step, on as many rungs as it takes.

        Args:
            step: Its number, from 1.
            members: Its examples; they are the same on every rung.
            learning_rate: Of its update.

        Raises:
            NotEnoughMemory: It does not fit on the last rung either; nothing of it was applied, or
                the last checkpoint is the newest sound state.
        """
        optimizer = self._run.stepper.optimizer
        while True:
            stepper = self._stepper()
            outcome, why = self._try(lambda one=stepper: one.gradients(step, members))
            if outcome is not None:
                break
            optimizer.clear()
            self._free()
            self._relieve_step(step, members, why)
        self._update(step, outcome, learning_rate)
        self._most_tokens_done = max(self._most_tokens_done, self._most_tokens(members))
        if warning := self._spill.warning(step):
            self._emit(warning)
        return outcome

    def _update(self, step: int, outcome: StepOutcome, learning_rate: float) -> None:
        """Apply a step; only the optimizer's own numbers can be made smaller here."""
        is_second_try = False
        while True:
            done, why = self._try(
                lambda: self._run.stepper.apply(outcome, learning_rate=learning_rate) or True
            )
            if done:
                return
            self._free()
            if is_second_try and not self._round_if_possible(_ran_out(step)):
                raise self._too_little_for_update(why)
            is_second_try = True

    def _stepper(self) -> Stepper:
        return self._run.stepper.with_tokens_at_once(self.relief.tokens_at_once)

    def _most_tokens(self, members: Members) -> int:
        """Return the tokens of the largest group that goes through the device together."""
        return max(int(self._lengths[one].sum()) for one in self._stepper().groups(members))

    def _try(self, work: Callable[[], Found]) -> tuple[Found | None, str]:
        """Return what some work returns, or None and why memory ran out.

        The error itself is let go here: it holds the frames, and with them the tensors, of all that
        was under way.
        """
        try:
            return work(), ""
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None, first_line(error)

    def _free(self) -> None:
        free_unused(self._run.model.device)

    # --- rungs ---------------------------------------------------------------------------------

    def _relieve_step(self, step: int, members: Members, detail: str) -> None:
        """Take the next rung.

        Raises:
            NotEnoughMemory: There is none.
        """
        why = _ran_out(step)
        if self._run.model.stored_layers:
            self._recompute_all(why)
        elif self._passage is not None and not self._offloads:
            self._offload(why)
        elif most := _most_tokens_together(self._stepper().groups(members), self._lengths):
            self._split(most // 2, why)
        elif not self._round_if_possible(why):
            raise self._too_little_for_step(members, detail)

    def _recompute_all(self, why: str) -> None:
        self.relief = replace(self.relief, recomputes_all=True)
        self._set_up_layers()
        reason = _("{why} Every layer is now computed again instead of stored, which is slower.")
        self._tell("memory_recompute", reason.format(why=why), gradient_checkpointing=True)
        if self._run.recipe.uncheckpointed_layers:
            self._tell("", reason.format(why=why), uncheckpointed_layers=0)

    def _round_if_possible(self, why: str) -> bool:
        if not self._run.stepper.optimizer.has_large_32_bit_moments:
            return False
        self._round_optimizer(why)
        return True

    def _round_optimizer(self, why: str) -> None:
        self.relief = replace(self.relief, rounds_optimizer=True)
        self._run.stepper.optimizer.round_to_8_bits()
        self._free()
        reason = _("{why} The optimizer's numbers are now kept in 8 bits.").format(why=why)
        self._tell("memory_optimizer", reason, optimizer=Optimizer.ADAMW_8BIT.value)

    def _offload(self, why: str) -> None:
        self.relief = replace(self.relief, offloads=True)
        self._offloads = True
        self._set_up_layers()
        reason = _("{why} Layer inputs now wait in main memory.").format(why=why)
        self._tell("memory_offload", reason, activation_offload=True)

    def _set_up_layers(self) -> None:
        offload = Offload(self._passage) if self._offloads and self._passage is not None else None
        self._run.model.recompute_activations(offload=offload)

    def _split(self, tokens: int, why: str) -> None:
        self.relief = replace(self.relief, tokens_at_once=tokens)
        reason = _(
            "{why} At most {tokens:,} tokens now go through the device together, longer rows "
            "alone. A step still averages the same rows."
        ).format(why=why, tokens=tokens)
        self._tell("memory_split", reason, tokens_at_once=tokens)

    def _tell(self, code: str, reason: str, **values: bool | int | str) -> None:
        if code:
            self._emit(Warned(code=code, message=reason))
        decisions = {
            name: Decision(value=value, reason=reason, source="hardware")
            for name, value in values.items()
        }
        self._emit(PlanChanged(decisions=decisions))

    # --- the end of the ladder -----------------------------------------------------------------

    def _too_little_for_step(self, members: Members, detail: str) -> NotEnoughMemory:
        longest = self._most_tokens(members)
        known = self._most_tokens_done
        remedy = (
            _("Start again with {tokens:,} tokens as the longest row; so many went through.")
            if 0 < known < longest
            else _("Start again with {tokens:,} tokens as the longest row, half of what failed.")
        )
        tokens = known if 0 < known < longest else max(1, longest // 2)
        return not_enough_memory(
            self._run.model.device, detail, remedy=remedy.format(tokens=tokens)
        )

    def _too_little_for_update(self, detail: str) -> NotEnoughMemory:
        remedy = _("Start again with rank {rank}; the optimizer needs half as much then.")
        rank = max(1, self._run.recipe.lora_rank // 2)
        return not_enough_memory(self._run.model.device, detail, remedy=remedy.format(rank=rank))

    # --- checks and answers --------------------------------------------------------------------

    def held_out(self, should_stop: Callable[[], bool]) -> HeldOutLoss | None:
        """Return the held-out loss, or None where it was asked to stop.

        Where memory runs out, fewer rows go through the device together, down to one by one, now
        and in later checks. Where one row alone is too much, the loss is not a number.
        """
        run = self._run
        while True:
            capacity = self.relief.check_tokens or run.recipe.max_length
            found, why = self._try(
                lambda most=capacity: (
                    held_out_loss(
                        run.model,
                        run.held_out,
                        capacity=most,
                        should_stop=should_stop,
                        sharers=run.stepper.ranks,
                    ),
                )
            )
            if found is not None:
                return found[0]
            self._free()
            if not self._make_checks_smaller(capacity):
                text = _("The held-out rows could not be checked: memory ran out. {why}")
                self._emit(Warned(code="memory_check_left_out", message=text.format(why=why)))
                return HeldOutLoss(loss=float("nan"), supervised_tokens=0, examples=0)

    def _make_checks_smaller(self, capacity: int) -> bool:
        """Halve what goes through the device together; return whether that changes anything."""
        lengths = self._run.held_out.lengths
        groups = rows_together(torch.arange(len(lengths)).numpy(), lengths, capacity=capacity)
        most = _most_tokens_together(groups, lengths)
        if not most:
            return False
        self.relief = replace(self.relief, check_tokens=most // 2)
        text = _("Memory ran out while held-out rows were checked, so fewer are checked at once.")
        self._emit(Warned(code="memory_check_split", message=text))
        return True

    def answers(self) -> Iterator[tuple[SamplePrompt, str]]:
        """Yield each sample prompt with its answer; without memory for them, tell it and end."""
        run = self._run
        for sample in run.samples:
            answer, _why = self._try(
                lambda one=sample: answer_sample(run.model, run.tokenizer, one)
            )
            if answer is None:
                self._free()
                text = _("The sample answers were left out this time: memory ran out.")
                self._emit(Warned(code="memory_sample_left_out", message=text))
                return
            yield sample, answer


def _ran_out(step: int) -> str:
    return _("Memory ran out in step {step}.").format(step=step)


def _most_tokens_together(groups: Sequence[Members], lengths: Members) -> int:
    """Return the tokens of the largest group of several examples; 0 where each goes alone."""
    return max((int(lengths[one].sum()) for one in groups if len(one) > 1), default=0)
