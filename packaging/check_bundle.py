# SPDX-License-Identifier: Apache-2.0
"""Check what ``build.py`` made: ``check_bundle.py [--full] [--app FOLDER] [--runtime FOLDER]``.

One line for each of the checks A1 to A15, with what was measured; the status is bad where one is
missed. Without ``--full`` those that take seconds are run, and the environment's own libraries
stand for the training runtime. Without ``--app`` the program is built first.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import build
import bundle_checks as checks
import bundle_installs as installs
from bundle_under_test import Bundle, Missed

Check = Callable[[Bundle], str]
SHORT: dict[str, Check] = {
    "A1": checks.size_and_contents,
    "A2": checks.first_paint,
    "A3": checks.on_a_screen,
    "A4": checks.without_runtime,
    "A5": checks.trains,
    "A7": checks.acts_as_python,
    "A8": checks.foreign_surroundings,
    "A12": checks.clean_environment,
    "A14": checks.oldest_system,
}
FULL: dict[str, Check] = {
    "A6": installs.tries_libraries,
    "A9+10": installs.on_a_bare_system,
    "A11": installs.documents_of_the_desktop,
    "A13": installs.installs_a_runtime,
}


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def runtime_of_environment(folder: Path) -> Path:
    """Make the libraries of this environment look like a runtime, without copying them."""
    sys.path.insert(0, str(build.REPOSITORY))
    from engine.launcher import runtime as runtimes

    packages = folder / runtimes.PACKAGES
    packages.parent.mkdir(parents=True)
    packages.symlink_to(sysconfig.get_path("purelib"), target_is_directory=True)
    manifest: dict[str, object] = {
        "schema_version": runtimes.SCHEMA_VERSION,
        "id": "environment",
        "variant": "cpu",
        "python": runtimes.python_tag(),
        "platform": runtimes.platform_tag(),
        "torch": version("torch"),
        "minimum_driver": 0,
        "lock": "",
        "packages": {},
    }
    (folder / runtimes.FILE_NAME).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def run_checks(bundle: Bundle, wanted: dict[str, Check]) -> int:
    """Run the checks, also after one was missed; return how many were."""
    missed = 0
    for number, check in wanted.items():
        started = time.monotonic()
        try:
            outcome, text = "passed", check(bundle)
        except (Missed, subprocess.TimeoutExpired) as error:
            outcome, text = "MISSED", str(error)
            missed += 1
        say(f"  {number:<4} {outcome}  {time.monotonic() - started:6.1f} s  {text}")
    return missed


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="check_bundle.py")
    parser.add_argument("--full", action="store_true", help="all checks; takes long")
    parser.add_argument("--app", type=Path, default=None, help="folder of a built program")
    parser.add_argument("--runtime", type=Path, default=None, help="folder of a training runtime")
    parser.add_argument("--check", action="append", default=[], help="only this one, such as A4")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Check, and return the exit status."""
    options = parse(arguments)
    out: Path = options.app.resolve().parent if options.app else build.DEFAULT_OUT
    if options.app is None and build.main(["--only", "app", "--out", str(out)]) != 0:
        return 1
    scratch = Path(tempfile.mkdtemp(prefix="burnish-bundle-"))
    try:
        runtime = options.runtime or runtime_of_environment(scratch / "runtime")
        bundle = Bundle(
            app=out / "burnish", runtime=runtime.resolve(), scratch=scratch, is_full=options.full,
            packages=out,
        )  # fmt: skip
        wanted = SHORT | FULL if options.full else SHORT
        numbers = options.check or list(wanted)
        chosen = {number: one for number, one in wanted.items() if number in numbers}
        missed = run_checks(bundle, chosen)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    say(f"bundle: {len(chosen) - missed} passed, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
