# SPDX-License-Identifier: Apache-2.0
"""What the packaged program does before its role begins; a clone does nothing of this.

It puts the environment right that its starter program changed, attaches the training runtime, and
acts as Python where a library of a worker starts `sys.executable` and means Python. Without that
PyTorch's compiler would open a second window and wait for it for ever. Standard library only.
"""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from engine.launcher.runtime import VARIABLE, attach, find_runtime

ROLE_VARIABLE, WORKER_ROLE = "BURNISH_ROLE", "worker"
WORKER_ROLES = ("--worker", "--peer", "--selfcheck")
OWN_ROLES = (*WORKER_ROLES, "--keeper", "--network-probe")
"""What a worker may start of this very program; anything else that it starts is meant as Python."""

EXIT_NOT_UNDERSTOOD = 64
"""A child of a worker that was asked for what Python could not do (EX_USAGE of sysexits.h)."""

_LIBRARIES, _LIBRARIES_BEFORE = "LD_LIBRARY_PATH", "LD_LIBRARY_PATH_ORIG"
_FRESH_START = "PYINSTALLER_RESET_ENVIRONMENT"
_FORK = "--multiprocessing-fork"
_FLAGS = re.compile(r"-[bBdEiIOPqsSuvx]+|-[XW].+")
_FLAGS_WITH_VALUE = frozenset({"-X", "-W"})


def begin(arguments: Sequence[str], environment: MutableMapping[str, str]) -> None:
    """Prepare the process for its role; ends it where it was started to act as Python.

    Args:
        arguments: Those of the command line, without the program.
        environment: That of the process, which is changed.

    Raises:
        SystemExit: It acted as Python, or refused what it was asked for.
    """
    settle_environment(environment)
    is_child = environment.get(ROLE_VARIABLE) == WORKER_ROLE
    is_worker = arguments[:1] in [[one] for one in WORKER_ROLES]
    _attach_runtime(environment, first=is_child or is_worker)
    if is_worker:
        environment[ROLE_VARIABLE] = WORKER_ROLE
    elif is_child and _FORK not in arguments and arguments[:1] not in [[one] for one in OWN_ROLES]:
        raise SystemExit(act_as_python(arguments))


def settle_environment(environment: MutableMapping[str, str]) -> None:
    """Undo for other programs what the bundle's starter set, and let the own one set it anew.

    The starter lets the loader of libraries look into the bundle. What the person's file manager
    or browser would find there is our copy of a library of theirs.
    """
    before = environment.pop(_LIBRARIES_BEFORE, None)
    if before is None:
        environment.pop(_LIBRARIES, None)
    else:
        environment[_LIBRARIES] = before
    environment[_FRESH_START] = "1"


def act_as_python(arguments: Sequence[str]) -> int:
    """Do what Python would do with these arguments: run a text, a module or a file.

    Returns:
        0 when it ran to its end, 64 when it is nothing of these.
    """
    rest = _without_flags(list(arguments))
    if not rest:
        return EXIT_NOT_UNDERSTOOD
    kind, *values = rest
    if kind == "-c" and values:
        sys.argv = ["-c", *values[1:]]
        names: dict[str, object] = {"__name__": "__main__"}
        exec(compile(values[0], "<string>", "exec"), names)  # noqa: S102 - what `python -c` is
        return 0
    if kind == "-m" and values:
        sys.argv = values
        runpy.run_module(values[0], run_name="__main__", alter_sys=True)
        return 0
    if kind.endswith(".py") and Path(kind).is_file():
        sys.argv = rest
        sys.path.insert(0, str(Path(kind).resolve().parent))
        runpy.run_path(kind, run_name="__main__")
        return 0
    return EXIT_NOT_UNDERSTOOD


def _without_flags(arguments: list[str]) -> list[str]:
    """Return the arguments behind the interpreter's own flags, which have no meaning here."""
    while arguments:
        first = arguments[0]
        if first in _FLAGS_WITH_VALUE:
            arguments = arguments[2:]
        elif _FLAGS.fullmatch(first):
            arguments = arguments[1:]
        else:
            break
    return arguments


def _attach_runtime(environment: MutableMapping[str, str], *, first: bool) -> None:
    runtime = find_runtime(environment, Path(sys.executable))
    if runtime is None:
        return
    environment[VARIABLE] = str(runtime.root)  # children take the same one
    attach(runtime, sys.path, before=str(getattr(sys, "_MEIPASS", "")) if first else "")
