# SPDX-License-Identifier: Apache-2.0
"""What the columns of files mean: the form that says it, its problems, and what rows become."""

from __future__ import annotations

from collections.abc import Mapping as Values
from collections.abc import Sequence
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from engine.domain.dataset import Mapping, Part, Row, RowKind
from engine.domain.mapping import ColumnInfo, SavedMapping
from engine.domain.problem import Problem, Severity
from gui.viewmodels import numbers

if TYPE_CHECKING:
    from engine.api.mappings import FileGuess, PreviewRow

MOST_TURNS = 12
PAIR = ("user", "assistant")


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One way to fill rows of a kind; `{turns}` stands for the turns of a conversation."""

    key: str
    kind: RowKind
    targets: tuple[str, ...]


TURNS = "{turns}"
FORMS = (
    Form(key="chat", kind=RowKind.CHAT, targets=("system", "history", TURNS, "tools")),
    Form(key="messages", kind=RowKind.CHAT, targets=("system", "messages", "tools")),
    Form(key="text", kind=RowKind.TEXT, targets=("text",)),
    Form(
        key="preference",
        kind=RowKind.PREFERENCE,
        targets=("system", "prompt", "chosen", "rejected"),
    ),
    Form(key="rated", kind=RowKind.RATED, targets=("system", "prompt", "completion", "liked")),
    Form(key="label", kind=RowKind.LABEL, targets=("text", "label")),
    Form(key="picture", kind=RowKind.LABEL, targets=("image", "label")),
)
RARE = frozenset(("history", "tools"))
_OPTIONAL = frozenset(("system", "history", "tools", "prompt"))


def form_choices() -> tuple[tuple[str, str], ...]:
    """Return what rows can become, each with its name."""
    return (
        ("chat", _("Questions and answers")),
        ("messages", _("Conversations in one column")),
        ("text", _("Plain text")),
        ("preference", _("A better and a worse answer")),
        ("rated", _("Answers, liked or not")),
        ("label", _("Texts with a class")),
        ("picture", _("Pictures with a class")),
    )


def form_named(key: str) -> Form:
    """Return a form by its key."""
    return next(one for one in FORMS if one.key == key)


# ---------------------------------------------------------------------- the form


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the form.

    Attributes:
        form: Key of the form.
        turns: Who speaks, in the order of the conversation.
        values: The expression in each field.
        shows_rare: Parts that few files have are asked for too.
    """

    form: str = "chat"
    turns: tuple[str, ...] = PAIR
    values: Values[str, str] = msgspec.field(default_factory=dict[str, str])
    shows_rare: bool = False


