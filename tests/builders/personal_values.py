# SPDX-License-Identifier: Apache-2.0
"""Made-up personal data in made-up sentences, and figures that only look like it; all seeded.

The forms include some that no rule sees (an address spelled out, a name without a title), so that
the recall measured on them is not flattering.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from engine.quality.personal_data import checksums

_FIRST = ("Anna", "Bob", "Carla", "Dmitri", "Elif", "François", "Greta", "Hiro", "Inés", "Jürgen")
_LAST = (
    "Smith",
    "Müller",
    "Dubois",
    "García",
    "Rossi",
    "de Vries",
    "Kowalska",
    "O'Neill",
    "Yılmaz",
)
_DOMAINS = (
    "acme.com",
    "mail.co.uk",
    "uni-koeln.de",
    "post.fr",
    "my-firm.io",
    "kpn.nl",
    "müller.de",
)
_STREETS = (
    "{n} Main Street", "{n} Old Mill Road", "Hauptstraße {n}, 10115 Berlin", "Lindenweg {n}",
    "{n} rue de la Paix, 75002 Paris", "Calle Mayor {n}, 28013 Madrid", "Via Roma {n}",
    "Kerkstraat {n}", "Flat {n}, Rose Cottage",
)  # fmt: skip
_FRAMES = (
    "Please note that {} was given to us last week.", "My old one is {}.", "{}", "see: {}, thanks!",
    "Die Angabe {} ist leider falsch.", "Il a répondu : {} (voir plus haut).", "He wrote {} twice",
    "La respuesta fue {}; gracias.", '{{"value": "{}", "n": 3}}', "| row | {} | ok |",
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """One text; `label` is empty where it holds nothing personal."""

    text: str
    start: int
    end: int
    label: str


def digits(random: Random, count: int) -> str:
    """Return some digits."""
    return "".join(random.choices(string.digits, k=count))


def _letters(random: Random, count: int, alphabet: str = string.ascii_letters) -> str:
    return "".join(random.choices(alphabet, k=count))


def _token(random: Random, count: int) -> str:
    return _letters(random, count - 1, string.ascii_letters + string.digits) + digits(random, 1)


def _valid(random: Random, make: Callable[[Random], str], rule: Callable[[str], bool]) -> str:
    """Return the first made value that a rule accepts."""
    while not rule(value := make(random)):
        pass
    return value


def _grouped(value: str, sizes: tuple[int, ...], separator: str) -> str:
    parts: list[str] = []
    for size in sizes:
        parts.append(value[:size])
        value = value[size:]
    return separator.join([*parts, value] if value else parts)


def _email(random: Random) -> str:
    first, last = random.choice(_FIRST).lower(), random.choice(_LAST).lower().replace(" ", "")
    domain = random.choice(_DOMAINS)
    forms = (f"{first}.{last}@{domain}", f"{first}{digits(random, 2)}@{domain}",
             f"{last}+shop@{domain}", f"{first}_{last}@{domain}".upper(),
             f"{first} at {domain.replace('.', ' dot ')}")  # fmt: skip
    return random.choices(forms, (8, 8, 4, 2, 1))[0]


def _phone(random: Random) -> str:
    forms = (
        lambda: f"+49 30 {random.randint(2, 9)}{digits(random, 7)}",
        lambda: f"+44 7700 9{digits(random, 5)}",
        lambda: f"+1 ({random.choice(('212', '415', '312'))}) 555-{digits(random, 4)}",
        lambda: f"0033 1 42 {digits(random, 2)} {digits(random, 2)} {digits(random, 2)}",
        lambda: f"({random.choice(('212', '415', '312'))}) 555-{digits(random, 4)}",
        lambda: f"{random.choice(('212', '415', '312'))}-555-{digits(random, 4)}",
        lambda: f"0170 {random.randint(2, 9)}{digits(random, 6)}",
        lambda: f"030/{random.randint(2, 9)}{digits(random, 6)}",
        lambda: " ".join(["06", *(digits(random, 2) for _ in range(4))]),
        lambda: f"tel. 6{digits(random, 2)} {digits(random, 3)} {digits(random, 3)}",
        lambda: f"0171{random.randint(2, 9)}{digits(random, 6)}",  # a bare run: not seen
    )
    return random.choice(forms)()


def _iban(random: Random) -> str:
    country, length = random.choice((("DE", 22), ("FR", 27), ("ES", 24), ("NL", 18), ("PL", 28)))
    bank = "ABNA" if country == "NL" else ""
    body = bank + digits(random, length - 4 - len(bank))
    number = int("".join(str(int(one, 36)) for one in body + country + "00"))
    value = f"{country}{98 - number % 97:02d}{body}"
    return random.choice((value, _grouped(value, (4,) * (length // 4), " ")))


def _card(random: Random) -> str:
    first, count = random.choice((("4", 16), ("53", 16), ("37", 15), ("6011", 16)))
    value = _valid(random, lambda r: first + digits(r, count - len(first)), checksums.is_luhn)
    sizes = (4, 6, 5) if count == 15 else (4, 4, 4, 4)
    return random.choice((value, _grouped(value, sizes, " "), _grouped(value, sizes, "-")))


def _fiscal_code(random: Random) -> str:
    def make(r: Random) -> str:
        capitals = string.ascii_uppercase
        day = f"{r.randint(1, 31):02d}"
        return (f"{_letters(r, 6, capitals)}{digits(r, 2)}{r.choice('ABCDEHLMPRST')}{day}"
                f"{_letters(r, 1, capitals)}{digits(r, 3)}{_letters(r, 1, capitals)}")  # fmt: skip

    return _valid(random, make, checksums.is_italian_fiscal_code)


def _nir(random: Random) -> str:
    body = (f"{random.randint(1, 2)}{digits(random, 2)}{random.randint(1, 12):02d}"
            f"{random.randint(10, 95)}{digits(random, 6)}")  # fmt: skip
    value = f"{body}{97 - int(body) % 97:02d}"
    return random.choice((value, _grouped(value, (1, 2, 2, 2, 3, 3, 2), " ")))


def _ahv(random: Random) -> str:
    value = _valid(random, lambda r: "756" + digits(r, 10), checksums.is_swiss_ahv)
    return random.choice((value, _grouped(value, (3, 4, 4, 2), ".")))


def _dni(random: Random) -> str:
    number = digits(random, 8)
    value = number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]
    return random.choice((value, f"{value[:8]}-{value[8]}"))


def _pesel(random: Random) -> str:
    def make(r: Random) -> str:
        return f"{digits(r, 2)}{r.randint(1, 12):02d}{r.randint(1, 28):02d}{digits(r, 5)}"

    return _valid(random, make, checksums.is_polish_pesel)


def _tax_id(random: Random) -> str:
    value = _valid(random, lambda r: digits(r, 11), checksums.is_german_tax_id)
    return random.choice((value, _grouped(value, (2, 3, 3, 3), " ")))


def _bsn(random: Random) -> str:
    value = _valid(random, lambda r: digits(r, 9), checksums.is_dutch_bsn)
    return random.choice(("BSN {}", "burgerservicenummer: {}", "{}")).format(value)


def _nhs(random: Random) -> str:
    value = _valid(random, lambda r: digits(r, 10), checksums.is_nhs_number)
    return "NHS number " + random.choice((value, _grouped(value, (3, 3, 4), " ")))


def _ssn(random: Random) -> str:
    value = _valid(random, lambda r: digits(r, 9), checksums.is_us_ssn_form)
    return random.choice((_grouped(value, (3, 2, 4), "-"), f"SSN {value}"))


def _ip(random: Random) -> str:
    if random.random() < 0.3:
        return f"2a00:1450:4001:{random.randint(4096, 65535):x}::200e"
    return f"{random.choice((8, 91, 185, 203))}." + ".".join(
        str(random.randint(120, 250)) for _ in range(3)
    )


def _name(random: Random) -> str:
    name = f"{random.choice(_FIRST)} {random.choice(_LAST)}"
    forms = ("Mr {}", "Mrs. {}", "Herr {}", "my name is {}", "je m'appelle {}", "{}", "with {}")
    return random.choice(forms).format(name)


def _street(random: Random) -> str:
    return random.choice(_STREETS).format(n=random.randint(1, 180))


def _password(random: Random) -> str:
    value = _token(random, 12)
    return random.choice(("password={}", "Password: {}", 'api_key = "{}"', "pwd:{}")).format(value)


VALUES: dict[str, Callable[[Random], str]] = {
    "email": _email,
    "phone": _phone,
    "iban": _iban,
    "payment_card": _card,
    "it_fiscal_code": _fiscal_code,
    "fr_nir": _nir,
    "ch_ahv": _ahv,
    "es_id": _dni,
    "pl_pesel": _pesel,
    "de_tax_id": _tax_id,
    "nl_bsn": _bsn,
    "gb_nhs": _nhs,
    "us_ssn": _ssn,
    "ip_address": _ip,
    "aws_key": lambda r: "AKIA" + _letters(r, 16, string.ascii_uppercase + "234567"),
    "github_token": lambda r: "ghp_" + _token(r, 36),
    "slack_token": lambda r: f"xoxb-{digits(r, 11)}-{_token(r, 24)}",
    "google_key": lambda r: "AIza" + _token(r, 35),
    "api_key": lambda r: r.choice(("sk-", "sk-proj-", "sk_live_")) + _token(r, 40),
    "jwt": lambda r: f"eyJ{_token(r, 20)}.eyJ{_token(r, 40)}.{_token(r, 43)}",
    "private_key": lambda r: (
        f"-----BEGIN RSA PRIVATE KEY-----\n{_token(r, 64)}\n-----END RSA PRIVATE KEY-----"
    ),
    "password": _password,
    "person_name": _name,
    "postal_address": _street,
}
"""A maker for each class; what it returns may have words before the value itself."""

INNOCENT: tuple[Callable[[Random], str], ...] = (
    lambda r: f"order {digits(r, 8)}",
    lambda r: digits(r, 9),
    lambda r: digits(r, 10),
    lambda r: "1" + digits(r, 10),
    lambda r: digits(r, 16),
    lambda r: f"ISBN 978-3-{digits(r, 2)}-{digits(r, 6)}-{digits(r, 1)}",
    lambda r: f"{r.randint(1, 28):02d}.{r.randint(1, 12):02d}.{r.randint(1900, 2030)}",
    lambda r: f"{r.randint(1900, 2030)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d} 12:30:45",
    lambda r: f"{r.randint(1, 28):02d}/{r.randint(1, 12):02d}/{r.randint(1900, 2030)}",
    lambda r: f"{digits(r, 1)}.{digits(r, 9)}",
    lambda r: f"v{r.randint(1, 9)}.{r.randint(0, 20)}.{r.randint(0, 9)}",
    lambda r: f"version {r.randint(1, 9)}.{r.randint(0, 20)}.{r.randint(0, 9)}.{r.randint(0, 9)}",
    lambda _r: "192.168.1.20",
    lambda r: f"{r.randint(1, 999)},{digits(r, 3)},{digits(r, 3)}.00 USD",
    lambda r: _letters(r, 32, "0123456789abcdef"),
    lambda r: _grouped(_letters(r, 32, "0123456789abcdef"), (8, 4, 4, 4, 12), "-"),
    lambda r: f"1{digits(r, 12)} ms",
    lambda _r: "@decorator def f(a, b): return a @ b",
    lambda _r: "someone@example.com",
    lambda _r: "git@github.com:a/b.git",
    lambda _r: "std::vector<int>::iterator",
    lambda _r: "password: the secret word that you chose",
    lambda _r: 'password = os.environ["APP_PASSWORD"]',
    lambda _r: "The Dr is in, and the street is wide; all roads lead to Rome.",
    lambda r: f"{r.randint(2, 9)} x {r.randint(2, 9)} = {digits(r, 2)}, 10-20-30, 1 2 3 4 5 6 7",
    lambda r: f"{digits(r, 2)}.{digits(r, 5)}, -{digits(r, 2)}.{digits(r, 5)}",
    lambda _r: "The name: a short story. Regards are due to nobody.",
    lambda _r: "task-sk-learn-pipeline-for-the-win",
)
"""Makers of what is not personal, though some of it looks so."""


def samples(seed: int, per_class: int) -> list[Sample]:
    """Return texts of every class, and as many innocent ones as all of them together."""
    random = Random(seed)
    made = [_sample(random, label, one) for label, one in VALUES.items() for _ in range(per_class)]
    plain = [_sample(random, "", random.choice(INNOCENT)) for _ in range(len(made))]
    return made + plain


def _sample(random: Random, label: str, make: Callable[[Random], str]) -> Sample:
    frame, value = random.choice(_FRAMES), make(random)
    before, after = frame.replace("{{", "{").replace("}}", "}").split("{}")
    return Sample(before + value + after, len(before), len(before) + len(value), label)
