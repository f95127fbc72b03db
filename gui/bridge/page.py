# SPDX-License-Identifier: Apache-2.0
"""What a page is to the frame of the window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from gui.bridge.services import Services


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the window.

    Attributes:
        id: Name in the navigator.
        title: Word in the sidebar, marked for the catalogue and translated when it is shown.
        icon: Name of an icon.
        shortcut: Keys that open it.
        build: Makes the page at its first visit. Imports its widgets inside, so that the window
            opens before any page but the first is loaded.
        gap_before: A new group of the sidebar begins here.
        at_the_end: It stands alone at the bottom of the sidebar.
        is_listed: It stands in the sidebar; else menus, the status bar and other pages lead to it.
    """

    id: str
    title: str
    icon: str
    shortcut: str
    build: Callable[[Services], QWidget]
    gap_before: bool = False
    at_the_end: bool = False
    is_listed: bool = True


@runtime_checkable
class ShowsArgument(Protocol):
    """A page that can be opened on one thing, such as a run."""

    def show_argument(self, argument: object) -> None:
        """Show this thing; the page knows what it can be given."""
        ...


@runtime_checkable
class Enters(Protocol):
    """A page that wants to know when it is looked at."""

    def page_entered(self) -> None:
        """Begin to do what only a visible page needs."""
        ...


@runtime_checkable
class Leaves(Protocol):
    """A page that wants to know when it is not looked at any more."""

    def page_left(self) -> None:
        """End what only a visible page needs."""
        ...
