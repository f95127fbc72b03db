# SPDX-License-Identifier: Apache-2.0
"""The training runtime of the packaged program: where it is, what it says of itself, attaching it.

The packaged program holds everything but the machine learning libraries. Those are a folder of
unmodified wheels, the runtime, with a manifest beside them. A worker puts that folder before the
bundle on `sys.path`, so that it runs on the very set of libraries that was locked and tested
together; window and command line put it behind the bundle, where they only look versions up.

A clone needs none of this: its environment has the libraries. Standard library only, because
`main.py` attaches a runtime before anything else is imported.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from collections.abc import Mapping, MutableSequence
from pathlib import Path
from typing import NamedTuple, cast

FILE_NAME = "runtime.json"
"""Who a runtime is. The hash of each of its files stands in MANIFEST.json, as in each folder that
Burnish writes (engine/store/atomicfs.py)."""

SCHEMA_VERSION = 1
PROTOCOL = 1
"""What this program expects of a runtime: its layout, and libraries whose calls it knows. Raised
where code of a worker would fail with the runtimes of earlier versions; those are then not used."""

VARIABLE = "BURNISH_RUNTIME"
FOLDER_NAME = "runtime"
SYSTEM_ROOT = Path("/opt/burnish-runtime")
PACKAGES = Path(f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages")
"""Where the libraries lie in it. The name matters: dill takes a module for an installed one only
where its path holds `site-packages`."""


class Runtime(NamedTuple):
    """What a runtime says of itself.

    Attributes:
        root: Its folder.
        id: Names this very content.
        variant: `cpu`, or the CUDA line that it computes with, such as `cu130`.
        python: Tag of the Python it is made for: `cp311`.
        platform: Platform it is made for: `linux_x86_64`.
        torch: Version of PyTorch.
        minimum_driver: Oldest NVIDIA driver line that it runs with; 0 for a processor.
        lock: SHA-256 of the lock that its wheels were taken from.
        packages: Version of each library by its name.
        protocol: What it can be used by; see PROTOCOL.
        app: Version of Burnish that made it; empty where that was not written down.
    """

    root: Path
    id: str
    variant: str
    python: str
    platform: str
    torch: str
    minimum_driver: int
    lock: str
    packages: Mapping[str, str]
    protocol: int
    app: str

    @property
    def site_packages(self) -> Path:
        """Return the folder that belongs on `sys.path`."""
        return self.root / PACKAGES

    def misfit(self) -> str:
        """Return what it is made for where that is not this program, else an empty text."""
        if (self.python, self.platform) != (python_tag(), platform_tag()):
            return f"{self.python} {self.platform}"
        return "" if self.protocol == PROTOCOL else f"Burnish {self.app}"

    def is_usable(self) -> bool:
        """Return whether this program can run with it."""
        return not self.misfit() and (self.site_packages / "torch").is_dir()


def python_tag() -> str:
    """Return the tag of the Python that runs this, as wheels name it: `cp311`."""
    return f"cp{sys.version_info[0]}{sys.version_info[1]}"


def platform_tag() -> str:
    """Return the platform that this runs on, as wheels name it: `linux_x86_64`, `win_amd64`."""
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def user_root() -> Path:
    """Return where a runtime stands that a person installed without the system's installer."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_DATA_HOME", "").strip() or Path.home() / ".local" / "share"
    return Path(base) / "burnish" / FOLDER_NAME


def places(environment: Mapping[str, str], executable: Path) -> tuple[Path, ...]:
    """Return where a runtime may stand, the first wish first.

    Args:
        environment: Its variable `BURNISH_RUNTIME` names a folder, which then is the only one.
        executable: The program itself; a portable copy has its runtime beside it.
    """
    named = environment.get(VARIABLE)
    if named:
        return (Path(named),)
    return (user_root(), executable.parent / FOLDER_NAME, SYSTEM_ROOT)


def read_runtime(root: Path) -> Runtime | None:
    """Return what the manifest of a folder says, or None where there is none that can be read."""
    try:
        found = cast("dict[str, object]", json.loads((root / FILE_NAME).read_bytes()))
        if found["schema_version"] != SCHEMA_VERSION:
            return None
        return Runtime(
            root=root,
            id=str(found["id"]),
            variant=str(found["variant"]),
            python=str(found["python"]),
            platform=str(found["platform"]),
            torch=str(found["torch"]),
            minimum_driver=int(str(found["minimum_driver"])),
            lock=str(found["lock"]),
            packages=dict(cast("dict[str, str]", found["packages"])),
            # The first ones were made without these two lines.
            protocol=int(str(found.get("protocol", 1))),
            app=str(found.get("app", "")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find_runtime(environment: Mapping[str, str], executable: Path) -> Runtime | None:
    """Return the first runtime that this program can use; None where there is none."""
    found = found_runtimes(environment, executable)
    return next((one for one in found if one.is_usable()), None)


def found_runtimes(environment: Mapping[str, str], executable: Path) -> list[Runtime]:
    """Return every runtime that is there, usable or not, the first wish first."""
    found = (read_runtime(place) for place in places(environment, executable))
    return [one for one in found if one is not None]


def attach(runtime: Runtime, search: MutableSequence[str], *, before: str = "") -> None:
    """Put a runtime on a search path, once; its `.pth` files, which could run code, are not read.

    Args:
        runtime: Which.
        search: `sys.path`, which is changed.
        before: The entry that it goes before; by default it goes to the end.
    """
    entry = str(runtime.site_packages)
    if entry in search:
        search.remove(entry)
    search.insert(search.index(before) if before in search else len(search), entry)


def attached_runtime() -> Runtime | None:
    """Return the runtime that this process has on its search path."""
    ending = str(PACKAGES)
    roots = [Path(one[: -len(ending)]) for one in sys.path if one.endswith(ending)]
    return next((found for root in roots if (found := read_runtime(root)) is not None), None)
