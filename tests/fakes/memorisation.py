# SPDX-License-Identifier: Apache-2.0
"""Checks for memorised text whose steps and results a test says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.api.memorisation import Checked
from engine.domain.memorisation import Asked, Memorisation
from engine.domain.run import JobKind
from engine.errors import EngineError

if TYPE_CHECKING:
    from engine.api.jobs import JobView
    from tests.fakes.api import FakeJobs


def a_check(*, learned: int = 7, is_current: bool = True) -> Checked:
    """Return a check in which so many of 64 private values came from the trained model alone."""
    emails = Asked(
        count=41, written=learned, within_tries=learned + 2, base_within_tries=2, learned=learned
    )
    found = Memorisation(
        adapter_sha256="a" * 64,
        checked_at="2026-11-03T09:12:00+00:00",
        rows=1_240,
        all_rows=1_240,
        values={"email": emails, "iban": Asked(count=23)},
        given_away=5,
        passages=Asked(count=100, written=3, within_tries=4, base_within_tries=1, learned=3),
        held_out=Asked(count=60, within_tries=2, learned=2),
    )
    return Checked(found=found, is_current=is_current)


class FakeMemorisation:
    """Starts jobs that do nothing by themselves."""

    def __init__(self, jobs: FakeJobs) -> None:
        self._jobs = jobs
        self.known: dict[str, Checked] = {}
        self.error: EngineError | None = None

    def start(self, run: str) -> str:
        if self.error is not None:
            raise self.error
        return self._jobs.make(JobKind.MEMORISATION, run, options={"run_id": run}).info.id

    def busy(self, run_id: str) -> JobView | None:
        jobs = self._jobs.list(JobKind.MEMORISATION)
        mine = [one for one in jobs if one.info.text_option("run_id") == run_id]
        return next((one for one in mine if not one.state.is_over), None)

    def checked(self, run: str) -> Checked | None:
        return self.known.get(run)
