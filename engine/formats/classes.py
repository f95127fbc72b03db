# SPDX-License-Identifier: Apache-2.0
"""Fields that put a row into a class, and verdicts on an answer: what their values mean."""

from __future__ import annotations

import msgspec

from engine.domain.dataset import LabelRow, Row, RowKind
from engine.formats import field_names
from engine.formats.refusal import RefusedRecord, empty_text, nul_character, wrong_type
from engine.formats.turns import Fields, filled_text, first_of, lower_names
from engine.formats.wording import translated as _

LABELLED_TEXT, LABELLED_IMAGE = "labelled_text", "labelled_image"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
LABEL_CHARACTERS = 100
"""Longest name of a class; what is longer is a text."""

_LIKED = ("true", "yes", "liked", "like", "good", "up", "thumbs_up", "thumbs up", "positive",
          "desirable", "chosen", "\U0001f44d", "1", "1.0", "+1")  # fmt: skip
_DISLIKED = ("false", "no", "disliked", "dislike", "bad", "down", "thumbs_down", "thumbs down",
             "negative", "undesirable", "rejected", "\U0001f44e", "0", "0.0", "-1")  # fmt: skip


class ClassField(msgspec.Struct, frozen=True):
    """A field of a file that says a class (kind `label`) or a verdict (kind `rated`).

    Attributes:
        kind: Which of both.
        name: Its name in lower case.
    """

    kind: RowKind
    name: str


def verdict_of(value: object) -> bool | None:
    """Return whether a value says that an answer was liked; None where it says neither."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str | int | float):
        return None
    word = str(value).strip().lower()
    return True if word in _LIKED else False if word in _DISLIKED else None


def liked_of(value: object, name: str) -> bool:
    """Return whether an answer was liked.

    Raises:
        RefusedRecord: The value says neither that it was nor that it was not.
    """
    verdict = verdict_of(value)
    if verdict is None:
        raise wrong_type(name, _("whether the answer was liked: true or false, 1 or 0"))
    return verdict


def label_of(value: object, name: str) -> str:
    """Return the name of a class as text; a number is written as it stands.

    Raises:
        RefusedRecord: It is missing, blank, too long, or no text or number.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        raise RefusedRecord(
            "missing_label", _("The field {name} names no class.").format(name=name)
        )
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if not isinstance(value, str) or len(value) > LABEL_CHARACTERS:
        raise wrong_type(
            name,
            _("the name of a class of at most {count} characters").format(count=LABEL_CHARACTERS),
        )
    if "\0" in value:
        raise nul_character()
    return value.strip()


def path_of(value: object) -> str:
    """Return the path of a picture, which some tables hold beside its bytes; "" where none is."""
    fields = lower_names(value)
    found = value if fields is None else fields.get("path")
    return found if isinstance(found, str) else ""


def subject_of(fields: Fields) -> str:
    """Return the name of the field that holds what is to be classed, or an empty text."""
    text = first_of(fields, field_names.TEXTS)
    if text:
        return text
    return next((name for name in field_names.IMAGES if path_of(fields.get(name)).strip()), "")


def labelled(fields: Fields, name: str) -> tuple[str, Row]:
    """Return the shape and the row of a text or a picture with its class.

    Raises:
        RefusedRecord: The class or what it is of is missing.
    """
    label, subject = label_of(fields.get(name), name), subject_of(fields)
    if not subject:
        raise RefusedRecord(
            "missing_subject", _("This has a class, but neither a text nor the path of a picture.")
        )
    if subject in field_names.TEXTS:
        return LABELLED_TEXT, LabelRow(label=label, text=filled_text(fields[subject], subject))
    return LABELLED_IMAGE, LabelRow(label=label, image=image_of(fields[subject], subject))


def image_of(value: object, name: str) -> str:
    """Return the path of a picture.

    Raises:
        RefusedRecord: It holds none.
    """
    path = path_of(value).strip()
    if not path:
        raise empty_text(name)
    if "\0" in path:
        raise nul_character()
    return path
