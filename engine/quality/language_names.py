# SPDX-License-Identifier: Apache-2.0
"""The names of the languages that can be told, for people."""

from __future__ import annotations

from gettext import gettext as _


def language_name(code: str) -> str:
    """Return the name of a language by its code (ISO 639-1), or what an untold one is called."""
    names = {
        "unknown": _("No language to tell"),
        "am": _("Amharic"),
        "ar": _("Arabic"),
        "bg": _("Bulgarian"),
        "bn": _("Bengali"),
        "ca": _("Catalan"),
        "cs": _("Czech"),
        "da": _("Danish"),
        "de": _("German"),
        "el": _("Greek"),
        "en": _("English"),
        "es": _("Spanish"),
        "fa": _("Persian"),
        "fi": _("Finnish"),
        "fr": _("French"),
        "gu": _("Gujarati"),
        "he": _("Hebrew"),
        "hi": _("Hindi"),
        "hu": _("Hungarian"),
        "hy": _("Armenian"),
        "id": _("Indonesian"),
        "it": _("Italian"),
        "ja": _("Japanese"),
        "ka": _("Georgian"),
        "km": _("Khmer"),
        "kn": _("Kannada"),
        "ko": _("Korean"),
        "lo": _("Lao"),
        "ml": _("Malayalam"),
        "mr": _("Marathi"),
        "my": _("Burmese"),
        "nl": _("Dutch"),
        "no": _("Norwegian"),
        "pa": _("Punjabi"),
        "pl": _("Polish"),
        "pt": _("Portuguese"),
        "ro": _("Romanian"),
        "ru": _("Russian"),
        "si": _("Sinhala"),
        "sr": _("Serbian"),
        "sv": _("Swedish"),
        "ta": _("Tamil"),
        "te": _("Telugu"),
        "th": _("Thai"),
        "tr": _("Turkish"),
        "uk": _("Ukrainian"),
        "ur": _("Urdu"),
        "vi": _("Vietnamese"),
        "zh": _("Chinese"),
    }
    return names.get(code, code)
