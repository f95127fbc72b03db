# SPDX-License-Identifier: Apache-2.0
"""Leaves out what PySide prepares at its import, and does at each later one, for nothing here."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from inspect import currentframe

_COMPILE = "compile"
_PREPARES = "shibokensupport."
"""The modules of PySide whose patterns wait."""


def leave_out_features() -> None:
    """Import the core of Qt without what PySide prepares for features that Burnish does not use.

    PySide takes the place of `__import__`, and reads the source of each module that is imported,
    so that `from __feature__ import snake_case` can take effect. It compiles patterns for parts
    that write stubs and explain signatures.
    """
    with _patterns_when_used():
        import_module("PySide6.QtCore")
    own = vars(builtins).get("__orig_import__")
    if own is not None:  # it is an inner matter of PySide, and may go away
        builtins.__import__ = own


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
