# SPDX-License-Identifier: Apache-2.0
"""Leaves out what PySide does at each import for features that Burnish does not use."""

from __future__ import annotations

import sys
from importlib import import_module


def leave_out_features() -> None:
    """Keep PySide from reading the source of each module that is imported from now on.

    It looks there for its own name, so that `from __feature__ import snake_case` can take effect
    in modules that were imported before. Nothing here uses these features, and the reading costs
    a twentieth of the window's start.
    """
    import_module("PySide6.QtCore")
    feature = sys.modules.get("shibokensupport.feature")
    if feature is not None:  # it is an inner matter of PySide, and may go away
        vars(feature)["feature_imported"] = _leave_out


def _leave_out(_module: object) -> None:
    """Take the place of what reads the source of a module."""
