# SPDX-License-Identifier: Apache-2.0
"""The licences of what is shipped: notices for people, a bill of materials for machines.

Both come from the distributions themselves, so that they cannot be out of date. What is under the
GPL or AGPL alone is refused: it must not be shipped with Burnish. Qt and PySide are taken under the
LGPL; they lie in the bundle as files of their own, which a person can replace.
"""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

import bundle_contents as contents
from packaging.requirements import Requirement

TEXTS = contents.REPOSITORY / "packaging" / "licences"
NOTICES, BILL = "THIRD-PARTY-NOTICES.txt", "sbom.cdx.json"
_LICENCE_FILE = re.compile(
    r"/(LICEN[CS]E|COPYING|NOTICE|COPYRIGHT)[^/]*$|/licen[cs]es/[^/]+$", re.IGNORECASE
)
_STRONG = re.compile(r"(?<![A-Za-z])A?GPL|GNU (Affero )?General Public", re.IGNORECASE)
_SOFT = re.compile(r"LGPL|Lesser|exception", re.IGNORECASE)

# Native libraries of the build host that would come along and must not: all under the GPL or AGPL.
FORBIDDEN_LIBRARIES = ("libreadline", "libgdbm", "libdb-5", "libgs.", "libpoppler", "libx264")

HEAD = """Burnish is under the Apache License 2.0. It is shipped with the works below, each under a
licence of its own. Qt and PySide are used under the LGPL 3.0: their libraries lie in
_internal/PySide6 and _internal/shiboken6 as files of their own, and may be replaced by others
of the same version; the text of that licence lies beside this file, in licences/. The starter
program is that of PyInstaller (GPL 2.0 or later, with an exception for what it starts). Python is
under the PSF licence 2.0.

"""


class LicenceError(Exception):
    """Something that must not be shipped was found; the text names it."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One distribution that is shipped: its name, version, licence and the texts that it brings.

    A library of the build host is one as well; `host` is the kind of its package then.
    """

    name: str
    version: str
    licence: str
    texts: tuple[str, ...]
    host: str = ""


