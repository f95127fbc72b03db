# SPDX-License-Identifier: Apache-2.0
"""Licences of what is shipped: known, written down, and none that must not be."""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path

import notices
import pytest
import runtime_lock
from notices import LicenceError, Work

from tests.unit.packaging.locks import pins


def work(licence: str, name: str = "some", *texts: str) -> Work:
    return Work(name=name, version="1.0", licence=licence, texts=texts)


@pytest.mark.parametrize(
    "licence",
    [
        "MIT",
        "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only",
        "GPL-3.0-or-later WITH GCC-exception-3.1",
        "GNU Lesser General Public License v3 (LGPLv3)",
        "MPL-2.0 AND MIT",
    ],
)
def test_licence_that_may_be_shipped_is_not_refused(licence: str) -> None:
    assert notices.refused([work(licence)]) == []


@pytest.mark.parametrize(
    "licence",
    [
        "GPL-3.0-only",
        "AGPL-3.0",
        "GPLv2",
        "GNU General Public License v3 (GPLv3)",
        "GPL-2.0 OR AGPL-3.0",
    ],
)
def test_licence_that_must_not_be_shipped_is_refused(licence: str, tmp_path: Path) -> None:
    assert notices.refused([work("MIT"), work(licence, "strict")]) == [f"strict ({licence})"]
    with pytest.raises(LicenceError, match="strict"):
        notices.write_notices([work(licence, "strict")], tmp_path)
    assert not list(tmp_path.iterdir())


def test_program_ships_what_datasets_need_and_nothing_under_the_gpl() -> None:
    works = notices.shipped_by_program()
    names = {one.name.lower() for one in works}
    assert {"pyarrow", "numpy", "pyside6_essentials", "tokenizers"} <= names
    assert not names & {"torch", "transformers", "peft", "bitsandbytes", "datasets", "pandas"}
    assert notices.refused(works) == []
    assert not [one.name for one in works if one.licence.startswith("see ")]


def test_libraries_of_the_runtime_that_are_here_are_not_under_the_gpl() -> None:
    text = (runtime_lock.LOCKS / "cpu.lock").read_text(encoding="utf-8")
    works = notices.shipped_by_runtime(Path(sysconfig.get_path("purelib")))
    locked = [one for one in works if one.name.lower().replace("_", "-") in pins(text)]
    assert len(locked) > 30
    assert notices.refused(locked) == []


def test_notices_hold_each_text_once_with_all_that_bring_it() -> None:
    text = notices.notices_text([work("MIT", "a", "Same."), work("MIT", "b", "Same.", "Other.")])
    assert "a 1.0: MIT" in text
    assert text.count("Same.") == 1
    assert "\na, b\n" in text


def test_bill_names_every_work(tmp_path: Path) -> None:
    notices.write_notices([work("MIT", "Some_Thing")], tmp_path)
    bill = json.loads((tmp_path / notices.BILL).read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert [one["purl"] for one in bill["components"]] == ["pkg:pypi/some-thing@1.0"]
    assert (tmp_path / "licences" / "LGPL-3.0.txt").is_file()