class FieldView(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a row to be filled."""

    key: str
    label: str
    hint: str = ""


def draft_of(mapping: Mapping) -> Draft:
    """Return the form filled with a mapping."""
    names = [one.target for one in mapping.parts]
    form = next(
        (one for one in FORMS if one.kind is mapping.kind and set(names) <= _targets(one)),
        form_named("chat"),
    )
    turns: list[str] = []
    values: dict[str, str] = {}
    for part in mapping.parts:
        key = part.target
        if part.target in PAIR:
            turns.append(part.target)
            key = f"{part.target}:{len(turns)}"
        values[key] = part.value
    return Draft(form=form.key, turns=tuple(turns) or PAIR, values=values)


def _targets(form: Form) -> set[str]:
    found = set(form.targets)
    return found | set(PAIR) if TURNS in found else found


def fields_of(draft: Draft) -> tuple[FieldView, ...]:
    """Return the fields of a form, in their order."""
    found: list[FieldView] = []
    for target in form_named(draft.form).targets:
        if target in RARE and not (draft.shows_rare or draft.values.get(target)):
            continue
        if target != TURNS:
            found.append(_field(target, target))
            continue
        found += [
            _field(f"{turn}:{number}", turn) for number, turn in enumerate(draft.turns, start=1)
        ]
    return tuple(found)


def _field(key: str, target: str) -> FieldView:
    label, hint = _words()[target]
    if target in _OPTIONAL:
        label = _("{part} (optional)").format(part=label)
    return FieldView(key=key, label=label, hint=hint)


def _words() -> dict[str, tuple[str, str]]:
    return {
        "system": (_("Instruction to the assistant"), ""),
        "history": (_("Earlier turns"), _("A column with pairs of question and answer.")),
        "user": (_("User says"), ""),
        "assistant": (_("Assistant answers"), ""),
        "messages": (_("Messages"), _("A column with a list of messages.")),
        "tools": (_("Tools"), _("A column with the tools that may be called.")),
        "text": (_("Text"), ""),
        "prompt": (_("Question"), ""),
        "chosen": (_("Better answer"), ""),
        "rejected": (_("Worse answer"), ""),
        "completion": (_("Answer"), ""),
        "liked": (_("Liked"), _("True or false, 1 or 0, yes or no, thumbs up or down.")),
        "image": (_("Path of the picture"), ""),
        "label": (_("Class"), ""),
    }


def mapping_of(draft: Draft) -> tuple[Mapping, tuple[str, ...]]:
    """Return the mapping that a form says, and for each of its parts the key of its field.

    Fields that may be left out are, where they are blank.
    """
    parts: list[Part] = []
    keys: list[str] = []
    for one in fields_of(draft):
        target, value = one.key.partition(":")[0], draft.values.get(one.key, "")
        if value.strip() or target not in _OPTIONAL:
            parts.append(Part(target=target, value=value))
            keys.append(one.key)
    return Mapping(kind=form_named(draft.form).kind, parts=tuple(parts)), tuple(keys)


def with_more_turns(draft: Draft) -> Draft:
    """Return the form with one more question and answer."""
    return replace(draft, turns=(*draft.turns, *PAIR))


def with_fewer_turns(draft: Draft) -> Draft:
    """Return the form without its last question and answer."""
    kept = draft.turns[:-2]
    gone = {f"{turn}:{n}" for n, turn in enumerate(draft.turns, start=1) if n > len(kept)}
    values = {key: value for key, value in draft.values.items() if key not in gone}
    return replace(draft, turns=kept, values=values)


def can_add_turns(draft: Draft) -> bool:
    """Return whether one more question and answer can be asked for."""
    return draft.form == "chat" and len(draft.turns) < MOST_TURNS


def can_show_rare(draft: Draft) -> bool:
    """Return whether there are parts that are not asked for yet."""
    hidden = RARE & set(form_named(draft.form).targets)
    return not draft.shows_rare and any(not draft.values.get(one) for one in hidden)


def can_remove_turns(draft: Draft) -> bool:
    """Return whether there is more than one question with its answer."""
    return draft.form == "chat" and len(draft.turns) > len(PAIR)


# ---------------------------------------------------------------------- problems


class ProblemsView(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong: by the key of a field, and what is about the whole."""

    by_field: Values[str, str]
    whole: str
    reason: str


def problems_view(problems: Sequence[Problem], keys: Sequence[str]) -> ProblemsView:
    """Return the problems of a mapping where they belong.

    Args:
        problems: What validation returned.
        keys: For each part of the mapping the key of its field.
    """
    by_field: dict[str, str] = {}
    for one in problems:
        if one.field:
            by_field.setdefault(keys[int(one.field)], _sentence(one))
    whole = " ".join(_sentence(one) for one in problems if not one.field)
    errors = any(one.severity is Severity.ERROR for one in problems)
    reason = _("Say first what every part of a row is.") if errors else ""
    return ProblemsView(by_field=by_field, whole=whole, reason=reason)


def _sentence(problem: Problem) -> str:
    if problem.code == "empty_value":
        return _("Choose a column, or write a text.")
    return " ".join(one for one in (problem.message, problem.remedy) if one)


# ---------------------------------------------------------------------- columns and files


class ColumnLine(msgspec.Struct, frozen=True, kw_only=True):
    """A column to choose, with examples."""

    expression: str
    name: str
    types: str
    examples: str


def column_lines(columns: Sequence[ColumnInfo]) -> tuple[ColumnLine, ...]:
    """Return the columns of files, what is in one indented below it."""
    words = {
        "text": _("text"),
        "number": _("number"),
        "boolean": _("yes or no"),
        "list": _("list"),
        "object": _("object"),
    }
    return tuple(
        ColumnLine(
            expression=one.expression,
            name="  " * one.depth + one.expression,
            types=", ".join(words[kind] for kind in one.types) or _("empty"),
            examples=" · ".join(one.examples),
        )
        for one in columns
    )


def guess_words(files: Sequence[FileGuess]) -> str:
    """Return what was recognised, and why, in a few sentences."""
    if not files:
        return ""
    guess = files[0].guess
    fits = ngettext(
        "{fitting} of {count} row looked at fits.",
        "{fitting} of {count} rows looked at fit.",
        guess.sampled,
    ).format(fitting=numbers.count(guess.fitting), count=numbers.count(guess.sampled))
    more = len(files) - 1
    others = ngettext("{count} more file.", "{count} more files.", more).format(
        count=numbers.count(more)
    )
    return " ".join((guess.reason, fits, others) if more else (guess.reason, fits))


def files_words(paths: Sequence[Path]) -> str:
    """Return which files are asked about."""
    if len(paths) == 1:
        return paths[0].name
    return ngettext("{count} file", "{count} files", len(paths)).format(
        count=numbers.count(len(paths))
    )


def saved_choices(saved: Sequence[SavedMapping]) -> tuple[tuple[str, str], ...]:
    """Return the saved mappings that fit, behind the proposal."""
    return (("", _("Proposed by Burnish")), *((one.name, one.name) for one in saved))


# ---------------------------------------------------------------------- the preview


class PreviewRows:
    """What the first rows become, in the form in which rows of a dataset are shown."""

    def __init__(self, rows: Sequence[PreviewRow]) -> None:
        self.all = tuple(rows)
        self._good = [number for number, one in enumerate(rows) if one.row is not None]

    def __len__(self) -> int:
        return len(self._good)

    def row(self, index: int) -> Row:
        """Return one of those that become rows."""
        row = self.all[self._good[index]].row
        if row is None:
            raise IndexError(index)
        return row

    def source(self, index: int) -> tuple[str, int]:
        """Return file and line of one of those that become rows."""
        one = self.all[self._good[index]]
        return one.file, one.line

    def place(self, number: int) -> int:
        """Return which of the good rows one of all is; -1 for one that is rejected."""
        return self._good.index(number) if number in self._good else -1

    @property
    def words(self) -> str:
        """Return how many of the rows can be used."""
        return ngettext(
            "{good} of the first {count} row can be used.",
            "{good} of the first {count} rows can be used.",
            len(self.all),
        ).format(good=numbers.count(len(self._good)), count=numbers.count(len(self.all)))
