# SPDX-License-Identifier: Apache-2.0
"""The training libraries as files: which are there, whole, and built for what; none is imported."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from engine.hardware.doctor.snapshot import LibraryFacts
from engine.launcher.runtime import find_runtime, places, read_runtime

_TORCH = "torch"
_CUDA = re.compile(r"^cuda\b[^=]*=\s*'([\d.]+)'", re.MULTILINE)


def read_libraries(
    names: Sequence[str], *, is_packaged: bool, compares_files: bool = True
) -> LibraryFacts:
    """Return what is known of the training libraries that a worker would get.

    Args:
        names: Their names, under which they are installed and imported.
        is_packaged: This is the packaged program.
        compares_files: Look at every file, some ten thousand, to find what is damaged.
    """
    installed = {name: found for name in names if (found := _installed(name)) is not None}
    runtime = find_runtime(os.environ, Path(sys.executable)) if is_packaged else None
    torch = installed.get(_TORCH)
    return LibraryFacts(
        is_packaged=is_packaged,
        missing=tuple(name for name in names if find_spec(name) is None),
        damaged=tuple(
            (name, wrong)
            for name, one in installed.items()
            if compares_files and (wrong := first_wrong_file(one))
        ),
        misfit=_misfit(os.environ, Path(sys.executable)) if is_packaged and not runtime else "",
        torch=torch.version if torch else "",
        cuda=_cuda_of(torch) if torch else "",
        minimum_driver=runtime.minimum_driver if runtime else 0,
    )


def first_wrong_file(found: Distribution) -> str:
    """Return a file of a library that is gone or has another size than was installed, or "".

    Files that Python makes by itself, and commands beside the library, are not looked at.
    """
    for line in (found.read_text("RECORD") or "").splitlines():
        before, _comma, size = line.rpartition(",")
        name = before.rpartition(",")[0].strip('"')
        if not size.isdecimal() or name.startswith("..") or name.endswith(".pyc"):
            continue
        try:
            is_whole = Path(str(found.locate_file(name))).stat().st_size == int(size)
        except OSError:
            is_whole = False
        if not is_whole:
            return name
    return ""


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _cuda_of(torch: Distribution) -> str:
    """Return the CUDA line that PyTorch says it was built for; empty for none."""
    try:
        text = Path(str(torch.locate_file("torch/version.py"))).read_text(encoding="utf-8")
    except OSError:
        return ""
    found = _CUDA.search(text)
    return found[1] if found else ""


def _misfit(environment: Mapping[str, str], executable: Path) -> str:
    """Return what the runtimes that are there are made for, where none is made for this program."""
    found = (read_runtime(place) for place in places(environment, executable))
    return next((one.misfit() for one in found if one is not None and one.misfit()), "")
