# SPDX-License-Identifier: Apache-2.0
"""The little words of each language: frequent, short, and hardly ever borrowed.

Written down for Burnish from grammars: articles, pronouns, prepositions, conjunctions and forms of
"to be", "to have" and "to do". A word that several languages share counts in parts for each.
"""

from __future__ import annotations

FUNCTION_WORDS = {
    "en": (
        "the of and to is in that it you for was with as be this have are not or but from at by "
        "what which there their they we will would can could has had were been if when how who "
        "your my his her its them than then these those about into some any do does did i'm "
        "don't it's should because where while our an more most other only also"
    ),
    "de": (
        "der die das und ist nicht ein eine einen einem einer ich du er sie es wir ihr zu den dem "
        "des mit auf für von im sich auch als wie wenn oder aber nach bei aus nur noch kann sind "
        "hat haben wird werden war durch über wir uns dass daß man sein ihre mein was zum zur vom "
        "am um bis bitte können diese dieser dieses"
    ),
    "fr": (
        "le la les un une des et est que qui dans pour pas ne vous je il elle nous ce cette au aux "
        "du en sur avec plus par son sa ses ou mais sont être avoir fait comme tout il y a leur "
        "c'est j'ai n'est qu'il qu'elle d'un d'une très aussi votre vos mes été où même si cela "
        "peut ont était donc"
    ),
    "es": (
        "el la los las un una de que y en es por con para del se no lo al como más pero sus le ya "
        "este esta sí porque entre cuando muy sin sobre también me hasta hay donde quien desde "
        "todo nos uno ni ser son está están tiene puede qué su yo tú usted ellos eso esto cómo"
    ),
    "it": (
        "il lo la gli le un uno una di che è e in per non con del della dei delle al alla sono si "
        "da come più ma anche questo questa nel nella ha ho hanno se io tu lui lei noi voi loro "
        "mi ti ci suo sua essere molto così perché quando dove cosa può dal dalla sul sulla degli"
    ),
    "pt": (
        "o os as um uma de que e em é do da dos das no na nos nas para com não por mais se como "
        "mas foi ao ele ela são você eu isso isto este esta seu sua ou quando muito também já ser "
        "está tem pelo pela até só mesmo aos às minha meu nós onde porque pode estão tudo"
    ),
    "nl": (
        "de het een en van ik je dat die in is niet op te zijn met voor aan er om dan of ook maar "
        "naar bij uit nog wel geen wat wordt worden heeft hebben deze dit hij zij ze we u uw mijn "
        "hoe als kan kunnen zou door over tot onder moet veel meer waar hun"
    ),
    "sv": (
        "och att det som en ett på är av för med den till inte om har jag du han hon vi ni de "
        "dem sig så men var från kan när hur vad eller vid också efter under nu mig min din sin "
        "ska skulle vara blir detta denna dessa då mycket där finns mot bara alla"
    ),
    "da": (
        "og at det som en et på er af for med den til ikke om har jeg du han hun vi de dem sig så "
        "men var fra kan når hvordan hvad eller ved også efter nu mig min din sin skal skulle være "
        "bliver dette denne disse da meget hvor der blev havde noget nogle hvorfor hvilken kunne"
    ),
    "no": (
        "og at det som en et på er av for med den til ikke om har jeg du han hun vi de dem seg så "
        "men var fra kan når hvordan hva eller ved også etter nå meg min din sin skal skulle være "
        "blir dette denne disse da mye hvor der ble hadde noe noen hvorfor hvilken kunne"
    ),
    "fi": (
        "ja on ei se että hän oli ovat mutta kun niin myös kuin tai jos mitä joka minä sinä me he "
        "ole olen olla tämä nämä sen jo vain mikä miten missä koska voi voit ovat sekä kaikki "
        "minun sinun hänen ette emme eivät siis vielä miksi"
    ),
    "pl": (
        "i w na z do nie się jest to że jak o po co tak za od przez dla ale czy już tylko był była "
        "może są ma mnie pan pani jego jej ich gdy lub oraz który która które tym tego ten ta te "
        "bardzo być jeśli więc gdzie kiedy dlaczego mam"
    ),
    "cs": (
        "a v na se je to že s z do o i jak ale pro tak za po co by byl byla být jsem jsi jsou jako "
        "už když nebo od podle která který které této tento toto pak jen může mě mi si jeho její "
        "kde proč také ještě aby než protože velmi"
    ),
    "ro": (
        "și în de la cu pe un o nu este sunt din pentru care că mai ca se să ce a fost dar sau "
        "după când cum unde el ea noi voi ei eu tu acest această lui ale al ai fi foarte poate "
        "avea are au între fără despre acum doar"
    ),
    "hu": (
        "a az és hogy nem is egy van volt ez de meg csak már ha mint vagy még el ki be lesz kell "
        "én te ő mi ti ők azt ezt minden mert nagyon hogyan miért amely amikor lehet után között "
        "szerint magyar vannak"
    ),
    "tr": (
        "ve bir bu için ile da de ne çok daha gibi olarak var o ben sen biz siz onlar ama değil "
        "mi mı olan en kadar sonra nasıl neden veya şey her ki bana sana şu olduğu ise içinde "
        "üzerinde göre tarafından"
    ),
    "id": (
        "yang dan di ini itu dengan untuk tidak dari dalam pada adalah akan ke saya anda kami kita "
        "mereka dia ada juga atau bisa dapat oleh sebagai karena sudah telah lebih seperti apa "
        "bagaimana jika namun tetapi hanya bahwa saat para"
    ),
    "vi": (
        "và là của có không được cho một những các trong với này đã để người khi tôi bạn từ đến "
        "như thì cũng về ra sẽ nếu nhưng hay vì đó rất chúng ta anh em ông bà ở làm trên gì"
    ),
    "ca": (
        "el la els les un una de que i en és per amb per del al als no es com més però aquest "
        "aquesta són ha han jo tu ell ella nosaltres o si quan molt també ja ser està té pot què "
        "seu seva dels fins perquè on sense sobre hi ho"
    ),
    "ru": (
        "и в не на что я с он как это по но они к у ты из мы за вы так же от все его для бы был "
        "была было были или если только когда ещё еще уже нет меня мне есть может при чтобы этот "
        "эта эти который которые очень где её ее их"
    ),
    "uk": (
        "і в не на що я з він як це по але вони до у ти із ми за ви так від всі його для би був "
        "була було були або якщо тільки коли ще вже немає мене мені є може при щоб цей ця ці який "
        "які дуже де її їх та та також"
    ),
    "bg": (
        "и в не на че аз с той как това по но те към у ти от ние за вие така се да е са съм си "
        "бил била било били или ако само когато още вече няма мен ми има може при този тази тези "
        "който които много къде ѝ им ще"
    ),
    "sr": (
        "и у не на да ја с он како то по али они ка ти из ми за ви тако је су сам се од све његов "
        "био била било били или ако само када још већ нема мене има може при овај ова који која "
        "веома где шта што"
    ),
    "ar": (
        "في من على أن إلى هذا هذه التي الذي لا ما هو هي كان كانت مع عن أو لم لن كل بعد قبل بين "
        "هناك أنا أنت نحن هم كيف لماذا ماذا هل قد يمكن إذا حتى غير ذلك تلك عند"
    ),
    "fa": (
        "و در به از که این را با است برای آن یک خود تا بر هم نیز می شود شد بود اما یا اگر هر من "
        "تو او ما شما آنها چه چگونه چرا کرد کند باید دارد های ها نیست هستند"
    ),
    "ur": (
        "اور کے میں کی ہے کو سے کا نے پر یہ کہ ہیں وہ تھا تھی اس ایک بھی ہو نہیں آپ ہم میں لیے "
        "کر گیا جو تو اگر کیا کیسے کیوں تھے ساتھ"
    ),
    "hi": (
        "के में की है को से का ने पर यह कि हैं वह था थी इस एक भी हो नहीं आप हम मैं लिए कर गया जो "
        "तो अगर क्या कैसे क्यों थे साथ और या"
    ),
    "mr": (
        "आणि आहे आहेत या हे ते तो ती मी तू आम्ही नाही होते होता होती एक व पण किंवा जर काय कसे "
        "का त्या त्यांनी करून साठी मध्ये"
    ),
}
"""Lower-case words by ISO 639-1 code."""

