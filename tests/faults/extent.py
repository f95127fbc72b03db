# SPDX-License-Identifier: Apache-2.0
"""How far the fault tests go: some faults of each kind in every test run, all of them by

    BURNISH_FAULTS=full python -m pytest tests/faults -p no:xdist --timeout 1800 -rP

which also shows how many were injected.
"""

from __future__ import annotations

import os

IS_FULL = os.environ.get("BURNISH_FAULTS") == "full"
"""All faults are injected, not some of each kind."""
