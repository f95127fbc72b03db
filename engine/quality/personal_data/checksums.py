# SPDX-License-Identifier: Apache-2.0
"""Check digits of bank, card and national numbers; every function takes the bare characters."""

from __future__ import annotations

from datetime import date

# Length of the IBAN of each country (SWIFT IBAN registry, release 99).
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27,
    "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22,
    "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28,
    "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
# Value of a character of a codice fiscale at an odd place (D.M. 23 December 1976).
_FISCAL_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11,
         3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip


def is_luhn(digits: str) -> bool:
    """Say whether the last digit is the Luhn check digit (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_payment_card(digits: str) -> bool:
    """Say whether the digits are a card number: range and length of an issuer, and Luhn."""
    return _is_of_an_issuer(digits) and is_luhn(digits)


def _is_of_an_issuer(digits: str) -> bool:
    length, two, four = len(digits), int(digits[:2]), int(digits[:4])
    if digits[0] == "4":  # Visa
        return length in {13, 16, 19}
    if two in {34, 37}:  # American Express
        return length == 15
    if 51 <= two <= 55 or 2221 <= four <= 2720:  # Mastercard
        return length == 16
    if two in {36, 38, 39} or 300 <= int(digits[:3]) <= 305:  # Diners Club
        return length in {14, 16}
    if four == 6011 or two in {62, 64, 65} or 3528 <= four <= 3589:  # Discover, UnionPay, JCB
        return length == 16
    return two in {50, 56, 57, 58, 63, 67} and length in {16, 18, 19}  # Maestro


def is_iban(text: str) -> bool:
    """Say whether the characters, without blanks, are an IBAN (ISO 13616, mod 97)."""
    if len(text) != IBAN_LENGTHS.get(text[:2]) or not text[2:4].isdigit():
        return False
    turned = text[4:] + text[:4]
    return int("".join(str(int(one, 36)) for one in turned)) % 97 == 1


def is_german_tax_id(digits: str) -> bool:
    """Say whether 11 digits are a Steueridentifikationsnummer (ISO 7064 mod 11, 10)."""
    counts = sorted((digits[:10].count(one) for one in set(digits[:10])), reverse=True)
    is_repeating = counts[0] in {2, 3} and (len(counts) == 1 or counts[1] == 1)
    if digits[0] == "0" or not is_repeating:
        return False
    product = 10
    for digit in digits[:10]:
        product = 2 * ((int(digit) + product) % 10 or 10) % 11
    return (11 - product) % 10 == int(digits[10])


def is_french_nir(text: str) -> bool:
    """Say whether 15 characters are a French social security number (NIR with its key)."""
    digits = text.replace("2A", "19").replace("2B", "18") if text[5] == "2" else text
    if not digits.isdigit() or digits[0] not in "1278":
        return False
    month = int(digits[3:5])
    is_month = 1 <= month <= 12 or 20 <= month <= 42 or 50 <= month <= 99
    return is_month and 97 - int(digits[:13]) % 97 == int(digits[13:])


def is_spanish_id(text: str) -> bool:
    """Say whether 9 characters are a Spanish DNI or NIE."""
    digits = {"X": "0", "Y": "1", "Z": "2"}.get(text[0], text[0]) + text[1:8]
    return digits.isdigit() and _DNI_LETTERS[int(digits) % 23] == text[8]


def is_italian_fiscal_code(text: str) -> bool:
    """Say whether 16 characters are a codice fiscale of a person."""
    odd = sum(_FISCAL_ODD[one] for one in text[0:15:2])
    even = sum(int(one) if one.isdigit() else ord(one) - ord("A") for one in text[1:15:2])
    return chr(ord("A") + (odd + even) % 26) == text[15]


def is_dutch_bsn(digits: str) -> bool:
    """Say whether 9 digits are a burgerservicenummer (the eleven test)."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return total % 11 == 0 and digits != "000000000"


def is_polish_pesel(digits: str) -> bool:
    """Say whether 11 digits are a PESEL: its date exists and its check digit fits."""
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    century, month = divmod(int(digits[2:4]), 20)
    year = (1900, 2000, 2100, 2200, 1800)[century] + int(digits[:2])
    return total % 10 == 0 and _is_date(year, month, int(digits[4:6]))


def is_nhs_number(digits: str) -> bool:
    """Say whether 10 digits are a number of the National Health Service (mod 11)."""
    total = sum(
        int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)
    )
    return (11 - total % 11) % 11 == int(digits[9]) and digits != "0000000000"


def is_swiss_ahv(digits: str) -> bool:
    """Say whether 13 digits are a Swiss AHV number (EAN-13, beginning with 756)."""
    total = sum(int(digit) * (1 + 2 * (place % 2)) for place, digit in enumerate(digits))
    return digits.startswith("756") and total % 10 == 0


def is_us_ssn_form(digits: str) -> bool:
    """Say whether 9 digits may be a US social security number; it has no check digit."""
    return (
        digits[:3] not in {"000", "666"}
        and digits[0] != "9"
        and digits[3:5] != "00"
        and (digits[5:] != "0000")
    )


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
