# SPDX-License-Identifier: Apache-2.0
"""JSON text to a value, strictly: one refusal for whatever is wrong with it."""

from __future__ import annotations

from typing import cast

import msgspec

from engine.formats import plain_chat
from engine.formats.format import DEPTH_CAP
from engine.formats.refusal import RefusedRecord, bad_encoding, broken_json
from engine.formats.wording import translated as _

_decoder = msgspec.json.Decoder()


def decode_record(raw: bytes) -> object:
    """Read one JSON value; the most common shape of rows at once as a domain row.

    Raises:
        RefusedRecord: It is not JSON, or nothing that a row could hold.
    """
    row = plain_chat.decode(raw)
    return decode_value(raw) if row is None else row


def decode_value(raw: bytes) -> object:
    """Read one JSON value.

    Raises:
        RefusedRecord: It is not JSON, nested too deeply, or holds a number beyond all range.
    """
    try:
        value = _decoder.decode(raw)
    except UnicodeDecodeError as error:
        raise bad_encoding() from error
    except RecursionError as error:
        raise _too_deep() from error
    except msgspec.ValidationError as error:
        raise RefusedRecord(
            "number_out_of_range", _("This holds a number that is too large.")
        ) from error
    except msgspec.DecodeError as error:
        # The library names the byte, never the text.
        raise broken_json(str(error).removeprefix("JSON is malformed: ")) from error
    if raw.count(b"[") + raw.count(b"{") > DEPTH_CAP and _is_deeper(value, DEPTH_CAP):
        raise _too_deep()
    return value


def _too_deep() -> RefusedRecord:
    return RefusedRecord(
        "too_deep", _("This is nested deeper than {cap} levels.").format(cap=DEPTH_CAP)
    )


def _is_deeper(value: object, cap: int) -> bool:
    if isinstance(value, dict):
        inner = list(cast("dict[str, object]", value).values())
    elif isinstance(value, list):
        inner = cast("list[object]", value)
    else:
        return False
    return cap == 0 or any(_is_deeper(one, cap - 1) for one in inner)
