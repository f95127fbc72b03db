# SPDX-License-Identifier: Apache-2.0
"""The checks that build: the same source twice, and a runtime for cards of stub wheels."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import cast

import artefacts
import build
import bundle_contents as contents
import runtime_lock
from bundle_root import PATH
from bundle_under_test import Bundle, Missed, require, run

CARDS = "cu130"
_METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n"


def same_twice(bundle: Bundle) -> str:
    """A18: the program, built anew from the same source, is the same to the byte."""
    again = build.build_app(bundle.scratch / "again")
    before, after = _digests(bundle.app), _digests(again)
    lost = sorted(before.keys() ^ after.keys())
    require(not lost, f"in one of the two only: {lost}")
    differing = [name for name, digest in before.items() if after[name] != digest]
    require(not differing, f"{len(differing)} of {len(before)} differ: {differing[:20]}")
    return f"{len(before)} files are the same"


def runtime_for_cards(bundle: Bundle) -> str:
    """A19: the runtime for cards is built by its lock: all of its wheels, and no other ones."""
    work = bundle.scratch / CARDS
    wheels = work / "wheels"
    wheels.mkdir(parents=True)
    real = (runtime_lock.LOCKS / f"{CARDS}.lock").read_text(encoding="utf-8")
    lock = work / f"{CARDS}.lock"
    lock.write_text(stub_wheels(real, wheels), encoding="utf-8", newline="\n")
    tree = build.runtime_tree(lock, wheels, work)
    identity = cast(
        "dict[str, object]", json.loads((tree / "runtime.json").read_text(encoding="utf-8"))
    )
    driver = runtime_lock.VARIANTS[CARDS][1]
    found = (identity["variant"], identity["minimum_driver"], identity["app"])
    require(found == (CARDS, driver, contents.version()), f"it says that it is {found}")
    count = len(list(wheels.iterdir()))
    require(len(cast("dict[str, str]", identity["packages"])) == count, "not all are in it")
    telling = [one for one in tree.rglob("*.pyc") if str(work).encode() in one.read_bytes()]
    require(not telling, f"{len(telling)} modules tell where they were compiled: {telling[:3]}")
    _look_at_carriers(tree, lock, wheels, work)
    _require_refused(lock, wheels, work)
    return f"{count} stub wheels make runtime, package and archive; a changed and a lost one do not"


def stub_wheels(lock: str, wheels: Path) -> str:
    """Write wheels that do nothing for all that a lock names; return the lock with their hashes."""
    return "".join(_stubbed(line, wheels) for line in lock.splitlines(keepends=True))


def _stubbed(line: str, wheels: Path) -> str:
    """Write the wheel that a line of a lock names, as a stub, and return the line with its hash."""
    if line.startswith("#"):
        return line
    pin, _, rest = line.partition(" --hash=sha256:")
    name, _, version = pin.partition("==")
    wheel = wheels / rest.strip().partition("  # ")[2]
    module = name.replace("-", "_")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{module}/__init__.py", "")
        text = _METADATA.format(name=name, version=version)
        archive.writestr(f"{module}-{version}.dist-info/METADATA", text)
        archive.writestr(f"{module}-{version}.dist-info/licenses/LICENSE", f"Licence of {name}")
        archive.writestr(f"{module}-{version}.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{pin} --hash=sha256:{digest}  # {wheel.name}\n"


def _look_at_carriers(tree: Path, lock: Path, wheels: Path, work: Path) -> None:
    archive = build.runtime_archive(lock, wheels, work)
    listed = run(["tar", "--zstd", "-tf", str(archive)], {"PATH": PATH}).output
    packed = {Path(one).name for one in listed.split() if one.endswith(".whl")}
    require(packed == {one.name for one in wheels.iterdir()}, "the archive lacks wheels")
    package = artefacts.runtime_package(tree, CARDS, work)
    fields = run(["dpkg-deb", "-f", str(package)], {"PATH": PATH}).output
    wanted = [f"Package: burnish-runtime-{CARDS}", "Provides: burnish-runtime"]
    wanted += ["Conflicts: burnish-runtime", f"Version: {contents.version()}"]
    missing = [one for one in wanted if one not in fields.splitlines()]
    require(not missing, f"the package does not say {missing}")
    inside = run(["dpkg-deb", "-c", str(package)], {"PATH": PATH}).output
    require("/opt/burnish-runtime/runtime.json" in inside, "the package holds no runtime")
    require("THIRD-PARTY-NOTICES.txt" in inside, "the package holds no notices")
    before_removal = run(["dpkg-deb", "-I", str(package), "prerm"], {"PATH": PATH}).output
    looks = 'refuse_in_use "/opt/burnish-runtime"' in before_removal.splitlines()
    require(looks, "it can be removed while it is in use")


def _require_refused(lock: Path, wheels: Path, work: Path) -> None:
    """Hold the build to taking neither a changed wheel nor too few."""
    victim = next(wheels.glob("torch-*.whl"))
    with zipfile.ZipFile(victim, "a") as archive:
        archive.writestr("torch/more.py", "")
    for what in ("changed", "lost"):
        try:
            build.runtime_tree(lock, wheels, work / what)
        except build.BuildError:
            victim.unlink(missing_ok=True)
            continue
        raise Missed(f"a wheel of PyTorch was {what}, and the build went on")


def _digests(folder: Path) -> dict[str, str]:
    """Return a hash of each file, and where each link leads, by their places."""
    found: dict[str, str] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file():
            mode = path.stat().st_mode & 0o111
            found[name] = f"{hashlib.sha256(path.read_bytes()).hexdigest()} {mode:o}"
    return found
