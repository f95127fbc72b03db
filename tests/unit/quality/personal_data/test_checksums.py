# SPDX-License-Identifier: Apache-2.0
"""Check digits, against numbers that their issuers publish as examples."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.quality.personal_data import checksums

EXAMPLES: list[tuple[Callable[[str], bool], str]] = [
    (checksums.is_iban, "DE89370400440532013000"),
    (checksums.is_iban, "GB82WEST12345698765432"),
    (checksums.is_iban, "FR1420041010050500013M02606"),
    (checksums.is_payment_card, "4111111111111111"),
    (checksums.is_payment_card, "378282246310005"),
    (checksums.is_payment_card, "5555555555554444"),
    (checksums.is_payment_card, "6011111111111117"),
    (checksums.is_payment_card, "30569309025904"),
    (checksums.is_german_tax_id, "86095742719"),
    (checksums.is_german_tax_id, "47036892816"),
    (checksums.is_french_nir, "255081416802538"),
    (checksums.is_french_nir, "199032A00100144"),
    (checksums.is_spanish_id, "12345678Z"),
    (checksums.is_spanish_id, "X1234567L"),
    (checksums.is_italian_fiscal_code, "RSSMRA85T10A562S"),
    (checksums.is_dutch_bsn, "111222333"),
    (checksums.is_polish_pesel, "44051401359"),
    (checksums.is_nhs_number, "9434765919"),
    (checksums.is_swiss_ahv, "7569217076985"),
    (checksums.is_us_ssn_form, "219099999"),
]


def _with_key(body: str) -> str:
    """Return a NIR of Corsica with its key, by the rule of the INSEE written out."""
    return f"{body}{97 - int(body.replace('2A', '19')) % 97:02d}"


@pytest.mark.parametrize(("rule", "value"), EXAMPLES)
def test_published_example_is_accepted(rule: Callable[[str], bool], value: str) -> None:
    value = _with_key(value[:13]) if "2A" in value else value
    assert rule(value)


@pytest.mark.parametrize(
    ("rule", "value"), [one for one in EXAMPLES if one[0] is not checksums.is_us_ssn_form]
)
def test_every_other_last_character_is_refused(rule: Callable[[str], bool], value: str) -> None:
    value = _with_key(value[:13]) if "2A" in value else value
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if value[-1].isalpha() else "0123456789"
    others = [value[:-1] + one for one in letters if one != value[-1]]
    assert not any(rule(one) for one in others)


@pytest.mark.parametrize(
    ("rule", "length"),
    [
        (checksums.is_payment_card, 16),
        (checksums.is_german_tax_id, 11),
        (checksums.is_french_nir, 15),
        (checksums.is_dutch_bsn, 9),
        (checksums.is_polish_pesel, 11),
        (checksums.is_nhs_number, 10),
        (checksums.is_swiss_ahv, 13),
        (checksums.is_us_ssn_form, 9),
    ],
)
def test_masked_number_is_refused(rule: Callable[[str], bool], length: int) -> None:
    assert not rule("0" * length)
