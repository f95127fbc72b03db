# SPDX-License-Identifier: Apache-2.0
"""Recipe files in memory: what was saved, and what a file that is opened stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.domain.recipe import Recipe
from engine.domain.recipe_file import DatasetMark, Matched, ModelMark, RecipeFile
from engine.errors import EngineError


def a_match(recipe: Recipe, *, has_data: bool = True, has_model: bool = True) -> Matched:
    """Return an opened recipe file whose data and model are here or not."""
    marks = tuple(
        DatasetMark(
            id=one, version=1, name="Support tickets", splits={"train": 360}, fingerprint="f"
        )
        for one in recipe.dataset_ids
    )
    model = ModelMark(id=recipe.model_id, name="Qwen3-4B", fingerprint="f", weights="w")
    return Matched(
        file=RecipeFile(recipe=recipe, datasets=marks, model=model),
        datasets=tuple((one.id, 1) if has_data else None for one in marks),
        model_id=recipe.model_id if has_model else "",
    )


class FakeRecipes:
    """Saves into a list; opens what a test has set."""

    def __init__(self) -> None:
        self.saved: list[tuple[Recipe, Path]] = []
        self.matched: Matched | None = None
        self.error: EngineError | None = None

    def save(self, recipe: Recipe, path: Path) -> Path:
        self.saved.append((recipe, path))
        return path

    def read(self, path: Path) -> Any:
        del path
        if self.error is not None:
            raise self.error
        return self.matched

    def match(self, file: Matched) -> Matched:
        return file
