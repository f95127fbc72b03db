# SPDX-License-Identifier: Apache-2.0
"""Names of folders that are made."""

from __future__ import annotations

import uuid


def new_id() -> str:
    """Return a new folder name: 12 hexadecimal digits of a random UUID."""
    return uuid.uuid4().hex[:12]
