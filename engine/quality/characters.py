# SPDX-License-Identifier: Apache-2.0
"""Characters that nobody sees, letters that only look right, and blanks at the end of turns."""

from __future__ import annotations

import re
from collections.abc import Callable
from gettext import gettext as _

import msgspec

from engine.domain.dataset import RowKind
from engine.domain.problem import Severity
from engine.quality.batch import TurnBatch
from engine.quality.check import Check
from engine.quality.row_local import Hits, RowLocalPass, confirmed, is_not_ascii, matches, places

# ---------------------------------------------------------------------------- unseen characters

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PAGE_BREAK = re.compile(r"[\x0b\x0c]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
# A soft hyphen is only taken for one behind a plain letter: elsewhere it may be half of a garbled
# character, which can still be repaired.
_INVISIBLE = re.compile(r"[\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb]|(?<=[A-Za-z])\u00ad+")
_ZERO_WIDTH_SPACE = re.compile(r"\u200b")
_FLAG_OR_TAG = re.compile(
    r"(\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f)|[\U000e0000-\U000e007f]"
)
_DIRECTION = re.compile(r"[\u202a-\u202e]")
# Scripts that part words with U+200B, and scripts that run from right to left.
_SPACELESS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


class _Unseen(msgspec.Struct, frozen=True):
    """One sort of unseen characters: its label, an RE2 search for candidates, and its removal."""

    label: str
    search: str
    strip: Callable[[str], str]


def _without_controls(text: str) -> str:
    return _CONTROL.sub("", _PAGE_BREAK.sub("\n", _ESCAPE_SEQUENCE.sub("", text)))


def _without_invisible(text: str) -> str:
    text = _INVISIBLE.sub("", _FLAG_OR_TAG.sub(r"\1", text))
    return text if _SPACELESS.search(text) else _ZERO_WIDTH_SPACE.sub("", text)


def _without_directions(text: str) -> str:
    return text if _RIGHT_TO_LEFT.search(text) else _DIRECTION.sub("", text)


_UNSEEN = (
    _Unseen("control_character", r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", _without_controls),
    _Unseen(
        "invisible_character",
        r"[\x{200b}\x{2060}-\x{2064}\x{206a}-\x{206f}\x{feff}\x{fff9}-\x{fffb}"
        r"\x{e0000}-\x{e007f}]|[A-Za-z]\x{ad}",
        _without_invisible,
    ),
    _Unseen("direction_mark", r"[\x{202a}-\x{202e}]", _without_directions),
)


def without_unseen(text: str) -> str:
    """Return a text without control, invisible and stray direction characters.

    Page breaks become line breaks. What a script or an emoji needs is kept: joiners, marks of
    direction beside right-to-left letters, U+200B beside scripts without spaces, flags.
    """
    stripped = text
    for one in _UNSEEN:
        stripped = one.strip(stripped)
    # What is taken out can bring together what is then to be taken out too.
    return text if stripped == text else without_unseen(stripped)


def _look_for_unseen(batch: TurnBatch) -> list[Hits]:
    import pyarrow as pa

    mask = matches(batch.texts, "|".join(one.search for one in _UNSEEN))
    if not mask.any():
        return []
    texts, rows = batch.texts.filter(pa.array(mask)), batch.rows[mask]
    found: list[Hits] = []
    for label, one in enumerate(_UNSEEN):
        strip = one.strip
        kept = confirmed(texts, matches(texts, one.search), lambda text, s=strip: s(text) != text)
        found.append(Hits(rows=rows[kept], label=label))
    return found


UNSEEN = Check(
    id="unseen_characters",
    title=lambda: _("Unseen characters"),
    why=lambda: _(
        "Control characters and characters of no width cost tokens, break words into odd pieces "
        "and teach the model to write them. They are mostly left over from copying."
    ),
    severity=Severity.NOTE,
    kinds=tuple(RowKind),
    begin=lambda _settings: RowLocalPass(tuple(one.label for one in _UNSEEN), _look_for_unseen),
    fix="strip_unseen_characters",
    is_safe=True,
)

# -------------------------------------------------------------------------------- mixed scripts

# Cyrillic and Greek letters that cannot be told from Latin ones (Unicode confusables.txt).
_LOOKALIKES = "АВЕЅІЈКМНОРСТХаеорсухѕіјһԁԛԝ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο"
_MIXED_SEARCH = rf"[A-Za-z][{_LOOKALIKES}]|[{_LOOKALIKES}][A-Za-z]"
_MIXED_WORD = re.compile(
    rf"\b(?=[{_LOOKALIKES}]*[A-Za-z])(?=[A-Za-z]*[{_LOOKALIKES}])"
    rf"[A-Za-z{_LOOKALIKES}]{{3,}}\b"
)


def has_mixed_word(text: str) -> bool:
    """Say whether a word mixes Latin letters with letters of another script that look the same."""
    return _MIXED_WORD.search(text) is not None


def _look_for_mixed(batch: TurnBatch) -> list[Hits]:
    import pyarrow as pa

    beyond = places(is_not_ascii(batch.texts))
    texts = batch.texts.take(pa.array(beyond))
    found = confirmed(texts, matches(texts, _MIXED_SEARCH), has_mixed_word)
    return [Hits(rows=batch.rows[beyond[found]])]


MIXED = Check(
    id="mixed_scripts",
    title=lambda: _("Look-alike letters"),
    why=lambda: _(
        "A word mixes Latin letters with Cyrillic or Greek ones that look the same. To the model "
        "it is another word, in odd pieces; such texts are often made to deceive a filter."
    ),
    severity=Severity.NOTE,
    kinds=tuple(RowKind),
    begin=lambda _settings: RowLocalPass(("look_alike_letter",), _look_for_mixed),
)

# --------------------------------------------------------------------------------- blanks at ends


def without_end_blanks(text: str) -> str:
    """Return a text without blanks and line ends behind it; a text of blanks only is kept."""
    return text.rstrip() or text


def _look_for_end_blanks(batch: TurnBatch) -> list[Hits]:
    from pyarrow import compute

    mask = matches(compute.utf8_slice_codeunits(batch.texts, -1), r"\pZ|[\x09-\x0d\x1c-\x1f\x{85}]")
    found = confirmed(batch.texts, mask, lambda text: without_end_blanks(text) != text)
    return [Hits(rows=batch.rows[found])]


END_BLANKS = Check(
    id="end_blanks",
    title=lambda: _("Blanks at the end of a turn"),
    why=lambda: _(
        "Blanks behind an answer are trained like words: the model learns to go on with nothing "
        "instead of ending its turn."
    ),
    severity=Severity.NOTE,
    kinds=(RowKind.CHAT, RowKind.PREFERENCE, RowKind.RATED),
    begin=lambda _settings: RowLocalPass(("end_blanks",), _look_for_end_blanks),
    fix="strip_end_blanks",
    is_safe=True,
)
