# SPDX-License-Identifier: Apache-2.0
"""The embedding that feeds each layer (Gemma 4), which is used where it is: in main memory.

It is larger than all layers in 4 bits together, and of all its rows a pass needs one for each
token. So a graphics card gets those rows alone, and where the file holds them in the format of the
computation, they are read from the file that the system has in its cache.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HOST = torch.device("cpu")
_NAME = "embed_tokens_per_layer"


def feeding_path(net: PreTrainedModel) -> str:
    """Return the path of the embedding that feeds the layers; empty where a model has none."""
    paths = (path for path, _module in net.named_modules() if path.endswith(f".{_NAME}"))
    return next(paths, "")


def feed_from_memory(net: PreTrainedModel) -> None:
    """Let the rows of the embedding that feeds the layers be looked up in main memory."""
    path = feeding_path(net)
    if path:
        embedding = net.get_submodule(path)
        vars(embedding)["forward"] = partial(_looked_up, embedding.forward)


def _looked_up(forward: Callable[[torch.Tensor], torch.Tensor], ids: torch.Tensor) -> torch.Tensor:
    """Return the rows of tokens [1, T, layers * width], where the tokens are."""
    return forward(ids.to(HOST)).to(ids.device)
