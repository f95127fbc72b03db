# SPDX-License-Identifier: Apache-2.0
"""Set Burnish up in a clone and start it.

Usage: ``python packaging/bootstrap.py demo|test|app|check|package``.

Standard library only; any Python from 3.11 on, Linux and Windows, from any folder. Everything goes
into ``.venv`` in the repository, with the versions of ``packaging/constraints.txt``; nothing else
on the machine is changed, save that ``test`` installs the system libraries of Qt where it runs as
root on Debian or Ubuntu. A second start finds everything there and takes less than a second.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import qt_libraries

REPOSITORY = Path(__file__).resolve().parent.parent
ENVIRONMENT = REPOSITORY / ".venv"
CONSTRAINTS = REPOSITORY / "packaging" / "constraints.txt"
OLDEST_PYTHON = (3, 11)

COMMANDS = {
    "demo": "import sample data, train the starter model, export and verify it (about two minutes)",
    "test": "run the tests; further arguments go to pytest",
    "app": "open the window",
    "check": "run every check of style, types, layers, shape, documents and the packaged program",
    "package": "build what people install; further arguments go to packaging/build.py",
}
EXTRAS: dict[str, frozenset[str]] = {
    "demo": frozenset(),
    "test": frozenset({"test"}),
    "app": frozenset(),
    "check": frozenset({"check", "test", "package"}),
    "package": frozenset({"package"}),
}
CHECKS: dict[str, tuple[str, ...]] = {
    "ruff check": ("-m", "ruff", "check"),
    "ruff format": ("-m", "ruff", "format", "--check"),
    "types": ("-m", "pyright", "--pythonpath", "{python}"),
    "layers": ("-c", "from importlinter.cli import lint_imports_command as run; run()"),
    "code shape": ("packaging/code_shape.py", "--check", "engine", "gui", "packaging", "main.py"),
    "documents": ("packaging/docs_check.py",),
    "bundle": ("packaging/check_bundle.py",),
}


class SetupError(Exception):
    """Set-up cannot go on: what happened, and what the person does about it."""

    def __init__(self, what: str, remedy: str, log: Path | None = None) -> None:
        super().__init__(what)
        self.remedy = remedy
        self.log = log


def say(text: str, *, end: str = "\n") -> None:
    """Print at once, also where the console cannot show a character."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + end)
    sys.stdout.flush()


@contextlib.contextmanager
def stage(title: str) -> Generator[None]:
    """Print the title of a stage, and how long it took when it has ended."""
    started = time.monotonic()
    say(f"  {title} ...", end="")
    try:
        yield
    except BaseException:
        say(f" stopped after {time.monotonic() - started:.1f} s")
        raise
    say(f" {time.monotonic() - started:.1f} s")


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Generator[None]:
    """Hold the file's lock, waiting for another set-up in this folder to end."""
    with path.open("a+", encoding="utf-8") as file:
        if not _try_lock(file.fileno()):
            say("  Another set-up is at work in this folder; waiting for it ...")
            while not _try_lock(file.fileno()):
                time.sleep(0.5)
        yield  # closing the file releases the lock


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


# ------------------------------------------------------------------------------ the environment


def environment_python() -> Path:
    """Return where the interpreter of ``.venv`` is, or would be."""
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return ENVIRONMENT / folder / name


