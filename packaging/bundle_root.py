# SPDX-License-Identifier: Apache-2.0
"""A Debian with nothing on it, in a folder, and an ordinary person in it.

It is made by root and needs a network for the system's own packages. `BURNISH_ROOT` names one that
is there already.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Generator, Sequence
from pathlib import Path

from bundle_under_test import Answer, Bundle, require, run, tool

PERSON = "ann"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@contextlib.contextmanager
def bare_root(bundle: Bundle) -> Generator[Path, None, None]:
    """Yield the folder of a Debian with nothing on it; what is mounted in it goes again."""
    given = os.environ.get("BURNISH_ROOT")
    root = Path(given) if given else bundle.scratch / "root"
    if not (root / "usr/bin/apt-get").exists():
        command = [tool("debootstrap", "debootstrap"), "--variant=minbase", "bookworm", str(root)]
        require_done(run(command, {"PATH": PATH, **_network()}), "debootstrap")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    mounts: tuple[tuple[Path, str, list[str]], ...]
    mounts = ((root / "proc", "proc", []), (root / "dev/shm", "tmpfs", ["-o", "mode=1777"]))
    done: list[Path] = []
    paths = {"PATH": PATH}
    try:
        for place, kind, options in mounts:
            require_done(run(["mount", "-t", kind, *options, kind, str(place)], paths), "mount")
            done.append(place)
        require_done(in_root(root, ["apt-get", "update", "-q"]), "apt-get update")
        # What an earlier check left, also one that was cut off.
        in_root(root, ["dpkg", "--purge", "burnish", "burnish-runtime-cpu"])
        in_root(root, ["apt-get", "autoremove", "-q", "-y", "--purge"])
        in_root(root, ["userdel", "--remove", PERSON])
        require_done(in_root(root, ["useradd", "--create-home", PERSON]), "useradd")
        yield root
    finally:
        for place in reversed(done):
            run(["umount", "--lazy", str(place)], paths)


def _network() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key.lower().endswith("_proxy")}


def in_root(root: Path, command: Sequence[str], **extra: str) -> Answer:
    """Run a command in the root, as its root."""
    environment = {"PATH": PATH, "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    return run(["chroot", str(root), *command], environment | _network() | extra)


def as_person(root: Path, command: str) -> Answer:
    """Run a line of shell in the root, as an ordinary person with nothing in the environment."""
    line = f"cd && env -i HOME=/home/{PERSON} PATH=/usr/bin:/bin LANG=C.UTF-8 {command}"
    return in_root(root, ["su", PERSON, "-s", "/bin/sh", "-c", line])


def require_done(answer: Answer, what: str) -> None:
    """Hold something to having ended well."""
    require(answer.status == 0, f"{what}: {answer.output[-900:]} {answer.errors[-900:]}")