SCRIPT_LANGUAGES = {
    "greek": "el",
    "hebrew": "he",
    "armenian": "hy",
    "georgian": "ka",
    "bengali": "bn",
    "gurmukhi": "pa",
    "gujarati": "gu",
    "tamil": "ta",
    "telugu": "te",
    "kannada": "kn",
    "malayalam": "ml",
    "sinhala": "si",
    "thai": "th",
    "lao": "lo",
    "myanmar": "my",
    "khmer": "km",
    "ethiopic": "am",
    "hangul": "ko",
    "kana": "ja",
    "han": "zh",
}
"""Scripts that, among languages people train on, one language writes."""

SCRIPT_RANGES = (
    ("latin", 0x41, 0x5A),
    ("latin", 0x61, 0x7A),
    ("latin", 0xC0, 0x24F),
    ("latin", 0x1E00, 0x1EFF),
    ("greek", 0x370, 0x3FF),
    ("greek", 0x1F00, 0x1FFF),
    ("cyrillic", 0x400, 0x52F),
    ("armenian", 0x530, 0x58F),
    ("hebrew", 0x590, 0x5FF),
    ("arabic", 0x600, 0x6FF),
    ("arabic", 0x750, 0x77F),
    ("arabic", 0xFB50, 0xFDFF),
    ("arabic", 0xFE70, 0xFEFC),
    ("devanagari", 0x900, 0x97F),
    ("bengali", 0x980, 0x9FF),
    ("gurmukhi", 0xA00, 0xA7F),
    ("gujarati", 0xA80, 0xAFF),
    ("tamil", 0xB80, 0xBFF),
    ("telugu", 0xC00, 0xC7F),
    ("kannada", 0xC80, 0xCFF),
    ("malayalam", 0xD00, 0xD7F),
    ("sinhala", 0xD80, 0xDFF),
    ("thai", 0xE00, 0xE7F),
    ("lao", 0xE80, 0xEFF),
    ("myanmar", 0x1000, 0x109F),
    ("georgian", 0x10A0, 0x10FF),
    ("ethiopic", 0x1200, 0x139F),
    ("khmer", 0x1780, 0x17FF),
    ("kana", 0x3040, 0x30FF),
    ("hangul", 0x1100, 0x11FF),
    ("hangul", 0xAC00, 0xD7A3),
    ("han", 0x3400, 0x4DBF),
    ("han", 0x4E00, 0x9FFF),
)
"""Blocks of the Basic Multilingual Plane by script (Unicode 15.1, Blocks.txt)."""

WRITTEN_WITH_WORDS = ("latin", "cyrillic", "arabic", "devanagari")
"""Scripts of many languages: there the little words decide."""
