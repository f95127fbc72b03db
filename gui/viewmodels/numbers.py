# SPDX-License-Identifier: Apache-2.0
"""Numbers as people read them: counts, sizes, times, losses, with units.

The separators come from the message catalogue, so that a number is always written as in the
language of the sentence around it, whatever the system's regional format is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from gettext import gettext as _
from gettext import ngettext, pgettext

from engine.domain.number_text import RATE_FIGURES, decimal_text

_SMALL_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def _localised(text: str) -> str:
    """Replace the separators of Python by those of the catalogue."""
    point, comma = pgettext("decimal point", "."), pgettext("thousands separator", ",")
    return text.replace(",", "\0").replace(".", point).replace("\0", comma)


def count(number: int) -> str:
    """Return a whole number: `11,874`."""
    return _localised(f"{number:,}")


def decimal(number: float, places: int = 1) -> str:
    """Return a number with so many places behind the point: `24.0`."""
    return _localised(f"{number:,.{places}f}")


def plain(number: float) -> str:
    """Return a number as briefly as it can be read back: `2`, `0.05`, `0.0002`."""
    text = f"{number:.10f}".rstrip("0").rstrip(".") if abs(number) >= 1e-6 else f"{number:g}"
    return _localised(text if number else "0")


def size(bytes_: int) -> str:
    """Return the size of a file or of room on a disk, in decimal units: `8.1 GB`, `6 MB`."""
    for unit, name in _SMALL_UNITS:
        if bytes_ >= unit:
            places = 1 if bytes_ < 100 * unit and unit == 10**9 else 0
            return f"{decimal(bytes_ / unit, places)} {name}"
    return ngettext("{number} byte", "{number} bytes", bytes_).format(number=bytes_)


def gigabytes(bytes_: int) -> float:
    """Return an amount of memory in GB as cards and modules are sold: 2**30 bytes."""
    return bytes_ / 2**30


def memory(bytes_: int) -> str:
    """Return an amount of memory: `24.0 GB`, `0.3 GB`; below that `42 MB`."""
    if bytes_ < 2**30 // 20:
        return f"{decimal(bytes_ / 2**20, 0)} MB"
    return f"{decimal(gigabytes(bytes_))} GB"


def big(number: int) -> str:
    """Return a large count in words: `4.0 billion`, `6.3 million`, `812`."""
    if number >= 10**9:
        return _("{number} billion").format(number=decimal(number / 10**9))
    if number >= 10**6:
        return _("{number} million").format(number=decimal(number / 10**6))
    return count(number)


def duration(seconds: float) -> str:
    """Return a time: `42 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return _("{s} s").format(s=whole)
    if whole < 3600:
        return _("{m} min {s} s").format(m=whole // 60, s=whole % 60)
    return _("{h} h {m} min").format(h=count(whole // 3600), m=whole % 3600 // 60)


def rough_duration(seconds: float) -> str:
    """Return a time that is only known roughly, without false precision: `14 min`, `1 h 25 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return _("{s} s").format(s=max(1, -(-whole // 5) * 5 if whole > 10 else whole))
    minutes = round(whole / 60)
    if minutes < 60:
        return _("{m} min").format(m=minutes)
    return _("{h} h {m} min").format(h=count(minutes // 60), m=minutes % 60)


def loss(value: float | None) -> str:
    """Return a loss with three figures, or a dash where there is none: `1.21`, `0.0312`."""
    if value is None:
        return "–"
    if value >= 0.1 or value == 0:
        return decimal(value, 2 if value < 100 else 1)
    return _localised(f"{value:.3g}")


def loss_unit() -> str:
    """Return what a loss is measured in: the natural logarithm of how unlikely a token was."""
    return _("nats per token")


def loss_words() -> str:
    """Return what a loss is, for who reads the title of a column."""
    return _("In nats per token, over the tokens that are trained or checked. Less is better.")


def learning_rate(value: float | None) -> str:
    """Return a learning rate with two figures and no exponent: `0.000069`."""
    if value is None:
        return "–"
    return _localised(decimal_text(value, RATE_FIGURES))


def rate_of_step(value: float) -> str:
    """Return a learning rate in a column of them, where a last zero counts: `0.000070`."""
    return _localised(decimal_text(value, RATE_FIGURES, is_even=True))


def percent(ratio: float) -> str:
    """Return a share: `38 %`."""
    return _("{number} %").format(number=decimal(100 * ratio, 0))


def share(ratio: float) -> str:
    """Return a share that reads as none or all only where it is: `under 1 %`, `over 99 %`."""
    if 0 < ratio < 0.005:
        return _("under 1 %")
    if 0.995 <= ratio < 1:
        return _("over 99 %")
    return percent(ratio)


def speed(tokens_per_s: float | None) -> str:
    """Return tokens per second without the unit: `5,103`, `12.5`."""
    if tokens_per_s is None:
        return "–"
    return decimal(tokens_per_s, 0 if tokens_per_s >= 100 else 1)


def local_moment(utc: str) -> datetime | None:
    """Read a UTC time of the engine as local time; None for an empty text."""
    return datetime.fromisoformat(utc).astimezone() if utc else None


def clock(moment: datetime) -> str:
    """Return the time of day: `16:05`."""
    return moment.strftime(pgettext("time of day, for strftime", "%H:%M"))


def day_and_clock(utc: str, *, now: datetime) -> str:
    """Return when something was: `today 16:05`, `yesterday 9:30`, `3 Nov 2026`."""
    moment = local_moment(utc)
    if moment is None:
        return ""
    if moment.date() == now.date():
        return _("today {time}").format(time=clock(moment))
    if moment.date() == (now - timedelta(days=1)).date():
        return _("yesterday {time}").format(time=clock(moment))
    return _("{day} {month} {year}").format(
        day=moment.day, month=_month(moment.month), year=moment.year
    )


def seconds_between(utc: str, later: datetime) -> float | None:
    """Return the seconds from a UTC time of the engine to a moment; None for an empty text."""
    moment = local_moment(utc)
    return (later - moment).total_seconds() if moment else None


def _month(number: int) -> str:
    names = (
        _("Jan"), _("Feb"), _("Mar"), _("Apr"), _("May"), _("Jun"),
        _("Jul"), _("Aug"), _("Sep"), _("Oct"), _("Nov"), _("Dec"),
    )  # fmt: skip
    return names[number - 1]
