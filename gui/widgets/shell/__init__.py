# SPDX-License-Identifier: Apache-2.0
"""The frame of the window: menu row, sidebar, page panel, status bar, command palette."""

from gui.widgets.shell.commands import Command, MenuSpec, NavItem
from gui.widgets.shell.window import Shell

__all__ = ["Command", "MenuSpec", "NavItem", "Shell"]
