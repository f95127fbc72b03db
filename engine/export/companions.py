# SPDX-License-Identifier: Apache-2.0
"""The files beside the weights: copied from the base model, without what must not leave with them.

What must not: program code that a config asks for, and paths of the machine it was made on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any

import msgspec

from engine.store import atomicfs
from engine.store.modelfolder_json import MEBIBYTE, read_object

_JSON = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
_PLAIN = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
)
_LEGAL = re.compile(r"(licen[cs]e|notice|use_policy|copying)([._-].*)?", re.IGNORECASE)
_CODE_KEYS = {"auto_map", "custom_pipelines", "custom_generate", "trust_remote_code"}
_PATH_KEYS = re.compile(r".*(name_or_path|_file)")
_BLOCK_BYTES = MEBIBYTE
_JSON_LIMIT_BYTES = 64 * MEBIBYTE
_CACHE_FOLDER = re.compile(r"models--([^/\\]+?)--([^/\\]+)")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def copy_companions(base: Path, folder: Path) -> None:
    """Copy config, tokenizer, chat template and licence of a base model into a new folder.

    Raises:
        ModelInvalid: A JSON file of the base model cannot be read.
        DiskFull: No room.
    """
    for name in _JSON:
        if (base / name).is_file():
            _copy_cleaned(base / name, folder / name)
    plain = [base / name for name in _PLAIN]
    for path in [*plain, *sorted(base.iterdir())]:
        if path.is_file() and (path.name in _PLAIN or _LEGAL.fullmatch(path.name)):
            target = folder / path.name
            if not target.exists():
                _copy(path, target)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as stream, atomicfs.new_file(target) as copy:
        for block in _blocks(stream):
            copy.write(block)


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(_BLOCK_BYTES):
        yield block


def _copy_cleaned(source: Path, target: Path) -> None:
    """Copy a JSON file: byte for byte where nothing has to be left out."""
    document = read_object(source, limit_bytes=_JSON_LIMIT_BYTES)
    kept = cleaned(document)
    if kept == document:
        _copy(source, target)
        return
    write_json(target, kept)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a new JSON file, indented.

    Raises:
        DiskFull: No room.
    """
    with atomicfs.new_file(path) as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(document)) + b"\n")


def cleaned(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config without entries that name program code or a path of this machine."""
    return {
        name: value
        for name, value in document.items()
        if name not in _CODE_KEYS and not (_PATH_KEYS.fullmatch(name) and is_path(value))
    }


def is_path(value: object) -> bool:
    """Return whether a value is an absolute path of some machine."""
    return isinstance(value, str) and (
        PurePosixPath(value).is_absolute()
        or bool(PureWindowsPath(value).anchor)
        or value.startswith(("~", "./", "../", ".\\", "..\\"))
    )


def base_name(folder: Path) -> str:
    """Return the name of a base model that may be published: never a path.

    A hub name where the folder tells one (a hub cache, or `_name_or_path`), else the folder's own.
    """
    for part in reversed(folder.parts):
        if found := _CACHE_FOLDER.fullmatch(part):
            return f"{found[1]}/{found[2]}"
    stated = read_object(folder / "config.json", limit_bytes=_JSON_LIMIT_BYTES).get("_name_or_path")
    if isinstance(stated, str) and not is_path(stated) and _HUB_NAME.fullmatch(stated):
        return stated
    return folder.name
