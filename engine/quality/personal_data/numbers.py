# SPDX-License-Identifier: Apache-2.0
"""Bank, card and national numbers: a form first, then the check digits.

Nine or ten digits with one check digit fit by chance too often (one in eleven), so a Dutch BSN and
an NHS number count only behind a word that names them. A US social security number has no check
digit at all: its form with hyphens is all there is.
"""

from __future__ import annotations

from gettext import gettext as _

from engine.quality.personal_data import checksums
from engine.quality.personal_data.data_class import DataClass, matching

_BEFORE = r"(?<![0-9A-Za-z])(?<![0-9][.,-])"
_AFTER = r"(?![0-9A-Za-z])(?![.,-][0-9])"
_SSN_CUES = r"ssn|social security"

NUMBERS: tuple[DataClass, ...] = (
    DataClass(
        name="iban",
        title=lambda: _("Bank account (IBAN)"),
        search=r"[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]{4}){2}",
        find=matching(
            rf"{_BEFORE}[A-Z]{{2}}[0-9]{{2}}(?:[ -]?[0-9A-Z]{{4}}){{2,7}}(?:[ -]?[0-9A-Z]{{1,3}})?"
            rf"{_AFTER}",
            checksums.is_iban,
        ),
    ),
    DataClass(
        name="payment_card",
        title=lambda: _("Payment card"),
        search=r"[0-9]{12}|[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}|[0-9]{4}[ -][0-9]{6}[ -][0-9]{4}",
        find=matching(
            rf"{_BEFORE}(?:[2-6][0-9]{{12,18}}"
            rf"|[2-6][0-9]{{3}}(?:([ -])[0-9]{{4}}(?:\1[0-9]{{4}}){{2}})"
            rf"|3[0-9]{{3}}([ -])[0-9]{{6}}\2[0-9]{{4,5}}){_AFTER}",
            checksums.is_payment_card,
        ),
    ),
    DataClass(
        name="it_fiscal_code",
        title=lambda: _("Italian tax code (codice fiscale)"),
        search=r"[A-Za-z]{6}[0-9]{2}[A-Za-z][0-9]{2}[A-Za-z][0-9]{3}[A-Za-z]",
        find=matching(
            rf"(?i:{_BEFORE}[A-Z]{{6}}[0-9]{{2}}[ABCDEHLMPRST][0-9]{{2}}[A-Z][0-9]{{3}}[A-Z]{_AFTER})",
            checksums.is_italian_fiscal_code,
        ),
    ),
    DataClass(
        name="fr_nir",
        title=lambda: _("French social security number"),
        search=r"[1278] ?[0-9]{2} ?[0-9]{2} ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
        find=matching(
            rf"{_BEFORE}[1278] ?[0-9]{{2}} ?[0-9]{{2}} ?(?:[0-9]{{2}}|2[AB]) ?[0-9]{{3}}"
            rf" ?[0-9]{{3}} ?[0-9]{{2}}{_AFTER}",
            checksums.is_french_nir,
        ),
    ),
    DataClass(
        name="ch_ahv",
        title=lambda: _("Swiss social security number (AHV)"),
        search=r"756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}",
        find=matching(
            rf"{_BEFORE}756(\.?)[0-9]{{4}}\1[0-9]{{4}}\1[0-9]{{2}}{_AFTER}", checksums.is_swiss_ahv
        ),
    ),
    DataClass(
        name="es_id",
        title=lambda: _("Spanish identity number (DNI, NIE)"),
        search=r"[0-9XYZxyz]\.?[0-9]{1,3}\.?[0-9]{3}\.?[0-9]{3}[ -]?[A-Za-z]|[XYZxyz]-[0-9]{7}",
        find=matching(
            rf"(?i:{_BEFORE}(?:[0-9]{{8}}|[0-9]{{2}}\.[0-9]{{3}}\.[0-9]{{3}}|[XYZ]-?[0-9]{{7}})"
            rf"[ -]?[A-HJ-NP-TV-Z]{_AFTER})",
            checksums.is_spanish_id,
        ),
    ),
    DataClass(
        name="pl_pesel",
        title=lambda: _("Polish PESEL"),
        search=r"\b[0-9]{11}\b",
        find=matching(rf"{_BEFORE}[0-9]{{11}}{_AFTER}", checksums.is_polish_pesel),
    ),
    DataClass(
        name="de_tax_id",
        title=lambda: _("German tax number (Steuer-ID)"),
        search=r"\b[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}\b",
        find=matching(
            rf"{_BEFORE}[1-9][0-9]( ?)[0-9]{{3}}\1[0-9]{{3}}\1[0-9]{{3}}{_AFTER}",
            checksums.is_german_tax_id,
        ),
    ),
    DataClass(
        name="nl_bsn",
        title=lambda: _("Dutch citizen number (BSN)"),
        search=r"(?i)\bbsn\b|burgerservice|sofi-?nummer",
        find=matching(
            rf"{_BEFORE}[0-9]{{4}}([ .]?)[0-9]{{2}}\1[0-9]{{3}}{_AFTER}"
            rf"|{_BEFORE}[0-9]{{3}} [0-9]{{3}} [0-9]{{3}}{_AFTER}",
            checksums.is_dutch_bsn,
            cue=r"\bbsn\b|burgerservice|sofi-?nummer",
        ),
    ),
    DataClass(
        name="gb_nhs",
        title=lambda: _("NHS number (United Kingdom)"),
        search=r"\bNHS\b|National Health",
        find=matching(
            rf"{_BEFORE}[0-9]{{3}}([ -]?)[0-9]{{3}}\1[0-9]{{4}}{_AFTER}",
            checksums.is_nhs_number,
            cue=r"\bnhs\b|national health",
        ),
    ),
    DataClass(
        name="us_ssn",
        title=lambda: _("US social security number, by its form only"),
        search=r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b",
        find=matching(
            rf"{_BEFORE}[0-9]{{3}}-[0-9]{{2}}-[0-9]{{4}}{_AFTER}", checksums.is_us_ssn_form
        ),
    ),
    DataClass(
        name="us_ssn",
        title=lambda: _("US social security number, by its form only"),
        search=rf"(?i){_SSN_CUES}",
        find=matching(
            rf"{_BEFORE}[0-9]{{3}} ?[0-9]{{2}} ?[0-9]{{4}}{_AFTER}",
            checksums.is_us_ssn_form,
            cue=_SSN_CUES,
        ),
    ),
)
