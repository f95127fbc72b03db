# SPDX-License-Identifier: Apache-2.0
"""Check what ``build.py`` made: ``check_bundle.py [--full] [--app FOLDER] [--runtime FOLDER]``.

One line for each of the checks A1 to A19, with what was measured; the status is bad where one is
missed, also for want of what it needs. Without ``--full`` those that take seconds are run, and the
environment's own libraries stand for the training runtime. Without ``--app`` what is checked is
built first.
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
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import build
import bundle_builds as builds
import bundle_checks as checks
import bundle_installs as installs
import bundle_needs as needs
import bundle_upgrade as upgrade
import bundle_windows as windows
from bundle_under_test import Bundle, Missed, require

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
    "A9+10+16": installs.on_a_bare_system,
    "A11": installs.documents_of_the_desktop,
    "A13": installs.installs_a_runtime,
    "A15": windows.installer_of_windows,
    "A17": upgrade.upgrades_for_a_person,
    "A18": builds.same_twice,
    "A19": builds.runtime_for_cards,
}


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def runtime_of_environment(folder: Path) -> Path:
    """Make the libraries of this environment look like a runtime, without copying them."""
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


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one check ended."""

    number: str
    is_passed: bool
    took_s: float
    text: str

    def line(self) -> str:
        """Return it as one line of a table."""
        word = "passed" if self.is_passed else "MISSED"
        return f"  {self.number:<8} {word}  {self.took_s:6.1f} s  {self.text}"


class Trial:
    """A context that keeps what is raised in it, unless the person stops everything."""

    error: Exception | None = None

    def __enter__(self) -> Trial:
        """Begin."""
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        """Keep the error."""
        self.error = error if isinstance(error, Exception) else None
        return self.error is not None

    def said(self) -> str:
        """Return the error in words; one that no check foresees with where it came from."""
        if self.error is None or isinstance(self.error, Missed | subprocess.TimeoutExpired):
            return str(self.error or "")
        trace = "".join(traceback.format_exception(self.error))
        return f"broke off: {self.error!r}\n{trace}"


def run_check(number: str, check: Check, bundle: Bundle) -> Outcome:
    """Run one check; whatever it raises, and what it lacks, is a miss and not the end of all."""
    started = time.monotonic()
    text = ""
    with Trial() as trial:
        lacks = needs.missing(number, bundle)
        require(not lacks, f"needs {'; '.join(lacks)}")
        text = check(bundle)
    took_s = time.monotonic() - started
    is_passed = trial.error is None
    return Outcome(
        number=number, is_passed=is_passed, took_s=took_s, text=text if is_passed else trial.said()
    )


def run_checks(bundle: Bundle, wanted: dict[str, Check]) -> int:
    """Run the checks, also after one was missed, and close with a table; return how many were."""
    for number in wanted:
        for one in needs.missing(number, bundle):
            say(f"  {number} will be missed: it needs {one}")
    outcomes: list[Outcome] = []
    for number, check in wanted.items():
        outcomes.append(run_check(number, check, bundle))
        say(outcomes[-1].line())
    missed = [one for one in outcomes if not one.is_passed]
    minutes = sum(one.took_s for one in outcomes) / 60
    if bundle.is_full:
        say("\n" + "\n".join(one.line().splitlines()[0][:100] for one in outcomes))
    passed = len(outcomes) - len(missed)
    say(f"bundle: {passed} passed, {len(missed)} missed, in {minutes:.1f} min")
    return len(missed)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="check_bundle.py")
    parser.add_argument("--full", action="store_true", help="all checks; takes long")
    parser.add_argument("--app", type=Path, default=None, help="folder of a built program")
    parser.add_argument("--runtime", type=Path, default=None, help="folder of a training runtime")
    parser.add_argument(
        "--check", action="append", default=[], choices=(*SHORT, *FULL), help="only this one"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Check, and return the exit status."""
    options = parse(arguments)
    out: Path = options.app.resolve().parent if options.app else build.DEFAULT_OUT
    sys.path.insert(0, str(build.REPOSITORY))  # a runtime is made by the program's own code
    wanted = ("--runtime", "cpu") if options.full else ("--only", "app")
    if options.app is None and build.main([*wanted, "--out", str(out)]) != 0:
        return 1
    scratch = Path(tempfile.mkdtemp(prefix="burnish-bundle-"))
    try:
        runtime: Path = options.runtime or (
            out / "burnish-runtime-cpu"
            if options.full
            else runtime_of_environment(scratch / "runtime")
        )
        bundle = Bundle(
            app=out / "burnish", runtime=runtime.resolve(), scratch=scratch, is_full=options.full,
            packages=out,
        )  # fmt: skip
        numbers = options.check or [*SHORT, *(FULL if options.full else ())]
        missed = run_checks(bundle, {number: (SHORT | FULL)[number] for number in numbers})
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
