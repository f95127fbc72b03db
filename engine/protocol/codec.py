# SPDX-License-Identifier: Apache-2.0
"""JSON lines to typed events and back, strictly; unknown kinds and keys are skipped.

Each line ends with the CRC-32 of what stands before it, so that a byte that changed on the disk is
not taken for a figure. Lines of the first versions have none and are read all the same.
"""

from __future__ import annotations

import re
import zlib

import msgspec
from msgspec.structs import replace

from engine.protocol.commands import COMMANDS, Command
from engine.protocol.events import EVENTS, FORGOTTEN, Event, SampleMade

VERSION = 1
"""Major version of the wire. Readers refuse a higher one."""

_KIND_OF_CLASS = {one: kind for kind, one in EVENTS}
_COMMAND_OF_KIND = dict(COMMANDS)


class Envelope(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of events.jsonl.

    Attributes:
        v: Major version of the protocol.
        seq: Number of the event in its job, from 1, without gaps.
        t: UTC time, ISO 8601 with milliseconds.
        kind: Name of the event.
        event: The event, or None for a kind that this version does not know.
    """

    v: int
    seq: int
    t: str
    kind: str
    event: Event | None


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    v: int
    seq: int
    t: str
    kind: str
    data: msgspec.Raw


class VersionUnknown(ValueError):
    """A line was written by a newer protocol than this program knows."""


_encoder = msgspec.json.Encoder()
_SUM = re.compile(rb',"crc":"([^"]*)"}\n?$')
_line_decoder = msgspec.json.Decoder(_Line)
_event_decoders = {kind: msgspec.json.Decoder(one) for kind, one in EVENTS}


def encode(event: Event, *, seq: int, t: str) -> bytes:
    """Return one line, newline included. Non-finite numbers become null (they are not JSON)."""
    return _sealed(_text(event, seq, t))


def _text(event: Event, seq: int, t: str) -> bytes:
    """Return a line up to where its checksum follows."""
    line = _Line(
        v=VERSION,
        seq=seq,
        t=t,
        kind=_KIND_OF_CLASS[type(event)],
        data=msgspec.Raw(_encoder.encode(event)),
    )
    return _encoder.encode(line)[:-1]


def _sealed(text: bytes) -> bytes:
    return b'%s,"crc":"%08x"}\n' % (text, zlib.crc32(text))


def decode(line: bytes) -> Envelope:
    """Read one line.

    Raises:
        VersionUnknown: The line is of a newer major version.
        msgspec.DecodeError: The line is not a complete, valid record.
    """
    found = _SUM.search(line)
    if found and found[1] != b"%08x" % zlib.crc32(line[: found.start()]):
        raise msgspec.DecodeError("the line is not what was written")
    raw = _line_decoder.decode(line)
    if raw.v > VERSION:
        raise VersionUnknown(f"protocol version {raw.v}, this program reads up to {VERSION}")
    decoder = _event_decoders.get(raw.kind)
    event = decoder.decode(raw.data) if decoder else None
    return Envelope(v=raw.v, seq=raw.seq, t=raw.t, kind=raw.kind, event=event)


def without_rows(line: bytes) -> bytes:
    """Return a line of a log without text of rows, in as many bytes as before.

    So whoever has read up to some line of the log still stands between two lines. A line that
    cannot be read may hold anything and becomes blank, which cannot be read either.
    """
    end = b"\n" if line.endswith(b"\n") else b""
    try:
        envelope = decode(line)
    except (msgspec.DecodeError, VersionUnknown):
        return b" " * (len(line) - len(end)) + end
    event = envelope.event
    if not isinstance(event, SampleMade):
        return line
    for prompt in (FORGOTTEN, ""):
        emptied = replace(event, prompt=prompt, answer="", expected="")
        text = _text(emptied, envelope.seq, envelope.t)
        room = len(line) - len(_sealed(text))
        if room >= 0:
            return _sealed(text + b" " * room)
    # A line of the first versions, without a checksum.
    return text + b" " * (len(line) - len(text) - len(b"}") - len(end)) + b"}" + end


class _CommandLine(msgspec.Struct, frozen=True, kw_only=True):
    v: int
    kind: str


def kind_of(command: Command) -> str:
    """Return the name of a command."""
    return next(kind for kind, one in COMMANDS if isinstance(command, one))


def encode_command(command: Command) -> bytes:
    """Return the content of one command file."""
    return _encoder.encode(_CommandLine(v=VERSION, kind=kind_of(command)))


def decode_command(content: bytes) -> Command | None:
    """Read a command file; None for a kind that this version does not know.

    Raises:
        msgspec.DecodeError: The content is not a command.
    """
    found = _COMMAND_OF_KIND.get(msgspec.json.decode(content, type=_CommandLine).kind)
    return found() if found else None
