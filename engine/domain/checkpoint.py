# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint is: everything that a run needs to go on bit for bit."""

from __future__ import annotations

import msgspec


class CheckpointState(msgspec.Struct, frozen=True, kw_only=True):
    """state.json of a checkpoint. Tensors stand beside it in safetensors files.

    Random numbers are a pure function of (seed, step, micro-step) and the order of rows of
    (seed, epoch), so that no generator state has to be kept.

    Attributes:
        schema_version: Version of this document.
        run_id: The run it belongs to.
        step: Optimizer steps done.
        tokens_seen: Supervised tokens trained so far.
        eval_before: Held-out loss before the first step, or None.
        eval_last: Newest held-out loss, or None.
        eval_best: Lowest held-out loss, or None.
        eval_best_step: Step of the lowest held-out loss, or None.
        recipe_sha256: Hash of recipe.json; a resumed run must have the same.
        data_sha256: Hash of the tokenised examples; a resumed run must have the same.
    """

    schema_version: int = 1
    run_id: str
    step: int
    tokens_seen: int
    eval_before: float | None
    eval_last: float | None
    eval_best: float | None
    eval_best_step: int | None
    recipe_sha256: str
    data_sha256: str
