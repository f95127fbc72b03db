# SPDX-License-Identifier: Apache-2.0
"""Working out the plan of a draft in the background: after a pause, one at a time, newest only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from engine.domain.plan import Plan
from engine.domain.recipe import Recipe
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome
from gui.viewmodels.settings_form import effect_words
from gui.viewmodels.train import Draft

if TYPE_CHECKING:
    from engine.api.facade import Api

PAUSE_MS = 150


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A draft that became a recipe.

    Attributes:
        effects: What each changed setting changes, in words.
    """

    draft: Draft
    recipe: Recipe
    plan: Plan
    effects: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])


class Planner(QObject):
    """Plans what it is asked for last.

    Signals:
        planned: A Planned.
        failed: The EngineError that forbids a plan.
    """

    planned = Signal(object)
    failed = Signal(object)

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._wanted: Draft | None = None
        self._is_planning = False
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._plan)

    def ask(self, draft: Draft) -> None:
        """Plan a draft soon; a newer one takes its place."""
        self._wanted = draft if draft.is_complete else None
        self._pause.start()

    def _plan(self) -> None:
        draft = self._wanted
        if draft is None or self._is_planning:
            return
        self._is_planning = True
        self._wanted = None
        api = self._services.api
        self._services.tasks.run(lambda: make_planned(api, draft), self._take, owner=self)

    def _take(self, outcome: Outcome[Planned]) -> None:
        self._is_planning = False
        if self._wanted is not None:
            self._plan()
        elif outcome.error is not None:
            self.failed.emit(outcome.error)
        else:
            self.planned.emit(outcome.value)


def make_planned(api: Api, draft: Draft) -> Planned:
    """Work out recipe and plan of a draft, and what each changed setting does.

    Raises:
        EngineError: The draft is not possible.
    """
    recipe = _recipe(api, draft)
    plan = api.runs.plan(recipe)
    effects = {
        name: effect_words(plan, api.runs.plan(_recipe(api, draft.put_back(name))))
        for name in draft.changed
    }
    return Planned(draft=draft, recipe=recipe, plan=plan, effects=effects)


def _recipe(api: Api, draft: Draft) -> Recipe:
    choices: dict[str, Any] = {
        "dataset": draft.dataset_id,
        "model": draft.model_id,
        "method_id": draft.method,
        "preset": draft.preset,
        "values": dict(draft.values),
        "mix": draft.mix,
        "replay": draft.replay,
    }
    if draft.beginning is None:
        return api.runs.make_recipe(**choices)
    return api.continuing.make_recipe(draft.beginning, **choices)
