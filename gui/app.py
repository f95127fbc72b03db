# SPDX-License-Identifier: Apache-2.0
"""The window: application, theme and services are made here, and the frame is filled with pages."""

from __future__ import annotations

import base64
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from gettext import gettext as _
from gettext import pgettext
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QLocale, QObject, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from engine.api.clock import utc_text
from engine.api.one_window import OneWindow, WindowWish
from engine.api.privacy import Privacy
from engine.api.settings import read_settings, settings_file
from engine.domain.queue import WhenDone
from engine.domain.run import JobKind
from engine.errors import EngineError
from gui import navigation
from gui.actions.add_model import ask_for_model
from gui.actions.import_files import ask_for_files
from gui.actions.open_paths import open_paths
from gui.actions.queue import choose_when_done
from gui.actions.runs import pause_run, stop_run
from gui.actions.runtime import look_at_runtime
from gui.actions.start_sample_run import start_sample_run
from gui.actions.trash import say_place, tidy_trash
from gui.bridge import other_starts, process
from gui.bridge.notices import Notices
from gui.bridge.page import Enters, Leaves, ShowsArgument
from gui.bridge.services import Services, make_services
from gui.bridge.settings import Settings
from gui.pages.network_alarm import NetworkAlarm
from gui.viewmodels.device import status_device
from gui.viewmodels.dropped import describe_drop
from gui.viewmodels.job import ended_title, ended_words, status_job
from gui.viewmodels.queue import QUEUE, QueueNotice, goes_on_words, queue_notice
from gui.viewmodels.refused import Refusal
from gui.viewmodels.since import since_view
from gui.widgets.banner import Banner
from gui.widgets.buttons import Action
from gui.widgets.shell import Shell
from gui.widgets.shell.tray import Tray
from gui.widgets.theme.install import install_theme
from gui.widgets.theme.scheme import chosen_scheme
from gui.widgets.theme.theme import Theme

if TYPE_CHECKING:
    from gui.viewmodels.runtime import RuntimeNotice

PRIVACY_EVERY_MS = 2_000
log = logging.getLogger("gui")


def run_window(arguments: Sequence[str]) -> int:
    """Open the window and return the exit status when it is closed."""
    options = process.parse_arguments(arguments)
    process.look_for_catalogue_once()
    process.give_large_blocks_back()
    privacy = Privacy(kernel_filter=not process.has_display_by_network(os.environ))
    app = QApplication(["burnish"])
    app.setApplicationName("Burnish")
    app.setDesktopFileName("burnish")
    QLocale.setDefault(QLocale(pgettext("locale of this translation, for numbers", "en_US")))
    notices = Notices()
    place = settings_file()
    values = read_settings(place)
    look = install_theme(app, scheme=chosen_scheme(values.scheme), text_scale=values.text_scale)
    sys.excepthook = process.report_to(notices)
    settings = Settings(place, values, notices)
    services = open_or_ask(options.workspace, settings, notices, privacy)
    if services is None:
        return 1
    wish = other_starts.wish_of(options.page, options.files)
    door = other_starts.place_of_window(services.api.layout.root)
    if not options.exit_after_show and other_starts.is_shown_elsewhere(door, wish):
        services.close()
        return 0
    window = Window(services, look)
    if options.exit_after_show:
        window.after_first_paint(lambda: process.print_first_paint(app))
    window.after_first_paint(window.start)
    window.after_first_paint(lambda: window.open_files(wish.files))
    window.open(wish.page)
    return _run(app, window, door)


def _run(app: QApplication, window: Window, door: OneWindow) -> int:
    process.follow_session(app.commitDataRequest, window.keep)
    process.collect_garbage_here(app)
    with other_starts.followed(door, window, window.take_wish):
        status = app.exec()
    window.close()
    return status


def open_or_ask(
    workspace: Path | None, settings: Settings, notices: Notices, privacy: Privacy
) -> Services | None:
    """Open the workspace; where that fails, let the person choose the usual one or give up."""
    while True:
        try:
            return open_services(workspace, settings, notices, privacy)
        except EngineError as error:
            from gui.pages.start_failed import USUAL, ask_for_a_way_out

            has_usual = workspace is None and bool(settings.values.workspace)
            if ask_for_a_way_out(error, has_usual=has_usual) != USUAL:
                return None
            settings.set(workspace="")


def open_services(
    workspace: Path | None, settings: Settings, notices: Notices, privacy: Privacy
) -> Services:
    """Open the workspace with everything that pages use.

    Raises:
        EngineError: The workspace cannot be opened.
    """
    from engine.api.facade import open_api

    kept = settings.values.workspace
    api = open_api(workspace or (Path(kept) if kept else None))
    return make_services(api, settings=settings, notices=notices, privacy=privacy)


