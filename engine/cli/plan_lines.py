# SPDX-License-Identifier: Apache-2.0
"""A plan for the terminal: in lines of words, and as values for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from gettext import gettext as _
from typing import Any

import msgspec

from engine.cli.follow import duration
from engine.domain.number_text import decimal_text
from engine.domain.plan import CardShare, Change, DiskNeed, MemoryNeed, MemoryTerm, Plan, TimeNeed
from engine.domain.problem import Problem

_GIB = 2**30


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield what a person should know of a plan, line by line."""
    yield from plan.statement
    yield from _memory_lines(plan.memory)
    if plan.time is not None:
        yield _time_line(plan.time)
    if plan.disk is not None:
        yield _disk_line(plan.disk)
    if plan.advice is not None:
        yield _("Usual for {rows} rows: {passes} passes, learning rate {rate}.").format(
            rows=f"{plan.advice.rows:,}",
            passes=f"{plan.advice.epochs:g}",
            rate=decimal_text(plan.advice.learning_rate),
        )
    for one in plan.problems:
        yield f"[{one.severity.value}] {one.message} {one.remedy}"
    for change in plan.fixes:
        yield _("  fits with {change} (needs {size} GB): {arguments}").format(
            change=change.words, size=_gib(change.high_bytes), arguments=change.arguments
        )
    if plan.spare_use is not None:
        yield _("Faster with what is free: {change}: {arguments}").format(
            change=plan.spare_use.words, arguments=plan.spare_use.arguments
        )


def _memory_lines(need: MemoryNeed) -> Iterator[str]:
    how = (
        _("measured on this card")
        if need.is_calibrated
        else _("estimated; the first run on a card measures it")
    )
    low, high = _gib(need.low_bytes), _gib(need.high_bytes)
    words = (
        _("Memory: {high} GB, {how}.") if low == high else _("Memory: {low} to {high} GB, {how}.")
    )
    yield words.format(low=low, high=high, how=how)
    for term in need.terms:
        if term.high:
            yield _term_line(term)
    rows = (
        (_("Safety margin"), need.reserve),
        (_("Other programs"), need.other),
        (_("Free rest"), need.spare_bytes),
    )
    for name, amount in rows:
        yield f"    {name:<24} {_gib(amount):>8} GB"


def _term_line(term: MemoryTerm) -> str:
    low, high = _gib(term.low), _gib(term.high)
    amount = high if low == high else f"{low}-{high}"
    reason = _(term.reason)
    note = reason if term.at_peak else _("{reason}; at another moment").format(reason=reason)
    return f"  {term.symbol} {_(term.name):<24} {amount:>8} GB  {note}"


def _disk_line(need: DiskNeed) -> str:
    text = _(
        "Disk: up to {total} GB: {count} checkpoints and the adapter {required}, a 4-bit copy of "
        "the model {cache}, tokenised rows {tokens}. A merged export takes {export} GB more."
    )
    amounts = {
        "total": need.total,
        "required": need.required,
        "cache": need.cache,
        "tokens": need.tokens,
        "export": need.export,
    }
    return text.format(
        count=need.checkpoints, **{name: f"{one / 1e9:.2f}" for name, one in amounts.items()}
    )


def _time_line(need: TimeNeed) -> str:
    return _("Time: {low} to {high} for about {tokens} tokens. {reason}").format(
        low=duration(need.low_s),
        high=duration(need.high_s),
        tokens=f"{need.tokens:,}",
        reason=need.reason,
    )


def _gib(amount: int) -> str:
    return f"{amount / _GIB:.2f}"


def plan_values(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON values."""
    need = plan.memory
    return {
        "possible": plan.is_possible,
        "steps": plan.total_steps,
        "train_rows": plan.train_rows,
        "eval_rows": plan.eval_rows,
        "memory_low_bytes": need.low_bytes,
        "memory_high_bytes": need.high_bytes,
        "memory_free_bytes": need.spare_bytes,
        "memory_other_bytes": need.other,
        "memory_measured": need.is_calibrated,
        "memory_phase": need.phase,
        "memory": [msgspec.to_builtins(one) for one in need.terms],
        "cards": [_card_values(one) for one in plan.cards],
        "disk_bytes": plan.disk_bytes,
        "disk": msgspec.to_builtins(plan.disk),
        "time": msgspec.to_builtins(plan.time),
        "fixes": [_change_values(one) for one in plan.fixes],
        "smaller_model_billions": plan.smaller_model or None,
        "spare_use": _change_values(plan.spare_use) if plan.spare_use else None,
        "advice": msgspec.to_builtins(plan.advice),
        "decisions": msgspec.to_builtins(plan.decisions),
        "problems": [_problem_values(one) for one in plan.problems],
    }


def _card_values(share: CardShare) -> dict[str, Any]:
    need = share.need
    return {
        "name": share.name,
        "place": share.place,
        "layers": share.layers,
        "memory_low_bytes": need.low_bytes,
        "memory_high_bytes": need.high_bytes,
        "memory_free_bytes": need.spare_bytes,
        "memory_other_bytes": need.other,
    }


def _change_values(change: Change) -> dict[str, Any]:
    return {
        "words": change.words,
        "values": dict(change.values),
        "arguments": change.arguments,
        "memory_high_bytes": change.high_bytes,
    }


def _problem_values(problem: Problem) -> dict[str, Any]:
    return {
        "severity": problem.severity.value,
        "code": problem.code,
        "field": problem.field,
        "message": problem.message,
        "remedy": problem.remedy,
    }
