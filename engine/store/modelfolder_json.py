# SPDX-License-Identifier: Apache-2.0
"""Reading the JSON files of a foreign model folder: bounded, strict, running nothing."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable
from gettext import gettext as _
from pathlib import Path
from typing import Any, NoReturn, cast

from engine.errors import EngineError, FileMissing, FileUnreadable, ModelInvalid

MEBIBYTE = 1 << 20


class _NotStrict(ValueError):
    """The text is JSON for lenient readers only."""


def read_bytes(path: Path, *, limit_bytes: int, failure: type[EngineError] = ModelInvalid) -> bytes:
    """Read a regular file, or a link to one, as the Hugging Face cache lays them out.

    Args:
        path: The file.
        limit_bytes: Larger files are refused.
        failure: Raised where the file is no regular file or too large.

    Raises:
        FileMissing: There is no such file.
        FileUnreadable: The system does not let it be read.
    """
    size = size_of(path, failure=failure)
    if size > limit_bytes:
        raise failure(
            _("{name} is {size} MB large; at most {limit} MB are plausible.").format(
                name=path.name, size=size // MEBIBYTE, limit=limit_bytes // MEBIBYTE
            )
        )
    try:
        with path.open("rb") as stream:
            return stream.read(limit_bytes + 1)
    except OSError as error:
        raise FileUnreadable(
            _("{path} cannot be read.").format(path=path), detail=str(error)
        ) from error


def size_of(path: Path, *, failure: type[EngineError] = ModelInvalid) -> int:
    """Return the size in bytes of a regular file, or of the one that a link leads to.

    Raises:
        FileMissing: There is no such file, or the link leads nowhere.
        FileUnreadable: The system does not let it be looked at.
    """
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise FileMissing(
            _("{name} is missing in {folder}.").format(name=path.name, folder=path.parent),
            remedy=_("Get the model again, with all of its files."),
        ) from error
    except OSError as error:
        raise FileUnreadable(
            _("{path} cannot be read.").format(path=path), detail=str(error)
        ) from error
    if not stat.S_ISREG(found.st_mode):
        raise failure(_("{name} is not a regular file.").format(name=path.name))
    return found.st_size


def read_object(
    path: Path,
    *,
    limit_bytes: int,
    failure: type[EngineError] = ModelInvalid,
    constants_as_text: bool = False,
) -> dict[str, Any]:
    """Read a JSON file that holds one object.

    Args:
        path: The file.
        limit_bytes: Larger files are refused.
        failure: What to raise where it does not hold a JSON object.
        constants_as_text: Take NaN and Infinity, which JSON does not know, for texts instead of
            refusing the file; for files whose every value is checked afterwards.

    Raises:
        FileMissing: There is no such file.
        FileUnreadable: The system does not let it be read.
        EngineError: `failure`, where the file is too large or does not hold a JSON object.
    """
    content = read_bytes(path, limit_bytes=limit_bytes, failure=failure)
    return parse_object(
        content, name=path.name, failure=failure, constants_as_text=constants_as_text
    )


def parse_object(
    content: bytes,
    *,
    name: str,
    failure: type[EngineError] = ModelInvalid,
    constants_as_text: bool = False,
) -> dict[str, Any]:
    """Parse UTF-8 JSON with one object; NaN, repeated keys and bottomless nesting are refused.

    Raises:
        EngineError: `failure`; the detail says what is wrong.
    """
    try:
        found = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_without_repeats,
            parse_constant=str if constants_as_text else _no_constant,
        )
    except (ValueError, RecursionError) as error:
        raise failure(
            _("{name} is not valid JSON text.").format(name=name), detail=str(error)
        ) from error
    if not isinstance(found, dict):
        raise failure(_("{name} does not hold a JSON object.").format(name=name))
    return cast("dict[str, Any]", found)


def _without_repeats(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _NotStrict(f"the key {key!r} appears twice")
        found[key] = value
    return found


def _no_constant(text: str) -> NoReturn:
    raise _NotStrict(f"{text} is not a number of JSON")