class Window(QObject):
    """Fills the frame with pages, and carries what happens between frame and services."""

    def __init__(self, services: Services, look: Theme) -> None:
        self.shell = Shell(
            nav=navigation.nav_items(),
            settings=navigation.last_nav_item(),
            page_factory=lambda key: navigation.page_of(key).build(services),
        )
        super().__init__(self.shell)
        self._services = services
        self._look = look
        self._situation = navigation.Situation()
        self._current: QWidget | None = None
        self._live: set[str] = set()
        self._closing: QueueNotice | None = None
        self._went_on = False
        self._told: tuple[str, ...] = ()
        self.tray = Tray(self)
        self._waiting_for_paint: list[Callable[[], None]] = []
        self._privacy_timer = QTimer(self)
        self._privacy_timer.setInterval(PRIVACY_EVERY_MS)
        self._alarm = NetworkAlarm(services, self)
        self._connect()
        self.commands = self._all_commands()
        self._show_privacy()

    # ------------------------------------------------------------------ opening and closing

    def open(self, page_id: str = "") -> None:
        """Show the window on a page."""
        values = self._services.settings.values
        if values.window:
            self.shell.restore_state(base64.b64decode(values.window))
        self.shell.set_menus(navigation.menus(self._situation))
        self.go(page_id or "home")
        self.shell.show()

    def start(self) -> None:
        """Begin to read the workspace and this computer; called after the first paint."""
        self.shell.set_commands(navigation.all_commands(self._situation))
        self._services.library.refresh()
        look_at_runtime(self._services, tell=self._say_what_is_missing)
        self._services.device.start()
        say_place(self._services, self._show_place)
        tidy_trash(self._services)
        self._privacy_timer.start()
        self._follow_tray()

    def _say_what_is_missing(self, notice: RuntimeNotice) -> None:
        if self.shell.has_notice():  # what is said once, and Home and Train say this anyway
            return
        banner = Banner(kind=notice.kind)
        where = (Action(key="runtime", text=notice.action),)
        banner.set_content(notice.cause, notice.consequence, where)
        banner.action_triggered.connect(self._show_runtime)
        banner.dismissed.connect(self._clear_notice)
        self.shell.show_notice(banner)

    def _show_runtime(self, _key: str) -> None:
        self.go("settings", "runtime")

    def close(self) -> None:
        """Keep what was typed and where the window stood; running work goes on without it."""
        if isinstance(self._current, Leaves):
            self._current.page_left()
        self._privacy_timer.stop()
        self.tray.set_shown(False)
        self.shell.hide()
        self.keep()
        self._services.close()

    def keep(self) -> None:
        """Keep where the window stood, and until when it told what runs did."""
        state = base64.b64encode(self.shell.save_state()).decode("ascii")
        self._services.settings.set(window=state, seen_at=utc_text())

    def take_wish(self, wish: WindowWish) -> None:
        """Do what another start of the program was for."""
        with other_starts.activated_by(wish.activation):
            self.shell.come_to_front()
        if wish.page:
            self.go(wish.page)
        self.open_files(wish.files)

    def open_files(self, files: Sequence[str]) -> None:
        """Open what was named at a start of the program."""
        if files:
            open_paths(self._services, paths=[Path(one) for one in files])

    def after_first_paint(self, then: Callable[[], None]) -> None:
        """Call something once the window has been painted and the events before it are done."""
        middle = self.shell.centralWidget()
        if middle is not None and not self._waiting_for_paint:
            middle.installEventFilter(self)
        self._waiting_for_paint.append(then)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice the first paint, and when the person comes back to the window."""
        if event.type() == QEvent.Type.Paint and self._waiting_for_paint:
            waiting, self._waiting_for_paint = self._waiting_for_paint, []
            for one in waiting:
                QTimer.singleShot(0, self, one)
        is_back = watched is self.shell and event.type() == QEvent.Type.WindowActivate
        if is_back and not self._waiting_for_paint:  # a reading would hold up the first paint
            self._services.library.refresh()
        return False

    # ------------------------------------------------------------------ pages

    def go(self, page_id: str, argument: object = None) -> None:
        """Show a page, on one thing where an argument is given."""
        page = self.shell.show_page(page_id)
        if isinstance(page, ShowsArgument):
            page.show_argument(argument)

    def _on_page_changed(self, page_id: str) -> None:
        if isinstance(self._current, Leaves):
            self._current.page_left()
        self._current = self.shell.page(page_id)
        if isinstance(self._current, Enters):
            self._current.page_entered()

    # ------------------------------------------------------------------ wiring

    def _connect(self) -> None:
        shell, services = self.shell, self._services
        shell.installEventFilter(self)
        shell.page_changed.connect(self._on_page_changed)
        shell.command_triggered.connect(self._on_command)
        shell.files_dropped.connect(self._on_files_dropped)
        shell.set_drop_describe(describe_drop)
        shell.privacy_clicked.connect(self._show_privacy_page)
        shell.device_clicked.connect(self._show_device_page)
        shell.job_clicked.connect(self._show_live_job)
        shell.text_scale_changed.connect(self._on_text_scale)
        shell.closing.connect(QApplication.quit)
        services.navigator.requested.connect(self.go)
        services.notices.said.connect(self._say)
        services.notices.failed.connect(self._show_error)
        services.notices.cleared.connect(self._clear_notice)
        services.library.jobs_changed.connect(self._show_jobs)
        services.library.loaded.connect(self._tell_since)
        services.library.queue_changed.connect(self._show_queue)
        self.tray.open_requested.connect(shell.come_to_front)
        self.tray.quit_requested.connect(process.quit_window)
        services.library.failed.connect(self._show_error)
        services.device.changed.connect(self._show_device)
        services.settings.changed.connect(self._follow_settings)
        self._privacy_timer.timeout.connect(self._show_privacy)
        self._alarm.raised.connect(self._show_alarm)

    def _all_commands(self) -> dict[str, Callable[[], object]]:
        services, shell = self._services, self.shell
        return {
            "import_files": lambda: ask_for_files(services, parent=shell),
            "add_model": lambda: ask_for_model(services, parent=shell),
            "quit": shell.close,
            "sample_run": self._start_sample,
            "queue": lambda: self.go("runs", QUEUE),
            "pause_run": lambda: pause_run(services, run_id=self._situation.live_run),
            "stop_run": lambda: stop_run(services, run_id=self._situation.live_run),
            "palette": shell.open_palette,
            "zoom:in": lambda: self._zoom(self._look.zoom_in),
            "zoom:out": lambda: self._zoom(self._look.zoom_out),
            "zoom:reset": lambda: self._zoom(self._look.zoom_reset),
        }

    def _on_command(self, key: str) -> None:
        kind, _colon, rest = key.partition(":")
        if kind == "page":
            self.go(rest)
        elif kind == "scheme":
            self._services.settings.set(scheme=rest)
        else:
            self.commands[key]()

    def _on_files_dropped(self, paths: list[Path]) -> None:
        open_paths(self._services, paths=paths)

    def _start_sample(self) -> None:
        self._tell_situation(can_start_sample=False)
        start_sample_run(
            self._services,
            tell=self._services.notices.say,
            done=lambda _error: self._tell_situation(can_start_sample=True),
        )

    # ------------------------------------------------------------------ what the frame shows

    def _show_jobs(self) -> None:
        live = self._services.library.live_jobs
        self._tell_what_ended()
        runs = [one for one in live if one.info.kind is JobKind.TRAIN]
        self.shell.set_badge("runs", len(runs))
        shown = status_job(live)
        if shown is None:
            self.shell.clear_job()
        else:
            self.shell.set_job(shown.name, shown.share, shown.text)
        self._tell_situation(live_run=runs[0].info.id if runs else "")

    def _tell_what_ended(self) -> None:
        """Say what became of jobs that were live, unless it is being looked at."""
        library = self._services.library
        before, self._live = self._live, {one.info.id for one in library.live_jobs}
        for job in library.jobs:
            words = ended_words(job) if job.info.id in before - self._live else ""
            if not words:
                continue
            self._notify(ended_title(job), words)
            if self.shell.current_page() != "runs":
                self._services.notices.say(words)

    def _notify(self, title: str, text: str) -> None:
        """Let the system tell somebody who does not look at the window."""
        if self._services.settings.values.notify and not self.shell.isActiveWindow():
            self.tray.notify(title, text)

    def _show_queue(self) -> None:
        """Tell at once what a person may want to call off, or has to know."""
        view = self._services.library.queue
        refused = tuple(one.problem for one in view.lines if one.problem)
        for problem in refused:
            if problem not in self._told:
                self._notify(_("A run of the queue cannot start"), problem)
        self._told = refused
        words = goes_on_words(view)
        if words and not self._went_on:
            self._went_on = True
            self._services.notices.say(words)
        self._show_closing(queue_notice(view, now=datetime.now().astimezone()))

    def _show_closing(self, notice: QueueNotice | None) -> None:
        if notice == self._closing:
            return
        self._closing = notice
        if notice is not None:
            self._notify(notice.cause, notice.consequence)
        # A minute is short: no other banner may hide it.
        self.shell.announce(None if notice is None else self._closing_banner(notice))

    def _closing_banner(self, notice: QueueNotice) -> Banner:
        banner = Banner(kind="warning")
        action = Action(key="call_off", text=_("Do not do it"))
        banner.set_content(notice.cause, notice.consequence, (action,), dismissable=False)
        banner.action_triggered.connect(self._call_off)
        return banner

    def _call_off(self, _key: str) -> None:
        choose_when_done(self._services, when_done=WhenDone.NOTHING)

    def _tell_situation(
        self, *, live_run: str | None = None, can_start_sample: bool | None = None
    ) -> None:
        old = self._situation
        self._situation = navigation.Situation(
            live_run=old.live_run if live_run is None else live_run,
            can_start_sample=old.can_start_sample if can_start_sample is None else can_start_sample,
        )
        if self._situation != old:
            self.shell.set_menus(navigation.menus(self._situation))
            self.shell.set_commands(navigation.all_commands(self._situation))

    def _show_live_job(self) -> None:
        shown = status_job(self._services.library.live_jobs)
        if shown is not None:
            self.go(shown.page, shown.argument or None)

    def _show_device(self) -> None:
        facts = self._services.device.facts
        if facts is not None:
            shown = status_device(facts)
            self.shell.set_device(shown.name, shown.share, shown.text, shown.extra)

    def _show_device_page(self) -> None:
        self.go("settings", "computer")

    def _show_privacy(self) -> None:
        state = self._services.privacy.state()
        self.shell.set_privacy(state.is_verified, state.title, state.sentence)
        self._alarm.look()

    def _show_privacy_page(self, _key: str = "") -> None:
        self.go("privacy")

    def _follow_settings(self) -> None:
        self._follow_tray()
        self._look.set_scheme(chosen_scheme(self._services.settings.values.scheme))

    def _follow_tray(self) -> None:
        """Show the icon where it is wanted; without it the window is closed as ever."""
        self.tray.set_shown(self._services.settings.values.close_to_tray)
        self.shell.set_hides(self.tray.is_there)
        QApplication.setQuitOnLastWindowClosed(not self.tray.is_there)

    def _zoom(self, change: Callable[[], None]) -> None:
        change()
        self._on_text_scale(self._look.text_scale)

    def _on_text_scale(self, scale: float) -> None:
        self._services.settings.set(text_scale=scale)

    def _say(self, text: str, undo_text: str, undo: Callable[[], None] | None) -> None:
        toast = self.shell.show_toast(text, action=undo_text)
        if undo is not None:
            toast.undo_requested.connect(undo)

    def _show_place(self, cause: str, consequence: str) -> None:
        if cause:
            banner = Banner(kind="warning")
            banner.set_content(cause, consequence)
            banner.dismissed.connect(self._clear_notice)
            self.shell.show_notice(banner)

    def _tell_since(self) -> None:
        """Say what became of runs while no window was open: a banner, which asks for nothing."""
        settings = self._services.settings
        found = since_view(self._services.library.jobs, settings.values.seen_at)
        if not settings.values.seen_at:
            settings.set(seen_at=utc_text())
        if found is None:
            return
        banner = Banner(kind=found.kind)
        banner.set_content(found.strong, found.text, (Action(key="show", text=_("Show")),))
        banner.action_triggered.connect(lambda: self._show_since(found.run_id))
        banner.dismissed.connect(self._end_since)
        self.shell.show_notice(banner)

    def _show_since(self, run_id: str) -> None:
        self._end_since()
        self.go("runs", run_id or None)

    def _end_since(self) -> None:
        self._services.settings.set(seen_at=utc_text())
        self._clear_notice()

    def _show_error(self, error: EngineError, title: str = "") -> None:
        log.info("shown: %s", error.code)
        banner = Banner(kind="danger")
        cause = title or error.message
        rest = f"{error.message} {error.remedy}" if title else error.remedy
        banner.set_content(cause, rest, (Action(key="copy", text=_("Copy details")),))
        banner.action_triggered.connect(partial(self._copy, error))
        banner.dismissed.connect(self._clear_notice)
        self.shell.show_notice(banner)

    def _show_alarm(self, refusal: Refusal) -> None:
        banner = Banner(kind="danger")
        more = Action(key="privacy", text=_("Look at Privacy"))
        banner.set_content(refusal.cause, refusal.consequence, (more,))
        banner.action_triggered.connect(self._show_privacy_page)
        banner.dismissed.connect(self._alarm.dismiss)
        banner.dismissed.connect(self._clear_notice)
        self.shell.show_notice(banner)

    def _clear_notice(self) -> None:
        self.shell.show_notice(None)
        self._alarm.say_again()

    def _copy(self, error: EngineError, _key: str = "") -> None:
        parts = (error.code, error.message, error.remedy, error.detail)
        QApplication.clipboard().setText("\n".join(one for one in parts if one))
        self._services.notices.say(_("The details were copied."))
