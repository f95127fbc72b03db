# SPDX-License-Identifier: Apache-2.0
"""How the command palette finds commands."""

from __future__ import annotations

import pytest

from gui.widgets.shell.commands import Command, find_commands, match_score


def _command(text: str, group: str = "Run", *, enabled: bool = True, detail: str = "") -> Command:
    return Command(key=text, text=text, group=group, detail=detail, enabled=enabled)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("stop", "Stop and keep the result"),
        ("keep stop", "Stop and keep the result"),
        ("STOP", "stop"),
        ("sbst", "Stop at the best step"),
        ("", "anything"),
    ],
)
def test_match_score_of_a_fitting_query_is_a_number(query: str, text: str) -> None:
    assert match_score(query, text) is not None


@pytest.mark.parametrize(("query", "text"), [("zq", "Stop"), ("stop now", "Stop the export")])
def test_match_score_of_a_strange_query_is_none(query: str, text: str) -> None:
    assert match_score(query, text) is None


def test_match_score_of_a_word_start_beats_one_inside_a_word() -> None:
    start, inside = match_score("port", "Port the model"), match_score("port", "Export")

    assert start is not None
    assert inside is not None
    assert start < inside


def test_find_commands_puts_impossible_ones_last() -> None:
    blocked, possible = _command("Stop the export", enabled=False), _command("Stop")

    assert find_commands("stop", [blocked, possible]) == [possible, blocked]


def test_find_commands_keeps_groups_together_best_first() -> None:
    early = _command("When it stops", "Settings")
    first, second = _command("Stop now", "Run"), _command("Never stop", "Run")

    assert find_commands("stop", [early, first, second]) == [first, second, early]


def test_find_commands_looks_into_the_detail_after_the_name() -> None:
    by_detail = _command("Pause", "A", detail="stops for a while")
    by_name = _command("Stop", "B")

    assert find_commands("stop", [by_detail, by_name]) == [by_name, by_detail]


def test_find_commands_without_a_query_keeps_the_order() -> None:
    commands = [_command("B", "x"), _command("A", "y"), _command("C", "y")]

    assert find_commands("", commands) == commands
