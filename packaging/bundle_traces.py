# SPDX-License-Identifier: Apache-2.0
"""The part of A1 that looks for what got into a built program by mistake.

That is a file of tests or of the packaging, what Git or pip leave behind, and the paths of the
computer that built: in text, in compiled modules and in libraries.
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Protocol, cast

import builder_paths
import bundle_contents as contents
from bundle_under_test import require

_UNWANTED = re.compile(r"\.git.*|(.*_)?tests?|test_.*|conftest|__pycache__|direct_url|benchmarks")
_WANTED = frozenset({"jinja2/tests"})
"""Not tests of Jinja, but what its templates can ask, such as `is defined`."""

_LIBRARIES = (b"\x7fELF", b"MZ")
_EMBEDDED = "PYZ.pyz"


class _Archive(Protocol):
    """An archive of modules, as the reader of PyInstaller gives it."""

    toc: dict[str, object]

    def extract(self, name: str, *, raw: bool = True) -> bytes | None: ...


class _Executable(Protocol):
    """The executable, as the reader of PyInstaller gives it."""

    toc: dict[str, object]

    def extract(self, name: str) -> bytes: ...

    def open_embedded_archive(self, name: str) -> _Archive: ...


def require_none(app: Path) -> str:
    """Hold a built program to carrying nothing that is not for the person who runs it.

    Args:
        app: Its folder.

    Returns:
        What was looked at.

    Raises:
        Missed: Something was found.
    """
    files = {one.relative_to(app).as_posix(): one for one in app.rglob("*") if one.is_file()}
    modules = dict(_modules(app))
    strange = sorted(name for name in (*files, *modules) if _is_unwanted(name))
    require(not strange, f"nothing for a person: {', '.join(strange[:20])}")
    private = _private_paths(app)
    in_text = [*private, f"{Path.home()}/"]
    telling = [_found(name, content, in_text) for name, content in modules.items()]
    for name, path in files.items():
        content = path.read_bytes()
        # Libraries of wheels carry the homes of those who made them, which may be called the same.
        wanted = private if content.startswith(_LIBRARIES) else in_text
        telling.append(_found(name, content, wanted))
    told = sorted(one for one in telling if one)
    require(not told, f"{len(told)} tell of the computer that built: {'; '.join(told[:20])}")
    return f"{len(modules)} modules without tests and without paths of the builder"


def _modules(app: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the compiled modules by their places, with slashes; also those of the executable."""
    readers = import_module("PyInstaller.archive.readers")
    for program in (one for one in app.iterdir() if one.stem.startswith(contents.NAME)):
        executable = cast("_Executable", readers.CArchiveReader(str(program)))
        for name in executable.toc:
            if name != _EMBEDDED:
                yield f"{program.name}/{name}", executable.extract(name) or b""
        archive = executable.open_embedded_archive(_EMBEDDED)
        for name in archive.toc:
            yield name.replace(".", "/"), archive.extract(name, raw=True) or b""
    with zipfile.ZipFile(app / "_internal/base_library.zip") as library:
        for name in library.namelist():
            yield name, library.read(name)


def _is_unwanted(name: str) -> bool:
    own = {one.stem for one in (contents.REPOSITORY / "packaging").glob("*.py")}
    parts = PurePosixPath(name).parts
    if name in _WANTED:
        return False
    is_ours = parts[0] in own and name.count("/") == 0
    return is_ours or any(_UNWANTED.fullmatch(part.partition(".")[0] or part) for part in parts)


def _private_paths(app: Path) -> list[str]:
    """Return where the source, the environment, its Python and what was built lie."""
    base = builder_paths.private_base()
    own = (contents.REPOSITORY, Path(sys.prefix), app.resolve().parent)
    return [str(one) for one in own if str(one) != sys.base_prefix] + ([base] if base else [])


def _found(name: str, content: bytes, paths: list[str]) -> str:
    """Return where one of the paths stands, but not where another only begins or ends like it."""
    forms = {form.encode() for one in paths for form in (one, one.replace("\\", "/"))}
    near = [re.escape(one) for one in sorted(forms) if one in content]
    pattern = rb"(?<![\w.-])(?:" + b"|".join(near) + rb")(?:(?<=/)|(?![\w-]))[^\0\r\n]{0,40}"
    found = re.search(pattern, content) if near else None
    return f"{name}: {found[0].decode('utf-8', 'replace')}" if found else ""
