# SPDX-License-Identifier: Apache-2.0
"""E-mail addresses, phone numbers and addresses of the internet.

Phone numbers are judged by the numbering plans of `phonenumbers`. One with a country code is
certain. A national one counts where it is written as one of the plans below writes it, or behind a
word such as "phone"; a bare run of digits does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from gettext import gettext as _
from ipaddress import ip_address

from engine.quality.personal_data.data_class import DataClass, Places

# Names that are reserved for documentation (RFC 2606) belong to nobody.
_NOBODY = re.compile(
    r"(?i)^git@|@(?:[\w.-]+\.)?(?:example\.(?:com|org|net)|[\w-]+\.(?:test|invalid|example|local))$"
)
_EMAIL = re.compile(
    r"(?<![\w.%+'-])[\w%+][\w.%+'-]{0,63}@(?:\w[\w-]{0,62}\.){1,8}[^\W\d_]{2,24}(?![\w@])"
)
_ZERO_REGIONS = ("DE", "FR", "GB", "NL", "BE", "CH", "AT", "SE", "AU", "IE", "RO", "FI", "TR", "JP")
_PLAIN_REGIONS = ("US", "ES", "PL", "IT", "NO", "DK", "PT", "CZ", "GR")

_INTERNATIONAL = re.compile(r"(?<![\w+.])(?:\+|00)[1-9](?:[ ().\-/]{0,3}[0-9]){6,14}(?![0-9])")
_AMERICAN = re.compile(
    r"(?<![\w.+-])(?:1[-. ])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. ])[2-9][0-9]{2}[-. ][0-9]{4}"
    r"(?![\w-])"
)
_NATIONAL = re.compile(
    r"(?<![\w.,+/-])(?!0[0-9]\.[0-9]+(?![.0-9]))"
    r"\(?0[1-9][0-9]{0,4}\)?(?:[ /.-]{1,3}[0-9]{2,8}){1,5}(?![0-9A-Za-z])"
)
_CUED = re.compile(
    r"(?i:\b(?:tele?[fp]h?on\w*|phone|tel|mobile|mobil|handy|fax|cell|whatsapp|telefoon|móvil|"
    r"portable|cellulare|call(?: me)?(?: at| on)?)\b(?: ?(?:number|nummer|no|nr))?[.:]{0,2}\s{0,2})"
    r"(?P<value>\(?[0-9][0-9 ()./-]{5,17}[0-9])(?![0-9A-Za-z])"
)
_FEWEST_DIGITS = 8
"""Shorter numbers exist, but two figures beside each other look just like them."""
_DATE_OR_HOURS = re.compile(
    r"[0-9]{2}([./-])[0-9]{2}\1[0-9]{4}(?:$|\D)|[01][0-9][0-5][0-9] ?- ?[0-2][0-9][0-5][0-9]$"
)

_IP = re.compile(
    r"(?<![\w.:])(?<!ersion )(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w:]|\.[0-9])"
    r"|[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,34}[0-9A-Fa-f](?![\w:]))"
)


def _emails(text: str) -> Places:
    for match in _EMAIL.finditer(text):
        if not _NOBODY.search(match.group()):
            yield match.span()


def _phones(text: str) -> Places:
    for match in _INTERNATIONAL.finditer(text):
        end = _end_of_international(match.group())
        if end:
            yield match.start(), match.start() + end
    for pattern, regions in ((_AMERICAN, ("US",)), (_NATIONAL, _ZERO_REGIONS)):
        for match in pattern.finditer(text):
            if not _DATE_OR_HOURS.match(match.group()) and _is_in_a_plan(match.group(), regions):
                yield match.span()
    for match in _CUED.finditer(text):
        value = match.group("value")
        regions = _ZERO_REGIONS if value.lstrip("(").startswith("0") else _PLAIN_REGIONS
        if _is_in_a_plan(value, regions):
            yield match.span("value")


def _end_of_international(value: str) -> int:
    """Return how much of the value is a number; it may have run on into the next figures."""
    import phonenumbers

    while sum(one.isdigit() for one in value) >= 7:
        try:
            number = phonenumbers.parse("+" + value.removeprefix("+").removeprefix("00"))
        except phonenumbers.NumberParseException:
            return 0
        if phonenumbers.is_valid_number(number):
            return len(value)
        shorter = re.sub(r"[ ().\-/]+[0-9]+$", "", value)
        if shorter == value:
            return 0
        value = shorter
    return 0


def _is_in_a_plan(value: str, regions: Iterable[str]) -> bool:
    """Say whether the digits are a fixed or mobile number in one of the regions.

    The plans are asked directly: parsing for each region takes twenty times as long.
    """
    from phonenumbers import PhoneMetadata

    digits = re.sub(r"[^0-9]", "", value)
    if len(digits) < _FEWEST_DIGITS:
        return False
    for region in regions:
        plan = PhoneMetadata.metadata_for_region(region, None)
        if plan is None:
            continue
        national = digits.removeprefix(plan.national_prefix) if plan.national_prefix else digits
        for kind in (plan.fixed_line, plan.mobile):
            if (
                kind
                and kind.national_number_pattern
                and (re.fullmatch(kind.national_number_pattern, national))
            ):
                return True
    return False


def _is_public_address(value: str) -> bool:
    try:
        return ip_address(value).is_global
    except ValueError:
        return False


def _addresses(text: str) -> Places:
    for match in _IP.finditer(text):
        if _is_public_address(match.group()):
            yield match.span()


CONTACTS: tuple[DataClass, ...] = (
    DataClass(
        name="email",
        title=lambda: _("E-mail address"),
        search=r"[\pL\pN_.%+'-]@(?:[\pL\pN_-]+\.)+\pL{2}",
        find=_emails,
    ),
    DataClass(
        name="phone",
        title=lambda: _("Phone number"),
        search=(
            r"(?:\+|\b00)[1-9](?:[ ().\-/]{0,3}[0-9]){6}"
            r"|\b[2-9][0-9]{2}\)?[-. ]?[2-9][0-9]{2}[-. ][0-9]{4}\b"
            r"|(?:^|[^\w.,+/-])\(?0[1-9][0-9]{0,4}\)?[ /.-]{1,3}[0-9](?:[ /.-]{0,3}[0-9]){3}"
            r"|(?i:tele?[fp]h?o|phone|tel|mobile?|handy|fax|cell|whatsapp|móvil|portable|cellulare|"
            r"call)[a-z .:]{0,20}\(?[0-9]"
        ),
        find=_phones,
    ),
    DataClass(
        name="ip_address",
        title=lambda: _("Public internet address (IP)"),
        search=r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\b[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{3}",
        find=_addresses,
    ),
)
