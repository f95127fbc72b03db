# SPDX-License-Identifier: Apache-2.0
"""The report for help in memory."""

from __future__ import annotations

from pathlib import Path

from engine.api.paper import Paper, Section, save_paper
from engine.errors import EngineError


class FakeDiagnosis:
    """Reports one thing."""

    def __init__(self) -> None:
        rows = tuple((f"library {number}", "1.0") for number in range(40))
        section = Section(title="Program", columns=("Part", "Version"), rows=rows)
        self.paper = Paper(title="Burnish: a report for help", sections=(section,))
        self.error: EngineError | None = None

    def report(self, run: str = "") -> Paper:
        del run
        if self.error is not None:
            raise self.error
        return self.paper

    def save(self, paper: Paper, path: Path) -> None:
        save_paper(paper, path)
