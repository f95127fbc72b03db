# SPDX-License-Identifier: Apache-2.0
"""What the frame shows, as data: pages, commands and menus; and how commands are found."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class NavItem(msgspec.Struct, frozen=True, kw_only=True):
    """A page in the sidebar. `gap_before` parts it from the one above."""

    key: str
    text: str
    icon: str
    gap_before: bool = False


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be done from anywhere.

    `detail` says what it does, `keys` is a shortcut such as `Ctrl+O`, `reason` says why it
    is not possible now.
    """

    key: str
    text: str
    group: str
    detail: str = ""
    icon: str = ""
    keys: str = ""
    enabled: bool = True
    reason: str = ""


class MenuSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A menu of the menu row; None is a line between commands."""

    title: str
    commands: tuple[Command | None, ...]


def match_score(query: str, text: str) -> int | None:
    """Rate how well a text answers what was typed.

    Every word of the query must start a word of the text, occur inside it, or be spread over
    it letter by letter.

    Returns:
        A number that is smaller for a better match, or None where there is none.
    """
    wanted, given = query.casefold().split(), text.casefold()
    scores = [_word_score(word, given) for word in wanted]
    known = [score for score in scores if score is not None]
    return sum(known) if len(known) == len(scores) else None


def find_commands(query: str, commands: Sequence[Command]) -> list[Command]:
    """Return the commands that match, groups in order of their best match.

    Commands that are not possible now come last, in their own order.
    """
    rated = [(score, one) for one in commands if (score := _rate(query, one)) is not None]
    best: dict[str, int] = {}
    for score, one in rated:
        best[one.group] = min(score, best.get(one.group, score))
    groups = list(dict.fromkeys(one.group for one in commands))

    def order(pair: tuple[int, Command]) -> tuple[bool, int, int, int]:
        score, one = pair
        return not one.enabled, best[one.group], groups.index(one.group), score

    return [one for _score, one in sorted(rated, key=order)]


def _rate(query: str, command: Command) -> int | None:
    by_name = match_score(query, command.text)
    if by_name is not None:
        return by_name
    further = match_score(query, f"{command.text} {command.group} {command.detail}")
    return None if further is None else further + 100


def _word_score(word: str, text: str) -> int | None:
    at = text.find(word)
    if at == 0:
        return 0
    if at > 0:
        return 1 if text[at - 1] == " " else 5
    letters = iter(text)
    return 40 if len(word) > 2 and all(letter in letters for letter in word) else None
