# SPDX-License-Identifier: Apache-2.0
"""Brings what attention needs of a packed row past model code that would drop it on the way."""

from __future__ import annotations

from typing import Any

from torch import nn

from engine.train.attention import AttentionOptions


class Carrier:
    """Takes the options of our attention from one module's arguments and gives them to another's.

    Attributes:
        options: As taken last.
    """

    def __init__(self) -> None:
        """Carry nothing yet."""
        self.options = AttentionOptions()

    def take(self, _module: nn.Module, _arguments: Any, options: dict[str, Any]) -> None:
        """Remember the options; a hook before a module runs."""
        self.options = AttentionOptions(
            segments=options.get("segments"), varlen=options.get("varlen")
        )

    def give(
        self, _module: nn.Module, arguments: Any, options: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Add the options; a hook before a module runs."""
        return arguments, {**options, **self.options}


def carry_into(layer: nn.Module, attention: nn.Module) -> None:
    """Let the attention of a layer have the options that the layer was given.

    Both happen inside the layer, so that a recomputed layer carries its own options again.
    """
    carrier = Carrier()
    layer.register_forward_pre_hook(carrier.take, with_kwargs=True)
    attention.register_forward_pre_hook(carrier.give, with_kwargs=True)
