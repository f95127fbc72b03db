# SPDX-License-Identifier: Apache-2.0
"""Saving and opening recipe files."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from engine.domain.recipe import Recipe
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome
from gui.viewmodels.recipe_files import OpenedRecipe, opened_recipe

_FILTER = "*.json"


def ask_to_save_recipe(services: Services, *, parent: QWidget, recipe: Recipe, name: str) -> None:
    """Let a person choose a file, then write a recipe to it."""
    chosen, _filter = QFileDialog.getSaveFileName(parent, _("Save recipe"), name, _FILTER)
    if chosen:
        save_recipe(services, recipe=recipe, path=Path(chosen))


def save_recipe(services: Services, *, recipe: Recipe, path: Path) -> None:
    """Write a recipe to a file and say so."""

    def done(outcome: Outcome[Path]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The recipe was not saved"))
        else:
            services.notices.say(_("Saved as {name}.").format(name=outcome.value.name))

    services.tasks.run(
        lambda: services.api.recipes.save(recipe, path), done, owner=services.library
    )


def ask_to_open_recipe(
    services: Services, *, parent: QWidget, done: Callable[[OpenedRecipe], None]
) -> None:
    """Let a person choose a recipe file, then open it."""
    chosen, _filter = QFileDialog.getOpenFileName(parent, _("Open recipe"), "", _FILTER)
    if chosen:
        open_recipe(services, path=Path(chosen), done=done)


def open_recipe(services: Services, *, path: Path, done: Callable[[OpenedRecipe], None]) -> None:
    """Read a recipe file, find its data and model by content, and hand over what it fills in."""

    def look() -> OpenedRecipe:
        recipes = services.api.recipes
        matched = recipes.match(recipes.read(path))
        beginning = None
        if matched.file.recipe.start is not None:
            # All of its data must be here: what it holds out cannot be chosen in the form.
            beginning = services.api.continuing.again(recipes.open(path))
        return opened_recipe(matched, path.name, services.api.datasets.list(), beginning)

    def taken(outcome: Outcome[OpenedRecipe]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("The recipe was not opened"))
        else:
            done(outcome.value)

    services.notices.clear()
    services.tasks.run(look, taken, owner=services.library)
