# SPDX-License-Identifier: Apache-2.0
"""The fast path: a JSON conversation of plain turns, decoded straight into a domain row.

Whatever is not exactly {"messages": [{"role": ..., "content": ...}, ...]} in plain roles takes the
general way (json_value, then shapes), which gives the same rows where both apply.
"""

from __future__ import annotations

import msgspec

from engine.domain.dataset import ChatRow, Turn


class PlainTurn(
    Turn, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """A turn that holds nothing but a role and a text."""

    tool_calls: None = None
    weight: None = None
    name: None = None
    tool_call_id: None = None


class PlainChat(
    ChatRow,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
    tag="chat",
):
    """A conversation that holds nothing but plain turns."""

    messages: tuple[PlainTurn, ...]
    tools: None = None


_decoder = msgspec.json.Decoder(PlainChat)
_ESCAPED_NUL = rb"\u0000"


def decode(raw: bytes) -> PlainChat | None:
    """Read one line; None where it has to take the general way."""
    if _ESCAPED_NUL in raw:
        return None
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
