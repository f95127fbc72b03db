# SPDX-License-Identifier: Apache-2.0
"""Every command that a client may leave for a worker: what is wanted, in the imperative."""

from __future__ import annotations

import msgspec


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """End at the next step boundary; keep what is done."""


Command = Stop

COMMANDS: tuple[tuple[str, type[Command]], ...] = (("stop", Stop),)
