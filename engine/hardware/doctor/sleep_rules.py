# SPDX-License-Identifier: Apache-2.0
"""Rules on sleep: what would suspend a run that takes the night."""

from __future__ import annotations

from gettext import gettext as _

from engine.hardware.doctor.snapshot import Finding, Snapshot, note, warning


def sleep(seen: Snapshot) -> list[Finding]:
    """Judge whether the computer may fall asleep under a run; nothing that could not be read."""
    facts = seen.sleep
    if not facts.can_sleep:
        return []
    found: list[Finding] = []
    if facts.can_hold_off is False:
        found.append(_unheld(facts.idle_after_s, facts.source))
    if facts.lid_sleeps:
        found.append(
            note(
                "lid_suspends",
                _("Closing the lid"),
                _("This computer goes to sleep when its lid is closed, also while it trains."),
                _("Leave the lid open, or change what closing it does in the system's settings."),
            )
        )
    return found


def _unheld(idle_after_s: int | None, source: str) -> Finding:
    title = _("Computer may sleep")
    remedy = _("Switch automatic sleep off in the system's settings before a long run.")
    if idle_after_s is None:
        message = _(
            "The system does not let Burnish keep the computer awake, and when it goes to sleep by "
            "itself could not be read."
        )
        return note("sleep_unknown", title, message, remedy)
    if idle_after_s == 0:
        message = _(
            "The system does not let Burnish keep the computer awake. By itself it does not go to "
            "sleep ({source}), but a person or another program may send it there."
        )
        return note("sleep_not_held", title, message.format(source=source), "")
    message = _(
        "This computer goes to sleep after {minutes} min without use ({source}), and the system "
        "does not let Burnish keep it awake. A run stops until it wakes."
    ).format(minutes=max(1, round(idle_after_s / 60)), source=source)
    return warning("computer_sleeps", title, message, remedy)
