# SPDX-License-Identifier: Apache-2.0
"""Wheels of libraries that do nothing, and a lock that names them."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from engine.launcher.runtime import python_tag
from engine.launcher.wheelhouse import Lock, read_lock

TAG = f"{python_tag()}-{python_tag()}-linux_x86_64"
NAMES = ("torch", "numpy", "triton")
HEAD = "# variant: {variant}\n# minimum driver: {driver}\n"


def write_wheel(folder: Path, name: str, *, tag: str = TAG) -> Path:
    """Write a wheel of a module, a program and a starter of a command."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", f"NAME = {name!r}\n")
        program = zipfile.ZipInfo(f"{name}/bin/tool")
        program.external_attr = 0o100755 << 16
        archive.writestr(program, "#!/bin/sh\n")
        archive.writestr(f"{name}-1.0.data/purelib/{name}_more.py", "MORE = 1\n")
        archive.writestr(f"{name}-1.0.data/scripts/{name}", "#!python\n")
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Name: {name}\nVersion: 1.0\n")
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return path


def write_wheelhouse(
    folder: Path, *, variant: str = "cu130", driver: int = 580, tag: str = TAG
) -> Lock:
    """Write wheels, and return the lock that names them."""
    lines = [HEAD.format(variant=variant, driver=driver)]
    for name in NAMES:
        wheel = write_wheel(folder, name, tag=tag)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines.append(f"{name}==1.0 --hash=sha256:{digest}  # {wheel.name}\n")
    path = folder.with_name(f"{folder.name}-{variant}.lock")
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
    return read_lock(path)
