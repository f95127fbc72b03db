# SPDX-License-Identifier: Apache-2.0
"""One break of the code that keeps data safe."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One place of the code that is changed for the worse.

    Attributes:
        name: What is broken.
        path: The file.
        old: Text that occurs once in it.
        new: What stands there instead.
        tests: Which tests have to notice.
    """

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]
