# SPDX-License-Identifier: Apache-2.0
"""Finding the parts of a page by kind, and what a signal carried."""

from __future__ import annotations

from typing import Any, TypeVar

from PySide6.QtWidgets import QWidget
from pytestqt.wait_signal import SignalBlocker

T = TypeVar("T", bound=QWidget)


def child(parent: QWidget, kind: type[T]) -> T:
    """Return the first widget of a kind inside another."""
    found = parent.findChildren(kind)
    assert found, f"no {kind.__name__} in {type(parent).__name__}"
    return found[0]


def carried(signal: SignalBlocker) -> list[Any]:
    """Return what a signal that came carried."""
    assert signal.args is not None
    return list(signal.args)
