# SPDX-License-Identifier: Apache-2.0
"""How Arrow is set up in every process: without pandas, and without memory of its own.

At its first array Arrow looks whether pandas is there, only to know a Series when it meets one,
which costs 0.2 seconds and 60 MB. Burnish hands it none; who asks Arrow for a pandas object still
gets it. And its own allocator keeps some 50 MB of an import, at the same speed as the system's.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from types import ModuleType


class _WithoutPandas:
    """A finder of modules that says that there is no pandas."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse pandas, and leave every other module to the other finders."""
        del path, target
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
        return None


@cache
def start_arrow() -> None:
    """Set Arrow up; only the first call does anything. Where pandas is loaded it stays."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _WithoutPandas)
        try:
            pa.array([0])
        finally:
            sys.meta_path.remove(_WithoutPandas)