def shipped_by_program() -> list[Work]:
    """Return what the program is made of: its dependencies but those of the runtime, and theirs."""
    text = (contents.REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    wanted = [Requirement(one) for one in tomllib.loads(text)["project"]["dependencies"]]
    waiting = [one.name for one in wanted if one.name not in contents.RUNTIME_ROOTS]
    found: dict[str, Distribution] = {}
    while waiting:
        name = _key(waiting.pop())
        if name in found or name in _outside():
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # for another system
        needs = (Requirement(one) for one in found[name].requires or ())
        waiting += [one.name for one in needs if _holds_here(one)]
    return [_work(one) for _name, one in sorted(found.items())]


def starter() -> Work:
    """Return PyInstaller, of which the program that starts everything is, and some first steps.

    Its metadata name the GPL alone; the exception stands in its text (SPDX: Bootloader-exception).
    """
    licence = "GPL-2.0-or-later WITH Bootloader-exception"
    return replace(_work(distribution("pyinstaller")), licence=licence)


def shipped_by_runtime(site_packages: Path) -> list[Work]:
    """Return what a runtime is made of."""
    found = {_key(one.name): one for one in distributions(path=[str(site_packages)])}
    return [_work(one) for _name, one in sorted(found.items())]


def refused(works: Iterable[Work]) -> list[str]:
    """Name the works that are under the GPL or AGPL and offer no other licence."""
    return [f"{one.name} ({one.licence})" for one in works if _is_strong(one.licence)]


def write_notices(
    works: Sequence[Work],
    folder: Path,
    *,
    others: Sequence[Work] = (),
    files: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Write the notices and the bill of materials into a folder.

    Args:
        works: What is shipped, by its own account of its licence.
        folder: Where they go.
        others: Libraries of the build host; which of them must not be shipped is known by name.
        files: SHA-256 of each file by its path, for the name of each work; None lists none.

    Raises:
        LicenceError: A work must not be shipped.
    """
    strong = refused(works)
    if strong:
        raise LicenceError(f"Under the GPL or AGPL: {', '.join(strong)}")
    shutil.copytree(TEXTS, folder / TEXTS.name, dirs_exist_ok=True)
    everything = [*works, *others]
    (folder / NOTICES).write_text(notices_text(everything), encoding="utf-8", newline="\n")
    bill = bill_of_materials(everything, files or {})
    (folder / BILL).write_text(bill, encoding="utf-8", newline="\n")


def notices_text(works: Sequence[Work]) -> str:
    """Return the notices; a licence text that several works bring stands once."""
    lines = [HEAD]
    lines += [f"{one.name} {one.version}: {one.licence}\n" for one in works]
    seen: dict[str, list[str]] = {}
    for one in works:
        for text in one.texts:
            seen.setdefault(text.strip(), []).append(one.name)
    for text, names in seen.items():
        lines.append(f"\n{'=' * 80}\n{', '.join(dict.fromkeys(names))}\n{'=' * 80}\n{text}\n")
    return "".join(lines)


def bill_of_materials(works: Sequence[Work], files: Mapping[str, Mapping[str, str]]) -> str:
    """Return a bill of materials in the form of CycloneDX 1.6, with the hash of each file."""
    named = {one.name for one in works}
    components = [
        {
            "type": "library",
            "name": one.name,
            "version": one.version,
            "purl": _purl(one),
            "licenses": [{"license": {"name": one.licence}}],
            **_of_files(files.get(one.name, {})),
        }
        for one in works
    ]
    # What is of no work is of the program itself, or of Python.
    components += [
        {"type": "platform", "name": name, **_of_files(listed)}
        for name, listed in sorted(files.items())
        if name not in named
    ]
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": contents.NAME,
                "version": contents.version(),
            }
        },
        "components": components,
    }
    return json.dumps(bill, indent=2) + "\n"


def _purl(one: Work) -> str:
    if one.host:
        return f"pkg:{one.host}/{one.name}@{one.version}"
    return f"pkg:pypi/{_key(one.name)}@{one.version}"


def _of_files(listed: Mapping[str, str]) -> dict[str, object]:
    if not listed:
        return {}
    return {
        "components": [
            {"type": "file", "name": place, "hashes": [{"alg": "SHA-256", "content": digest}]}
            for place, digest in sorted(listed.items())
        ]
    }


def files_of(bill: Path) -> dict[str, str]:
    """Return the SHA-256 of each file by its path, as a bill of materials lists them."""
    told = json.loads(bill.read_text(encoding="utf-8"))
    return {
        one["name"]: one["hashes"][0]["content"]
        for work in told["components"]
        for one in work.get("components", ())
    }


def _holds_here(one: Requirement) -> bool:
    return one.marker is None or one.marker.evaluate({"extra": ""})


def _outside() -> set[str]:
    return {_key(name) for name in contents.OUTSIDE}


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _work(one: Distribution) -> Work:
    files = [path for path in one.files or () if _LICENCE_FILE.search(path.as_posix())]
    own = [path for path in files if ".dist-info" in path.as_posix()]
    texts = [Path(str(path.locate())).read_text(encoding="utf-8", errors="replace") for path in own]
    return Work(name=one.name, version=one.version, licence=_licence(one), texts=tuple(texts))


def _licence(one: Distribution) -> str:
    """Return the licence as the distribution names it: an expression, a field, or classifiers."""
    expression, field = _field(one, "License-Expression"), _field(one, "License").strip()
    classifiers = [
        str(text).rpartition(":: ")[2]
        for text in one.metadata.get_all("Classifier") or ()
        if str(text).startswith("License ::")
    ]
    short = field if field and "\n" not in field and len(field) < 80 else ""
    return expression or short or " OR ".join(classifiers) or "see its licence text"


def _field(one: Distribution, name: str) -> str:
    values = one.metadata.get_all(name) or [""]
    return str(values[0])


def _is_strong(licence: str) -> bool:
    """Return whether every licence that is offered is the GPL or AGPL without an exception."""
    offers = re.split(r"\s+OR\s+", licence, flags=re.IGNORECASE)
    return all(_STRONG.search(one) is not None and _SOFT.search(one) is None for one in offers)
