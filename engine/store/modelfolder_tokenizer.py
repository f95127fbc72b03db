# SPDX-License-Identifier: Apache-2.0
"""The tokenizer files of a foreign model folder: what they say, checked without loading them.

Only tokenizer.json, tokenizer_config.json, special_tokens_map.json, generation_config.json and
chat_template.jinja are read, always by these names: a path inside one of them is never followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from gettext import gettext as _
from pathlib import Path
from typing import Any, cast

import msgspec

from engine.errors import RemoteCodeRefused, TemplateInvalid, TokenizerInvalid
from engine.store.modelfolder_json import MEBIBYTE, read_bytes, read_object

TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
TEMPLATE, GENERATION_CONFIG = "chat_template.jinja", "generation_config.json"
SPECIAL_TOKENS_MAP = "special_tokens_map.json"
_TOKENIZER_LIMIT_BYTES, _CONFIG_LIMIT_BYTES = 256 * MEBIBYTE, 16 * MEBIBYTE
_TEMPLATE_LIMIT_BYTES = MEBIBYTE
_PATTERN_LIMIT = 4096
_KINDS = ("BPE", "Unigram", "WordPiece", "WordLevel")
_NAMES = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)


class _Added(msgspec.Struct, frozen=True):
    id: int
    content: str


class _Model(msgspec.Struct, frozen=True):
    vocab: dict[str, int] | list[tuple[str, float]]
    type: str = "BPE"


class _File(msgspec.Struct, frozen=True):
    model: _Model
    added_tokens: list[_Added] = []
    normalizer: Any = None
    pre_tokenizer: Any = None
    post_processor: Any = None
    decoder: Any = None


def tokenizer_path(path: Path) -> Path:
    """Return tokenizer.json of a model folder.

    Raises:
        TokenizerInvalid: There is none.
    """
    found = path / TOKENIZER
    if not found.is_file():
        raise TokenizerInvalid(
            _("{file} is missing in {folder}.").format(file=TOKENIZER, folder=path),
            remedy=_("Get the model's tokenizer.json; older models have it in a newer upload."),
        )
    return found


def check_tokenizer(path: Path, *, vocabulary: int) -> None:
    """Check tokenizer.json of a model folder before a library loads it.

    Args:
        path: The model's folder.
        vocabulary: Rows of the model's embedding; every token id must be below it.

    Raises:
        TokenizerInvalid: It is missing, not a tokenizer, names an id that the model does not
            have, or holds a pattern that could run for hours.
        RemoteCodeRefused: tokenizer_config.json asks for program code.
    """
    if tokenizer_config(path).get("auto_map"):
        raise RemoteCodeRefused(
            _(
                "{file} has the entry {key}, which asks to run program code that came with the "
                "model. Nothing of it was run."
            ).format(file=TOKENIZER_CONFIG, key="auto_map")
        )
    content = read_bytes(
        tokenizer_path(path), limit_bytes=_TOKENIZER_LIMIT_BYTES, failure=TokenizerInvalid
    )
    try:
        found = msgspec.json.decode(content, type=_File)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise TokenizerInvalid(
            _("{file} does not hold a tokenizer.").format(file=TOKENIZER), detail=str(error)
        ) from error
    _check_kind(found.model.type)
    _check_ids(found, vocabulary)
    for pattern in _patterns([found.normalizer, found.pre_tokenizer, found.decoder]):
        if len(pattern) > _PATTERN_LIMIT or can_run_away(pattern):
            raise TokenizerInvalid(
                _("{file} splits text by a pattern that could run for hours.").format(
                    file=TOKENIZER
                ),
                detail=pattern[:200],
            )


def _check_kind(kind: str) -> None:
    if kind not in _KINDS:
        raise TokenizerInvalid(
            _("{file} is of the unknown kind {kind}.").format(file=TOKENIZER, kind=kind[:40])
        )


def _check_ids(found: _File, vocabulary: int) -> None:
    vocab = found.model.vocab
    ids = vocab.values() if isinstance(vocab, dict) else range(len(vocab))
    highest = max((*ids, *(one.id for one in found.added_tokens)), default=-1)
    lowest = min((*ids, *(one.id for one in found.added_tokens)), default=0)
    if highest >= vocabulary or highest < 0 or lowest < 0:
        raise TokenizerInvalid(
            _("{file} names the token {id}, but the model has {count} tokens.").format(
                file=TOKENIZER, id=highest if lowest >= 0 else lowest, count=vocabulary
            ),
            remedy=_("Get tokenizer.json and the weights from the same version of the model."),
        )


def _patterns(value: Any) -> Iterator[str]:
    """Yield every regular expression of a part of tokenizer.json."""
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            if key == "Regex" and isinstance(item, str):
                yield item
            else:
                yield from _patterns(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _patterns(item)


_PIECE = re.compile(r"\\.|\[\^?\]?|\]|\(\?<?[=!:>]?|[()|]|\{\d*,\d*\}|\{\d+\}|[*+]|.", re.DOTALL)


def can_run_away(pattern: str) -> bool:
    """Return whether a pattern repeats a group that itself repeats or branches.

    Such groups are what makes a backtracking matcher take exponential time. No tokenizer in use
    needs one: all of them repeat single characters and classes.
    """
    pieces: list[str] = _PIECE.findall(pattern)
    groups, depth = [False], 0
    for number, piece in enumerate(pieces):
        following = pieces[number + 1] if number + 1 < len(pieces) else ""
        if piece.startswith("["):
            depth += 1
        elif depth:
            depth -= piece == "]"
        elif piece.startswith("("):
            groups.append(False)
        elif piece == ")" and len(groups) > 1:
            is_loose = groups.pop()
            if is_loose and _is_unbounded(following):
                return True
            groups[-1] = groups[-1] or is_loose
        elif piece == "|" or _is_unbounded(piece):
            groups[-1] = True
    return False


def _is_unbounded(piece: str) -> bool:
    return piece in ("*", "+") or (piece.startswith("{") and piece.endswith(",}"))


def tokenizer_config(path: Path) -> dict[str, Any]:
    """Return tokenizer_config.json as it stands, or an empty mapping where there is none.

    Raises:
        TokenizerInvalid: It is not a JSON object.
    """
    return _optional_object(path / TOKENIZER_CONFIG)


def _optional_object(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    return read_object(file, limit_bytes=_CONFIG_LIMIT_BYTES, failure=TokenizerInvalid)


def special_tokens(path: Path) -> dict[str, str]:
    """Return the texts of the named special tokens, e.g. `eos_token`, that a folder states.

    Raises:
        TokenizerInvalid: A file that names them is not a JSON object.
    """
    sources = (_optional_object(path / SPECIAL_TOKENS_MAP), tokenizer_config(path))
    found: dict[str, str] = {}
    for source in sources:
        for name in _NAMES:
            value: Any = source.get(name)
            if isinstance(value, dict):
                value = cast("dict[str, Any]", value).get("content")
            if isinstance(value, str) and value:
                found[name] = value
    return found


def chat_template(path: Path) -> str | None:
    """Return the chat template of a model folder as text, or None where it has none.

    chat_template.jinja comes before tokenizer_config.json; of several named ones, `default`.

    Raises:
        TemplateInvalid: It is too large or not text.
        TokenizerInvalid: tokenizer_config.json is not a JSON object.
    """
    file = path / TEMPLATE
    if file.exists():
        content = read_bytes(file, limit_bytes=_TEMPLATE_LIMIT_BYTES, failure=TemplateInvalid)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise TemplateInvalid(
                _("{file} is not UTF-8 text.").format(file=TEMPLATE), detail=str(error)
            ) from error
    found = _template_of(tokenizer_config(path).get("chat_template"))
    if found is not None and len(found) > _TEMPLATE_LIMIT_BYTES:
        raise TemplateInvalid(
            _("The chat template in {file} is implausibly long.").format(file=TOKENIZER_CONFIG)
        )
    return found


def _template_of(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return None
    for one in cast("list[Any]", value):
        entry = cast("dict[str, Any]", one) if isinstance(one, dict) else {}
        if entry.get("name") == "default" and isinstance(entry.get("template"), str):
            return str(entry["template"])
    return None


def eos_ids(path: Path, config: dict[str, Any]) -> tuple[int, ...]:
    """Return the ids that end an answer, as generation_config.json or else config.json states them.

    Raises:
        TokenizerInvalid: generation_config.json is not a JSON object.
    """
    stated: Any = _optional_object(path / GENERATION_CONFIG).get("eos_token_id")
    value: Any = config.get("eos_token_id") if stated is None else stated
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    return tuple(one for one in items if type(one) is int and one >= 0)


def end_of_turn(path: Path, config: dict[str, Any]) -> str:
    """Return the text of the token that ends a turn, or an empty text where none is known.

    Of the tokens that end an answer, the one that the chat template writes; else the eos token.
    """
    tokens = special_tokens(path)
    eos = tokens.get("eos_token", "")
    template = chat_template(path)
    if template is None or (eos and (eos in template or "eos_token" in template)):
        return eos
    content = read_bytes(tokenizer_path(path), limit_bytes=_TOKENIZER_LIMIT_BYTES)
    added = {one.id: one.content for one in msgspec.json.decode(content, type=_File).added_tokens}
    candidates = [added[one] for one in eos_ids(path, config) if one in added]
    return next((text for text in candidates if text in template), eos)
