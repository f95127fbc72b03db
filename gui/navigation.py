# SPDX-License-Identifier: Apache-2.0
"""The pages in the order of the sidebar, and the menus."""

from __future__ import annotations

from gettext import gettext as _

import msgspec

from gui.bridge.page import Page
from gui.pages.datasets import PAGE as DATASETS
from gui.pages.export import PAGE as EXPORT
from gui.pages.home import PAGE as HOME
from gui.pages.models import PAGE as MODELS
from gui.pages.privacy import PAGE as PRIVACY
from gui.pages.runs import PAGE as RUNS
from gui.pages.settings import PAGE as SETTINGS
from gui.pages.support import PAGE as SUPPORT
from gui.pages.train import PAGE as TRAIN
from gui.widgets.shell import Command, MenuSpec, NavItem

PAGES: tuple[Page, ...] = (
    HOME,
    DATASETS,
    MODELS,
    TRAIN,
    RUNS,
    EXPORT,
    PRIVACY,
    SUPPORT,
    SETTINGS,
)


def page_of(page_id: str) -> Page:
    """Return the page of an id.

    Raises:
        KeyError: There is none.
    """
    return {one.id: one for one in PAGES}[page_id]


def nav_items() -> tuple[NavItem, ...]:
    """Return the items of the sidebar, without the one at its end."""
    return tuple(_nav_item(one) for one in PAGES if one.is_listed and not one.at_the_end)


def last_nav_item() -> NavItem | None:
    """Return the item at the bottom of the sidebar."""
    return next((_nav_item(one) for one in PAGES if one.at_the_end), None)


def _nav_item(page: Page) -> NavItem:
    return NavItem(key=page.id, text=_(page.title), icon=page.icon, gap_before=page.gap_before)


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What decides which commands are possible now."""

    live_run: str = ""
    can_start_sample: bool = True


def menus(situation: Situation) -> tuple[MenuSpec, ...]:
    """Return the menus; the command palette offers the same commands."""
    return (
        MenuSpec(title=_("File"), commands=_file_commands()),
        MenuSpec(title=_("View"), commands=_view_commands()),
        MenuSpec(title=_("Run"), commands=_run_commands(situation)),
        MenuSpec(title=_("Help"), commands=_help_commands()),
    )


def all_commands(situation: Situation) -> tuple[Command, ...]:
    """Return every command once, in the order of the menus."""
    return tuple(one for menu in menus(situation) for one in menu.commands if one is not None)


def _file_commands() -> tuple[Command | None, ...]:
    group = _("File")
    return (
        Command(
            key="import_files",
            text=_("Browse for data…"),
            group=group,
            detail=_("Import files as a dataset"),
            icon="file",
            keys="Ctrl+O",
        ),
        Command(
            key="add_model",
            text=_("Add a model folder…"),
            group=group,
            detail=_("Link a model that is on this computer"),
            icon="folder",
            keys="Ctrl+Shift+O",
        ),
        None,
        Command(key="quit", text=_("Close the window"), group=group, icon="close", keys="Ctrl+Q"),
    )


def _view_commands() -> tuple[Command | None, ...]:
    group = _("View")
    pages = tuple(
        Command(
            key=f"page:{one.id}",
            text=_(one.title),
            group=_("Go to"),
            icon=one.icon,
            keys=one.shortcut,
        )
        for one in PAGES
        if one.is_listed
    )
    schemes = (
        ("system", _("Colours of the system")),
        ("light", _("Light colours")),
        ("dark", _("Dark colours")),
        ("high_contrast", _("High contrast")),
    )
    return (
        *pages,
        None,
        *(
            Command(key=f"scheme:{key}", text=text, group=group, icon="eye")
            for key, text in schemes
        ),
        None,
        Command(key="zoom:in", text=_("Larger text"), group=group, icon="search", keys="Ctrl++"),
        Command(key="zoom:out", text=_("Smaller text"), group=group, icon="search", keys="Ctrl+-"),
        Command(key="zoom:reset", text=_("Usual text size"), group=group, keys="Ctrl+0"),
    )


def _run_commands(situation: Situation) -> tuple[Command | None, ...]:
    group = _("Run")
    return (
        Command(key="page:train", text=_("New run…"), group=group, icon="plus", keys="Ctrl+N"),
        Command(
            key="sample_run",
            text=_("Start the one-minute run"),
            group=group,
            detail=_("Sample data, starter model, this computer's processor"),
            icon="play",
            enabled=situation.can_start_sample,
            reason="" if situation.can_start_sample else _("It is being started."),
        ),
        Command(
            key="queue",
            text=_("Queue of runs"),
            group=group,
            detail=_("Order, hours, and what follows the last run"),
            icon="clock",
            keys="Ctrl+Shift+Q",
        ),
        None,
        Command(
            key="pause_run",
            text=_("Pause the live run"),
            group=group,
            detail=_("It frees the graphics card and goes on later, bit for bit"),
            icon="pause",
            keys="Ctrl+Shift+P",
            enabled=bool(situation.live_run),
            reason="" if situation.live_run else _("No run is live."),
        ),
        Command(
            key="stop_run",
            text=_("Stop the live run"),
            group=group,
            detail=_("It keeps a checkpoint and can be resumed"),
            icon="stop",
            enabled=bool(situation.live_run),
            reason="" if situation.live_run else _("No run is live."),
        ),
    )


def _help_commands() -> tuple[Command | None, ...]:
    return (
        Command(
            key="page:privacy",
            text=_("What leaves this computer"),
            group=_("Help"),
            detail=_("Privacy, with a proof at a press"),
            icon=PRIVACY.icon,
            keys=PRIVACY.shortcut,
        ),
        Command(
            key="page:support",
            text=_("Report for help"),
            group=_("Help"),
            icon=SUPPORT.icon,
            keys=SUPPORT.shortcut,
        ),
        Command(
            key="palette",
            text=_("Search or run a command"),
            group=_("Help"),
            icon="search",
            keys="Ctrl+K",
        ),
    )
