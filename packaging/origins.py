# SPDX-License-Identifier: Apache-2.0
"""Where every file of the packaged program comes from; one that nothing explains stops the build.

PyInstaller says which file it took for which name. A file of a wheel is known by the list that the
wheel brings, one of Python by its folder, one of this repository by its place, and a library of the
build host by the package of that host, whose copyright file goes into the notices.
"""

from __future__ import annotations

import ast
import hashlib
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import cast

import bundle_contents as contents
import qt_support
from notices import Work

INSIDE = "_internal"
PROGRAM, PYTHON = contents.NAME, "Python"
_COPYRIGHTS = Path("/usr/share/doc")


class OriginUnknown(Exception):
    """Files of which nobody can say where they come from; the text names them."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What files can come from.

    Attributes:
        work: Folder of what the build itself makes.
        wheels: Name of the distribution of each installed file that is shipped.
        packages: Folders that packages are installed in.
    """

    work: Path
    wheels: Mapping[Path, str]
    packages: tuple[Path, ...]

    def origin(self, source: Path) -> str:
        """Return what a file comes from: a distribution, a package of the host, or an empty text.

        Args:
            source: The file, absolute; it may be a link.
        """
        if (wheel := self.wheels.get(source) or self.wheels.get(source.resolve())) is not None:
            return wheel
        if _is_in(source, self.packages):
            return ""  # installed, but nothing that will be named: also where it is in here
        if _is_in(source, (self.work, contents.REPOSITORY)):
            return PROGRAM
        homes = {Path(one) for one in (sys.base_prefix, sys.base_exec_prefix)}
        python = [folder for home in homes for folder in (home / "lib", home / "include", home)]
        is_system = {Path("/usr"), Path("/")} & homes
        if _is_in(source, python) and not is_system:
            return PYTHON
        return _host_package(source)


def _is_in(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(one) or path.resolve().is_relative_to(one) for one in folders)


def _host_package(source: Path) -> str:
    """Return the Debian package that a file of this host belongs to; empty where there is none."""
    tool = shutil.which("dpkg-query")
    if tool is None:
        return ""
    for path in dict.fromkeys((source, source.resolve(), *_before_usr_merge(source))):
        done = subprocess.run(
            [tool, "--search", str(path)], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return done.stdout.partition(": ")[0].partition(":")[0].partition(",")[0]
    return ""


def _before_usr_merge(source: Path) -> tuple[Path, ...]:
    """Return the names that a library has in lists of packages from before /lib was a link."""
    found = (source, source.resolve())
    return tuple(Path("/", *one.parts[2:]) for one in found if one.parts[:2] == ("/", "usr"))


def sources_of(work: Path, works: Iterable[Work]) -> Sources:
    """Return what the files of a build can come from: nothing but what is going to be named.

    Args:
        work: Folder of what the build makes.
        works: The distributions that the bill of materials names.
    """
    wheels: dict[Path, str] = {}
    for one in map(distribution, (one.name for one in works)):
        wheels |= {Path(str(one.locate_file(path))): one.name for path in one.files or ()}
    wheels |= {Path(one): qt_support.PACKAGE for one, _place in qt_support.support_files(work)}
    packages = tuple(Path(sysconfig.get_path(one)) for one in ("purelib", "platlib"))
    return Sources(work=work, wheels=wheels, packages=packages)


def origins(sources: Sources) -> dict[str, str]:
    """Return what each file of the program comes from, by its path in the program's folder.

    Modules inside the starter program have the name of the module.

    Args:
        sources: What files can come from.

    Raises:
        OriginUnknown: Nothing explains some of them.
    """
    found: dict[str, str] = {}
    links: dict[str, str] = {}
    lists = sources.work / "pyinstaller" / "app"
    for name, source, kind in _listed(lists / "COLLECT-00.toc"):
        place = name if kind == "EXECUTABLE" else f"{INSIDE}/{name}"
        if kind == "SYMLINK":
            links[place] = f"{INSIDE}/{source}"
        else:
            found[place] = PROGRAM if kind == "EXECUTABLE" else sources.origin(Path(source))
    for name, source, _kind in _listed(lists / "PYZ-00.toc"):
        # A folder of modules without a file of its own has no source.
        found[name] = sources.origin(Path(source)) if source not in ("", "-") else PROGRAM
    found |= {place: found[target] for place, target in links.items() if target in found}
    unknown = sorted(place for place, origin in found.items() if not origin)
    unknown += sorted(links.keys() - found.keys())
    if unknown:
        raise OriginUnknown("Nothing says where these come from: " + ", ".join(unknown))
    return found


def _listed(path: Path) -> list[tuple[str, str, str]]:
    """Return the entries of a list of PyInstaller: name, source, kind."""
    parts: tuple[object, ...] = ast.literal_eval(path.read_text(encoding="utf-8"))
    return next(cast("list[tuple[str, str, str]]", one) for one in parts if isinstance(one, list))


def host_work(name: str) -> Work:
    """Return a package of this host with its copyright file.

    Raises:
        OriginUnknown: It has none.
    """
    query = ["dpkg-query", "--show", "--showformat=${Version}", name]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    copyright_file = _COPYRIGHTS / name / "copyright"
    if not copyright_file.is_file():
        raise OriginUnknown(f"The package {name} of this computer has no copyright file.")
    text = copyright_file.read_text(encoding="utf-8", errors="replace")
    return Work(
        name=name,
        version=done.stdout.strip(),
        licence="see its licence text",  # which is that of a source package: of tools in it, too
        texts=(text,),
        host="deb",
    )


def file_hashes(folder: Path, found: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the SHA-256 of every file of the program, by origin and path.

    Raises:
        OriginUnknown: A file is in the folder that PyInstaller did not put there.
    """
    hashes: dict[str, dict[str, str]] = {}
    unknown: list[str] = []
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        place = path.relative_to(folder).as_posix()
        if place not in found:
            unknown.append(place)
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        hashes.setdefault(found[place], {})[place] = digest
    if unknown:
        raise OriginUnknown("Nothing says where these come from: " + ", ".join(unknown))
    return hashes
