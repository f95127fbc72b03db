# SPDX-License-Identifier: Apache-2.0
"""Keys, tokens and passwords: known forms of known services, and what stands behind "password="."""

from __future__ import annotations

import math
import re
from collections import Counter
from gettext import gettext as _

from engine.quality.personal_data.data_class import DataClass, Places, matching

_LOWEST_ENTROPY_BITS = 2.75
"""Per character. Names and words stay below it or hold no digit; eight random characters do not."""

_CUE = (
    r"(?i:pass(?:word|wd|wort)|pwd|(?:client|app)[_-]?secret|secret[_-]?key|api[_-]?key|"
    r"(?:access|auth)[_-]?token)"
)
_ASSIGNED = re.compile(
    _CUE
    + r"[\"']?\s{0,3}(?:[:=]|\bis\b)\s{0,3}[\"'`]?(?P<value>[A-Za-z0-9+/_=.!@#$%^&*~?-]{8,200})"
    r"(?![A-Za-z0-9(\[{<])"
)


def entropy_bits(value: str) -> float:
    """Return the Shannon entropy of the characters of a text, in bits per character."""
    counts, length = Counter(value), len(value)
    return -sum(count / length * math.log2(count / length) for count in counts.values())


def _passwords(text: str) -> Places:
    for match in _ASSIGNED.finditer(text):
        value = match.group("value").rstrip(".!?")
        is_mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
        if len(value) >= 8 and is_mixed and entropy_bits(value) >= _LOWEST_ENTROPY_BITS:
            yield match.start("value"), match.start("value") + len(value)


def _has_digit(value: str) -> bool:
    return any(map(str.isdigit, value))


SECRETS: tuple[DataClass, ...] = (
    DataClass(
        name="private_key",
        title=lambda: _("Private key"),
        search=r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
        find=matching(
            r"-----BEGIN (?:[A-Z]{2,10} ){0,2}PRIVATE KEY-----"
            r"(?P<value>[A-Za-z0-9+/=\s\\:,-]{16,}?)(?:-----END|$)"
        ),
    ),
    DataClass(
        name="jwt",
        title=lambda: _("Signed token (JWT)"),
        search=r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4}",
        find=matching(r"(?<![\w-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{8,}"),
    ),
    DataClass(
        name="aws_key",
        title=lambda: _("AWS access key"),
        search=r"A[KS]IA[0-9A-Z]{16}",
        find=matching(r"(?<!\w)A[KS]IA[0-9A-Z]{16}(?!\w)"),
    ),
    DataClass(
        name="github_token",
        title=lambda: _("GitHub token"),
        search=r"gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22}",
        find=matching(
            r"(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9_]{22,255})(?!\w)"
        ),
    ),
    DataClass(
        name="slack_token",
        title=lambda: _("Slack token"),
        search=r"xox[abeoprs]-[A-Za-z0-9-]{10}",
        find=matching(r"(?<!\w)xox[abeoprs]-[A-Za-z0-9-]{10,250}", _has_digit),
    ),
    DataClass(
        name="google_key",
        title=lambda: _("Google key"),
        search=r"AIza[0-9A-Za-z_-]{35}",
        find=matching(r"(?<!\w)AIza[0-9A-Za-z_-]{35}(?!\w)"),
    ),
    DataClass(
        name="api_key",
        title=lambda: _("Key of an online service"),
        search=r"\bsk-[A-Za-z0-9_-]{20}|\b[rs]k_(?:live|test)_[0-9A-Za-z]{16}|\bhf_[A-Za-z]{30}|\bglpat-",
        find=matching(
            r"(?<!\w)(?:sk-(?=[A-Za-z0-9_-]{0,249}[0-9])[A-Za-z0-9_-]{20,250}"
            r"|[rs]k_(?:live|test)_[0-9A-Za-z]{16,250}|hf_[A-Za-z]{30,60}|glpat-[A-Za-z0-9_-]{20,60})"
        ),
    ),
    DataClass(
        name="password",
        title=lambda: _("Password"),
        search=_CUE + r"[\"']?\s{0,3}(?:[:=]|\bis\b)\s{0,3}[\"'`]?[A-Za-z0-9+/_=.!@#$%^&*~?-]{8}",
        find=_passwords,
    ),
)