def is_usable() -> bool:
    """Return whether ``.venv`` runs, has pip, and has the running interpreter's version."""
    code = "import sys, pip; sys.exit(sys.version_info[:2] != tuple(map(int, sys.argv[1:])))"
    wanted = [str(part) for part in sys.version_info[:2]]
    try:
        done = subprocess.run(
            [str(environment_python()), "-c", code, *wanted], capture_output=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def make_environment() -> None:
    """Make ``.venv``, in place of one that does not run or has another Python.

    Raises:
        SetupError: This Python cannot make environments, or the folder is something else.
    """
    _refuse_without_ensurepip()
    if ENVIRONMENT.exists():
        _remove_environment()
    version = ".".join(str(part) for part in sys.version_info[:3])
    with stage(f"Making .venv with Python {version}"):
        done = subprocess.run(
            [sys.executable, "-m", "venv", str(ENVIRONMENT)],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise SetupError(
            f"Python could not make the folder .venv: {reason[-1]}",
            "Check that the disk has room and that you may write to this folder, then try again.",
        )


def _refuse_without_ensurepip() -> None:
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    major, minor = sys.version_info[:2]
    raise SetupError(
        "This Python cannot make environments: its module venv or ensurepip is missing.",
        f"On Debian or Ubuntu run: sudo apt-get install python{major}.{minor}-venv. "
        "Elsewhere use a complete Python, such as the one from python.org.",
    )


def _remove_environment() -> None:
    if not (ENVIRONMENT / "pyvenv.cfg").is_file() and any(ENVIRONMENT.iterdir()):
        raise SetupError(
            f"{ENVIRONMENT} is there, but is not a Python environment.",
            "Move it away, then try again.",
        )
    if Path(sys.prefix).resolve() == ENVIRONMENT.resolve():
        raise SetupError(
            "The environment .venv is broken, and this command runs inside it.",
            "Leave it (deactivate), then try again with the Python of your system.",
        )
    with stage("Removing the old .venv"):
        shutil.rmtree(ENVIRONMENT)


# ------------------------------------------------------------------------------- what is in it


def wanted_state() -> str:
    """Return a hash of all that decides what is installed: versions, needs, Python and place."""
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    needs = [project["build-system"], project["project"], project["tool"]["setuptools"]]
    parts = [CONSTRAINTS.read_text(encoding="utf-8"), json.dumps(needs, sort_keys=True)]
    parts += [str(sys.version_info[:2]), str(REPOSITORY)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def stamp_path() -> Path:
    """Return the file that remembers what is installed; it goes when ``.venv`` goes."""
    return ENVIRONMENT / "burnish-installed.json"


def read_stamp() -> tuple[str, frozenset[str]]:
    """Return the installed state and its extras; nothing where the last install did not end."""
    try:
        stamp = json.loads(stamp_path().read_text(encoding="utf-8"))
        return str(stamp["state"]), frozenset(map(str, stamp["extras"]))
    except (OSError, ValueError, KeyError, TypeError):
        return "", frozenset()


def write_stamp(state: str, extras: frozenset[str]) -> None:
    """Remember what is installed."""
    text = json.dumps({"state": state, "extras": sorted(extras)})
    fresh = stamp_path().with_suffix(".new")
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(stamp_path())


def pinned(name: str) -> str:
    """Return the line of the constraints that pins a package.

    Raises:
        SetupError: There is none.
    """
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        if line.partition("==")[0].lower() == name:
            return line.strip()
    raise SetupError(f"{CONSTRAINTS} does not pin {name}.", "Get a complete copy of Burnish.")


def pip_install(title: str, *arguments: str) -> None:
    """Run ``pip install`` in ``.venv`` as one stage; what pip says goes to a log file.

    Raises:
        SetupError: pip failed; the last lines of its log are shown.
    """
    log = ENVIRONMENT / "install.log"
    command = [str(environment_python()), "-m", "pip", "install", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "-c", str(CONSTRAINTS)]
    with stage(title), log.open("a", encoding="utf-8") as sink:
        sink.write(f"\n== {title}\n")
        sink.flush()
        done = subprocess.run(
            [*command, *arguments], cwd=REPOSITORY, stdout=sink, stderr=sink, check=False
        )
        if done.returncode != 0:
            raise SetupError(
                f"pip could not finish: {title}.",
                "Check the network and the room on the disk, then start the same command again: "
                "it goes on where it stopped. Nothing outside .venv was changed.",
                log,
            )


def set_up(command: str) -> None:
    """Bring ``.venv`` to the state that the command needs; quick where it is there already."""
    with one_at_a_time(REPOSITORY / ".venv.lock"):
        state, extras = read_stamp()
        wanted, needed = wanted_state(), EXTRAS[command]
        usable = is_usable()
        if usable and state == wanted and needed <= extras:
            return
        say(f"Setting Burnish up in {ENVIRONMENT}")
        if not usable:
            make_environment()
        stamp_path().unlink(missing_ok=True)
        # torch alone and first: a build of it that pip is set up to prefer on this machine is
        # taken, and what follows finds the range satisfied.
        pip_install("Installing PyTorch (large; this can take minutes)", pinned("torch"))
        extras = (extras | needed) if usable else needed
        names = f"[{','.join(sorted(extras))}]" if extras else ""
        # The setuptools that PyTorch brought builds the package: pinned, and no second download.
        pip_install("Installing everything else", "--no-build-isolation", "--editable", f".{names}")
        write_stamp(wanted, extras)


# -------------------------------------------------------------------------------- the commands


def run_python(*arguments: str) -> int:
    """Run the environment's Python in the repository and return its exit status."""
    process = subprocess.Popen([str(environment_python()), *arguments], cwd=REPOSITORY)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # the child got the same signal and decides how to end


def require_qt(*, for_tests: bool) -> None:
    """Make sure that Qt finds its system libraries; tests also need a virtual screen and a font.

    Raises:
        SetupError: Something is missing and cannot be installed from here.
    """
    missing = qt_libraries.missing_libraries(environment_python())
    missing += qt_libraries.missing_test_tools() if for_tests else []
    packages = qt_libraries.packages_for(missing)
    if packages and for_tests and qt_libraries.can_install():
        with stage(f"Installing system packages: {' '.join(packages)}"):
            qt_libraries.install(packages, ENVIRONMENT / "install.log")
        missing = qt_libraries.missing_libraries(environment_python())
        missing += qt_libraries.missing_test_tools()
    if missing:
        line = qt_libraries.apt_command(qt_libraries.packages_for(missing))
        raise SetupError(
            f"This system lacks what Qt needs: {', '.join(missing)}.",
            f"On Debian or Ubuntu run: {line}. Elsewhere install the packages that hold these.",
        )


def run_demo(arguments: Sequence[str]) -> int:
    """Run the demonstration."""
    return run_python("main.py", "demo", *arguments)


def run_app(arguments: Sequence[str]) -> int:
    """Open the window."""
    require_qt(for_tests=False)
    return run_python("main.py", *arguments)


def run_test(arguments: Sequence[str]) -> int:
    """Run the tests, in two processes unless the arguments say how many."""
    require_qt(for_tests=True)
    chosen = any(one.startswith(("-n", "--numprocesses", "--pdb")) for one in arguments)
    two = [] if chosen or (os.cpu_count() or 1) < 2 else ["-n", "2", "--dist", "worksteal"]
    return run_python("-m", "pytest", *two, *arguments)


def run_package(arguments: Sequence[str]) -> int:
    """Build the packages."""
    require_qt(for_tests=False)
    return run_python("packaging/build.py", *arguments)


def run_check(arguments: Sequence[str]) -> int:
    """Run every check, also after one has failed, and close with a table."""
    require_qt(for_tests=True)
    if arguments:
        raise SetupError("check takes no further arguments.", "Run it without them.")
    results: list[tuple[str, int, float]] = []
    for title, command in CHECKS.items():
        say(f"\n== {title}")
        started = time.monotonic()
        filled = [part.format(python=environment_python()) for part in command]
        results.append((title, run_python(*filled), time.monotonic() - started))
    say("")
    for title, status, took_s in results:
        say(f"  {title:<12} {'passed' if status == 0 else 'FAILED'}  {took_s:6.1f} s")
    failed = sum(1 for _, status, _ in results if status != 0)
    say(f"\nchecks: {len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


RUNNERS = {
    "demo": run_demo,
    "test": run_test,
    "app": run_app,
    "check": run_check,
    "package": run_package,
}


def parse(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the command and what is passed on to it."""
    listing = "\n".join(f"  {name:<6} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="bootstrap.py",
        description="Set Burnish up in this clone and start it.",
        epilog=f"commands:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on to the command")
    given = parser.parse_args(list(arguments))
    return given.command, given.arguments


def report(error: SetupError) -> None:
    """Show what failed and what to do, with the end of the log where there is one."""
    say(f"\nSet-up stopped: {error}")
    if error.log and error.log.is_file():
        lines = error.log.read_text(encoding="utf-8", errors="replace").splitlines()
        say("\n".join(f"    {line}" for line in lines[-12:]))
        say(f"The whole log: {error.log}")
    say(f"What to do: {error.remedy}")


def main(arguments: Sequence[str]) -> int:
    """Set up, then run the command; return its exit status, 1 where set-up failed."""
    if sys.version_info < OLDEST_PYTHON:
        say("Burnish needs Python 3.11 or later; this is " + sys.version.split()[0] + ".")
        return 1
    command, passed_on = parse(arguments)
    try:
        set_up(command)
        return RUNNERS[command](passed_on)
    except SetupError as error:
        report(error)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        report(SetupError(f"{error.strerror or error}{where}.", "Put it right, then try again."))
    except KeyboardInterrupt:
        say("\nStopped. Start the same command again to go on.")
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
