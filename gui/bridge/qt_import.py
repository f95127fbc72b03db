# SPDX-License-Identifier: Apache-2.0
"""The import of Qt, without what PySide does for features that nobody uses here."""

from __future__ import annotations

import builtins
import os
import re
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from inspect import currentframe

from gui.bridge.qt_enums import make_enums_quickly

_COMPILE = "compile"
_PREPARES = "shibokensupport."
"""The modules of PySide whose patterns wait."""


def import_qt() -> None:
    """Import Qt for the window, without what costs its start time and is for nothing here.

    PySide takes the place of `__import__`, and reads the source of each module that is imported,
    so that `from __feature__ import snake_case` can take effect. It compiles patterns for parts
    that write stubs and explain signatures. Its modules name 12,000 functions of Qt and call few:
    on Linux each is looked up at its first call, and not all at the import.

    Plugins are taken from this Qt alone: `QT_PLUGIN_PATH` may name those of another one, with
    which the window would not open.
    """
    make_enums_quickly()
    with _patterns_when_used(), _functions_when_called():
        for module in ("QtCore", "QtGui", "QtWidgets"):
            import_module(f"PySide6.{module}")
    core = import_module("PySide6.QtCore")
    plugins = core.QLibraryInfo.path(core.QLibraryInfo.LibraryPath.PluginsPath)
    core.QCoreApplication.setLibraryPaths([plugins])
    own = vars(builtins).get("__orig_import__")
    if own is not None:  # it is an inner matter of PySide, and may go away
        builtins.__import__ = own


@contextmanager
def _functions_when_called() -> Generator[None]:
    """Have the functions of libraries looked up when they are first called."""
    if sys.platform == "win32":  # Windows has no such choice
        yield
        return
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags & ~os.RTLD_NOW | os.RTLD_LAZY)
    try:
        yield
    finally:
        sys.setdlopenflags(flags)


class _Pattern:
    """A pattern that is compiled when one of its methods is called."""

    def __init__(self, make: Callable[[], re.Pattern[str]]) -> None:
        self._make = make

    def __getattr__(self, method: str) -> Callable[..., object]:
        def call(*values: object, **named: object) -> object:
            return getattr(self._make(), method)(*values, **named)

        return call


@contextmanager
def _patterns_when_used() -> Generator[None]:
    """Let PySide's own modules compile no pattern before they need it."""
    compile_now: Callable[..., re.Pattern[str]] = re.compile

    def compile_later(*values: object, **named: object) -> object:
        caller = currentframe()
        caller = caller and caller.f_back
        if caller is None or not str(caller.f_globals.get("__name__")).startswith(_PREPARES):
            return compile_now(*values, **named)
        return _Pattern(partial(compile_now, *values, **named))

    setattr(re, _COMPILE, compile_later)
    try:
        yield
    finally:
        setattr(re, _COMPILE, compile_now)
