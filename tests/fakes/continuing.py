# SPDX-License-Identifier: Apache-2.0
"""Adapters to go on with, in memory: every run and every folder has one of rank 4."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.api.beginning import Beginning
from engine.domain.recipe import Recipe
from engine.domain.start import AdapterStart, Ancestor, HeldOutData
from engine.errors import EngineError

if TYPE_CHECKING:
    from tests.fakes.api import FakeRuns

DIGEST = "a" * 64
TAKEN: dict[str, Any] = {
    "lora_rank": 4,
    "lora_alpha": 8.0,
    "lora_targets": "all",
    "rank_pattern": "",
    "alpha_pattern": "",
    "use_rslora": False,
    "use_dora": False,
}


class FakeContinuing:
    """Finds an adapter wherever a test looks."""

    def __init__(self, runs: FakeRuns) -> None:
        self._runs = runs
        self.error: EngineError | None = None

    def of_run(self, key: str, checkpoint: str = "") -> Beginning:
        run = self._runs.get(key)
        start = AdapterStart(
            sha256=DIGEST,
            name=run.job.info.name,
            run_id=run.id,
            checkpoint=checkpoint,
            step=int(checkpoint.removeprefix("ck-")) if checkpoint else 100,
            held_out=(HeldOutData(dataset_id=run.recipe.dataset_id),),
        )
        return self._of(start, recipe=run.recipe, model_id=run.recipe.model_id)

    def of_folder(self, path: Path) -> Beginning:
        return self._of(AdapterStart(sha256=DIGEST, name=path.name), base="Qwen3-4B")

    def again(self, recipe: Recipe) -> Beginning:
        assert recipe.start is not None
        return self._of(recipe.start, recipe=recipe, model_id=recipe.model_id)

    def make_recipe(self, beginning: Beginning, **choices: Any) -> Recipe:
        values = {**choices.pop("values", {}), **beginning.taken}
        recipe = self._runs.make_recipe(**choices, values=values)
        return msgspec.structs.replace(recipe, start=beginning.start)

    def _of(self, start: AdapterStart, **changes: Any) -> Beginning:
        if self.error is not None:
            raise self.error
        return Beginning(
            start=start,
            taken=TAKEN,
            weights=Path("/weights"),
            descent=(Ancestor(name=start.name, sha256=start.sha256),),
            **changes,
        )
