# SPDX-License-Identifier: Apache-2.0
"""Every command that a client may leave for a worker: what is wanted, in the imperative."""

from __future__ import annotations

import msgspec


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """End at the next step boundary; keep what is done."""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """End at the next step boundary and free the device; the run goes on later."""


Command = Stop | Pause

COMMANDS: tuple[tuple[str, type[Command]], ...] = (("stop", Stop), ("pause", Pause))
