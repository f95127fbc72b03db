# SPDX-License-Identifier: Apache-2.0
"""The language of rows."""

from __future__ import annotations

import pytest

from engine.domain.dataset import TextRow
from engine.quality.language import CHECK, LANGUAGES, LanguagePass
from tests.builders.conversations import chat
from tests.builders.turn_batches import batch_of, finds

SENTENCES = {
    "en": "Could you explain how photosynthesis works and why it is important for plants?",
    "de": (
        "Kannst du mir bitte erklären, wie die Photosynthese funktioniert und warum sie für"
        " Pflanzen wichtig ist?"
    ),
    "fr": (
        "Peux-tu m'expliquer comment fonctionne la photosynthèse et pourquoi elle est "
        "importante pour les plantes ?"
    ),
    "es": (
        "¿Puedes explicarme cómo funciona la fotosíntesis y por qué es importante para las plantas?"
    ),
    "it": ("Puoi spiegarmi come funziona la fotosintesi e perché è importante per le piante?"),
    "pt": (
        "Você pode me explicar como funciona a fotossíntese e por que ela é importante para"
        " as plantas?"
    ),
    "nl": ("Kun je me uitleggen hoe fotosynthese werkt en waarom het belangrijk is voor planten?"),
    "sv": ("Kan du förklara hur fotosyntesen fungerar och varför den är viktig för växterna?"),
    "da": (
        "Kan du forklare mig, hvordan fotosyntese fungerer, og hvorfor det er så vigtigt "
        "for planter og dyr? Jeg har ikke forstået noget af det, der blev sagt."
    ),
    "no": (
        "Kan du forklare meg hvordan fotosyntese fungerer og hvorfor det er så viktig for "
        "planter og dyr? Jeg har ikke forstått noe av det som ble sagt."
    ),
    "fi": "Voitko selittää, miten yhteyttäminen toimii ja miksi se on tärkeää kasveille?",
    "pl": ("Czy możesz mi wyjaśnić, jak działa fotosynteza i dlaczego jest ważna dla roślin?"),
    "cs": "Můžeš mi vysvětlit, jak funguje fotosyntéza a proč je důležitá pro rostliny?",
    "ro": (
        "Poți să-mi explici cum funcționează fotosinteza și de ce este importantă pentru plante?"
    ),
    "hu": (
        "El tudnád magyarázni, hogyan működik a fotoszintézis, és miért fontos az a "
        "növények számára?"
    ),
    "tr": (
        "Fotosentezin nasıl çalıştığını ve bitkiler için neden bu kadar önemli olduğunu "
        "açıklar mısın?"
    ),
    "id": (
        "Bisakah kamu menjelaskan bagaimana fotosintesis bekerja dan mengapa itu penting "
        "untuk tanaman?"
    ),
    "vi": (
        "Bạn có thể giải thích quang hợp hoạt động như thế nào và tại sao nó quan trọng đối"
        " với cây không?"
    ),
    "ru": "Можешь объяснить, как работает фотосинтез и почему он так важен для растений?",
    "uk": "Чи можеш пояснити, як працює фотосинтез і чому він такий важливий для рослин?",
    "bg": "Можеш ли да обясниш как работи фотосинтезата и защо е важна за растенията?",
    "ar": "هل يمكنك أن تشرح لي كيف تعمل عملية التمثيل الضوئي ولماذا هي مهمة للنباتات؟",
    "fa": "آیا می توانید توضیح دهید که فتوسنتز چگونه کار می کند و چرا برای گیاهان مهم است؟",
    "hi": ("क्या आप समझा सकते हैं कि प्रकाश संश्लेषण कैसे काम करता है और यह पौधों के लिए क्यों महत्वपूर्ण है?"),
    "ja": "光合成の仕組みと、それが植物にとって重要な理由を説明してください。",
    "zh": "你能解释一下光合作用是如何进行的，以及为什么它对植物很重要吗？",
    "ko": "광합성이 어떻게 작동하는지 설명해 주시겠어요?",
    "el": "Μπορείς να μου εξηγήσεις πώς λειτουργεί η φωτοσύνθεση;",
    "he": "האם אתה יכול להסביר איך עובדת פוטוסינתזה?",
    "th": "คุณช่วยอธิบายการสังเคราะห์แสงได้ไหม",
}


def languages(texts: list[str]) -> list[str]:
    begun = LanguagePass()
    tallies = [begun.tally([begun.see(batch_of([TextRow(text=text)]))]) for text in texts]
    return [next(iter(tally)) for tally in tallies]


@pytest.mark.parametrize("language", SENTENCES)
def test_sentence_is_known_by_its_language(language: str) -> None:
    assert languages([SENTENCES[language]]) == [language]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "42",
        "OK.",
        "x = [i ** 2 for i in range(10)]; print(x)",
        "🙂🙂",
        "SELECT a, b FROM t;",
        "og det er en med til om jeg du vi de den",  # Danish as well as Norwegian
        "# the of and with this have\n" + " ".join(f"var_{one}" for one in range(60)),
    ],
)
def test_text_without_a_language_is_unknown(text: str) -> None:
    assert languages([text]) == ["unknown"]


def test_japanese_of_mostly_han_letters_is_not_chinese() -> None:
    assert languages(["東京都知事選挙結果発表の件について速報記事掲載"]) == ["ja"]


def test_turns_of_a_row_count_together() -> None:
    begun = LanguagePass()
    row = chat("Kannst du mir", "das bitte", "erklären", "und zwar auf Deutsch?")
    assert begun.tally([begun.see(batch_of([row, row]))]) == {"de": 2}


def test_rows_beside_the_main_language_are_found_and_unknown_ones_are_not() -> None:
    texts = [SENTENCES["en"]] * 3 + [SENTENCES["fr"], "42", SENTENCES["ja"], SENTENCES["en"]]
    assert finds(CHECK, [TextRow(text=one) for one in texts]) == [(3, "fr"), (5, "ja")]


def test_batches_may_be_seen_in_any_order() -> None:
    begun = LanguagePass()
    first = begun.see(batch_of([TextRow(text=SENTENCES["en"])] * 2))
    second = begun.see(batch_of([TextRow(text=SENTENCES["de"])], first_row=2))
    found = begun.end([second, first])
    assert list(found.rows) == [2]
    assert found.labels is not None
    assert LANGUAGES[found.labels[0]] == "de"
    assert found.tally == {"en": 2, "de": 1}


def test_every_language_has_a_name() -> None:
    names = [CHECK.name_label(code) for code in LANGUAGES]
    assert len(set(names)) == len(LANGUAGES)
    assert not set(names) & set(LANGUAGES)
    assert CHECK.name_label("xx") == "xx"


def test_empty_set_has_no_language() -> None:
    assert finds(CHECK, []) == []
