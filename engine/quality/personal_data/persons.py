# SPDX-License-Identifier: Apache-2.0
"""Names and postal addresses, as far as a rule goes: by the words that announce them.

A name without a title, an introduction or a field beside it is not seen, and a title before an
invented person is taken for a name. That is why these classes make a check of their own.
"""

from __future__ import annotations

import re
from gettext import gettext as _

from engine.quality.personal_data.data_class import DataClass, Places

_TITLES = (
    r"Mr|Mrs|Ms|Dr|Prof|Herr|Herrn|Frau|Monsieur|Madame|Mme|Mlle|Señora?|Sra?|Signora?|Dhr|Mevr|"
    r"Mevrouw|Meneer"
)
_INTRODUCTIONS = (
    r"my name is|my name's|i am called|ich heiße|ich heisse|mein name ist|je m['’]appelle|"
    r"mon nom est|me llamo|mi nombre es|mi chiamo|mijn naam is|ik heet|nazywam się|jag heter|"
    r"meu nome é"
)
_FIELDS = (
    r"(?:full |first |last |patient |customer |client )?name|vorname|nachname|nom|prénom|nombre|"
    r"apellidos?|cognome|naam|imię|surname|patient|customer|kunde|kundin"
)
_SIGN_OFFS = (
    r"(?:best |kind |warm )?regards|sincerely|yours truly|mit freundlichen grüßen|viele grüße|"
    r"cordialement|saludos|cordiali saluti|met vriendelijke groet"
)
_ANNOUNCED = re.compile(
    rf"(?:(?:\b(?:{_TITLES})\b\.?[ \u00a0]+){{1,3}}|(?i:\b(?:{_INTRODUCTIONS})\s+)"
    rf"|(?m:^[ \t*-]*(?=[A-ZÀ-Þ])(?i:{_FIELDS})[ \t]*[:=][ \t]*)"
    rf"|(?i:\b(?:{_SIGN_OFFS})[,.]?\s*\n\s*))"
)
_WORD = re.compile(r"([^\W\d_][\w'’-]*)(\.?)([ \u00a0]?)")
_MOST_WORDS = 3

_HOUSE = r"[0-9]{1,5} ?[A-Za-z]?"
_CAPITAL = r"[A-ZÀ-ÖØ-Þ]"
_PLACE = rf"(?:,?\s{{1,2}}(?:[A-Z]{{1,2}}-)?[0-9]{{4,5}}(?: [A-Z]{{2}})?(?: {_CAPITAL}[\w'’-]+)?)?"
_STREETS = (
    # 12 Main Street, Springfield, IL 62704
    rf"{_HOUSE} (?:{_CAPITAL}[\w'’.-]+ ){{1,3}}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive"
    rf"|Boulevard|Blvd|Court|Square|Terrace|Crescent|Close)\b(?:,(?: [A-Z][\w'’-]+){{1,3}})?"
    r"(?:,? (?:[A-Z]{2} [0-9]{5}|[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][A-Z]{2}))?",
    # Hauptstraße 5, 10115 Berlin; Kerkstraat 12
    rf"{_CAPITAL}[\w-]{{2,30}}(?:straße|strasse|str\.|weg|platz|allee|gasse|damm|ufer|straat|laan"
    rf"|gracht|plein|vägen|gatan) {{1,2}}[0-9]{{1,4}}(?: ?[a-z]\b)?{_PLACE}",
    rf"{_CAPITAL}[\w-]{{1,30}} (?:Straße|Strasse|Str\.|Weg|Platz|Allee) {{1,2}}[0-9]{{1,4}}"
    rf"(?: ?[a-z]\b)?{_PLACE}",
    # 12 rue de la Paix, 75002 Paris
    rf"{_HOUSE},? ?(?:bis |ter )?(?:rue|avenue|boulevard|place|chemin|impasse|quai|allée)"
    rf" (?:(?:de|du|des|la|le|les) |[dl]['’]){{0,3}}{_CAPITAL}[\w'’-]+"
    rf"(?: {_CAPITAL}[\w'’-]+)?{_PLACE}",
    # Calle Mayor 5, 28013 Madrid; Via Roma 1
    rf"\b(?:Calle|Avenida|Avda\.|Plaza|Paseo|Via|Viale|Piazza|Corso|Rua|ul\.) (?:[\w'’]+ ){{0,3}}"
    rf"{_CAPITAL}[\w'’]+,? (?:n[.º°]+ ?)?[0-9]{{1,4}}\b{_PLACE}",
)
_STREET = re.compile("|".join(f"(?:{one})" for one in _STREETS))


def _names(text: str) -> Places:
    for announced in _ANNOUNCED.finditer(text):
        end = _end_of_name(text, announced.end())
        if end > announced.end() + 1:
            yield announced.end(), end


def _end_of_name(text: str, start: int) -> int:
    """Return where the capitalised words that begin at a place end, at most three of them."""
    end = place = start
    for _count in range(_MOST_WORDS):
        match = _WORD.match(text, place)
        if match is None or not match.group(1)[0].isupper():
            break
        end, place = match.end(1), match.end()
        is_initial = len(match.group(1)) == 1 and match.group(2)
        if not match.group(3) or (match.group(2) and not is_initial):
            break
    return end


def _streets(text: str) -> Places:
    for match in _STREET.finditer(text):
        yield match.span()


PERSONS: tuple[DataClass, ...] = (
    DataClass(
        name="postal_address",
        title=lambda: _("Street address"),
        search=(
            r"[0-9] ?[A-Za-z]? \p{Lu}.{0,60}(?:St|Ave|R[oa]*d|L[an]*n|Drive|Boulevard|Blvd|C[or]"
            r"|Square|Terrace|Close)|(?:stra[ßs]|str\.|weg|platz|allee|gasse|damm|ufer|straat|laan|gracht"
            r"|plein|vägen|gatan|Stra[ßs]|Str\.|Weg|Platz|Allee)[a-z]{0,3} {1,2}[0-9]"
            r"|(?:rue|avenue|boulevard|place|chemin|impasse|quai|allée) "
            r"|\b(?:Calle|Avenida|Avda\.|Plaza|Paseo|Via|Viale|Piazza|Corso|Rua|ul\.) "
        ),
        find=_streets,
    ),
    DataClass(
        name="person_name",
        title=lambda: _("Name of a person"),
        search=(
            rf"\b(?:{_TITLES})\.?[ \x{{a0}}]+\p{{Lu}}|(?i:\b(?:{_INTRODUCTIONS})\s+)\p{{Lu}}"
            rf"|(?im:^[ \t*-]*(?:{_FIELDS})[ \t]*[:=][ \t]*)\p{{Lu}}"
            rf"|(?i:\b(?:{_SIGN_OFFS})[,.]?\s*\n\s*)\p{{Lu}}"
        ),
        find=_names,
    ),
)
