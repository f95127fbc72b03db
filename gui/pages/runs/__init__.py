# SPDX-License-Identifier: Apache-2.0
"""Runs: the list of all runs, and one run live with its charts, samples, log and files."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from engine.errors import mark
from gui.bridge.page import Page
from gui.bridge.services import Services


def _build(services: Services) -> QWidget:
    from gui.pages.runs.view import RunsPage

    return RunsPage(services)


PAGE = Page(id="runs", title=mark("Runs"), icon="runs", shortcut="Ctrl+5", build=_build)
