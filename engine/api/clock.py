# SPDX-License-Identifier: Apache-2.0
"""The time that the facade goes by, where a test gives it no other."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.domain.timestamp import timestamp


def utc_now() -> datetime:
    """Return the time now."""
    return datetime.now(UTC)


def utc_text() -> str:
    """Return the time now as the engine writes it, ISO 8601."""
    return timestamp(utc_now())
