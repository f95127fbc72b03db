# SPDX-License-Identifier: Apache-2.0
"""What a dataset is: canonical rows, where they came from, and what was rejected."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from engine.domain.chunking import Cutting


class RowKind(StrEnum):
    """The canonical kinds of rows that training methods learn from."""

    CHAT = "chat"
    TEXT = "text"
    PREFERENCE = "preference"
    RATED = "rated"
    LABEL = "label"


class Role(StrEnum):
    """Who speaks in a turn."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Turn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One message of a conversation.

    Attributes:
        role: Who speaks.
        content: The text; empty only where there are tool calls.
        tool_calls: JSON text of the assistant's tool calls, or None.
        weight: 0 keeps an assistant turn out of the loss, 1 or None trains it.
        name: Who exactly speaks: the tool that answers, or one of several people; or None.
        tool_call_id: Id of the tool call that a tool answers, or None.
    """

    role: Role
    content: str
    tool_calls: str | None = None
    weight: float | None = None
    name: str | None = None
    tool_call_id: str | None = None

    @property
    def is_plain(self) -> bool:
        """Return whether there is nothing but a role and a text."""
        beside = (self.tool_calls, self.weight, self.name, self.tool_call_id)
        return beside == (None, None, None, None)


class ChatRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="chat"):
    """A conversation; `tools` is JSON text of the tools the assistant may call, or None."""

    messages: tuple[Turn, ...]
    tools: str | None = None


class TextRow(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """Plain text; every token of it is trained."""

    text: str


class PreferenceRow(msgspec.Struct, frozen=True, kw_only=True, tag="preference"):
    """A prompt with a better and a worse continuation."""

    prompt: tuple[Turn, ...]
    chosen: tuple[Turn, ...]
    rejected: tuple[Turn, ...]


class RatedRow(msgspec.Struct, frozen=True, kw_only=True, tag="rated"):
    """A prompt with one answer that was liked or not, as KTO learns from."""

    prompt: tuple[Turn, ...]
    completion: tuple[Turn, ...]
    is_liked: bool


class LabelRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="label"):
    """A text or a picture with the class it belongs to; the other of both is None.

    Attributes:
        label: Name of the class.
        text: What is to be classed.
        image: Path of a picture, as its source names it.
    """

    label: str
    text: str | None = None
    image: str | None = None


Row = ChatRow | TextRow | PreferenceRow | RatedRow | LabelRow


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """A source row that was not accepted.

    Attributes:
        file: Name of the source file; in an archive `archive.zip/inner/name`.
        line: Line (text formats) or row number (tables), from 1; 0 for the whole file.
        reason: Stable snake_case name of the reason.
        message: The reason as a sentence, without text of the row.
        excerpt: The first 200 characters of the row, to find it again; kept in the workspace only.
    """

    file: str
    line: int
    reason: str
    message: str
    excerpt: str = ""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a row.

    Attributes:
        target: Name of a target of the kind.
        value: An expression, see `engine.domain.expression`.
    """

    target: str
    value: str


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """How the records of a file become rows.

    Attributes:
        kind: Kind of the rows.
        parts: What they are made of; turns of a conversation in their order.
    """

    kind: RowKind
    parts: tuple[Part, ...]


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file that rows came from.

    Attributes:
        name: File name without its folder; in an archive `archive.zip/inner/name`.
        path: Absolute path at the time of the import, through an archive as through a folder.
        size_bytes: What it takes on the disk; in an archive, packed.
        sha256: Hash of its content, unpacked.
        format: Id of the format that read it.
        shape: Which row shape was recognised, e.g. `openai_messages`, `alpaca`.
        rows: Rows accepted from it.
        rejects: Rows not accepted.
        confidence: Share (0..1) of its first rows that are usable in the shape; -1 if not known.
        reason: The sentence on why that shape was recognised; may be empty.
        mapping: What a person said of its columns; None where the shape said it.
        cutting: How it was cut where it is a document; None where it was not.
    """

    name: str
    path: str
    size_bytes: int
    sha256: str
    format: str
    shape: str
    rows: int
    rejects: int
    confidence: float = -1.0
    reason: str = ""
    mapping: Mapping | None = None
    cutting: Cutting | None = None


class DatasetInfo(msgspec.Struct, frozen=True, kw_only=True):
    """dataset.json: what was imported.

    Attributes:
        schema_version: Version of this document.
        id: Folder name in the workspace.
        name: Name for people.
        kind: Kind of all its rows.
        rows: Accepted rows over all splits.
        rejects: Rows not accepted.
        duplicates: Rows that repeat an earlier row exactly; they are kept, in the same split.
        splits: Rows by split name, `train` and `eval`.
        eval_ratio: Share of rows that was asked for in `eval`.
        created_at: UTC, ISO 8601.
        sources: The files it came from.
        licence: The user's statement, may be empty.
        origin: The user's statement, may be empty.
        consent: The user's note on consent, may be empty.
        is_eval_frozen: Rows of `eval` stay there, and never enter `train` of what is made of it.
        version: The version that `rows` and `splits` tell of; in dataset.json that of the import.
        earlier: What was done with the rows before this dataset was made of others, a line each.
        made_of: Ids of the datasets that it was made of, and of those that these were made of.
    """

    schema_version: int = 1
    id: str
    name: str
    kind: RowKind
    rows: int
    rejects: int
    duplicates: int
    splits: dict[str, int]
    eval_ratio: float
    created_at: str
    sources: tuple[SourceFile, ...]
    licence: str = ""
    origin: str = ""
    consent: str = ""
    is_eval_frozen: bool = False
    version: int = 1
    earlier: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()
