# SPDX-License-Identifier: Apache-2.0
"""Every file of the packaged program comes from somewhere that is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import notices
import origins
import pytest
from notices import Work
from origins import OriginUnknown, Sources

WHEEL = Path("/site-packages/some/part.so")


Entry = tuple[str, str, str]


def listed(work: Path, files: list[Entry], modules: list[Entry]) -> Path:
    """Write the lists of a build, as PyInstaller does; return the folder of the build."""
    lists = work / "pyinstaller" / "app"
    lists.mkdir(parents=True)
    (lists / "COLLECT-00.toc").write_text(repr((files,)), encoding="utf-8")
    (lists / "PYZ-00.toc").write_text(repr(("out.pyz", modules)), encoding="utf-8")
    return work


def sources(work: Path) -> Sources:
    packages = (Path("/site-packages"), work / "site-packages")
    return Sources(work=work, wheels={WHEEL: "some"}, packages=packages)


def test_files_of_wheels_of_the_build_of_the_repository_and_links_are_explained(
    tmp_path: Path,
) -> None:
    here = Path(__file__).resolve()
    work = listed(
        tmp_path,
        [
            ("some/part.so", str(WHEEL), "BINARY"),
            ("part.so", "some/part.so", "SYMLINK"),
            ("made.txt", str(tmp_path / "metadata" / "made.txt"), "DATA"),
            ("burnish", str(tmp_path / "pyinstaller/app/burnish"), "EXECUTABLE"),
        ],
        [("json", json.__file__, "PYMODULE"), ("tests", str(here), "PYMODULE"), ("ns", "-", "PYM")],
    )
    assert origins.origins(sources(work)) == {
        "_internal/some/part.so": "some",
        "_internal/part.so": "some",
        "_internal/made.txt": "burnish",
        "burnish": "burnish",
        "json": "Python",
        "tests": "burnish",
        "ns": "burnish",
    }


@pytest.mark.parametrize(
    "entry",
    [
        ("other/part.so", "/site-packages/other/part.so", "BINARY"),
        ("link.so", "other/gone.so", "SYMLINK"),
    ],
)
def test_file_that_nothing_explains_stops_the_build(
    tmp_path: Path, entry: tuple[str, str, str]
) -> None:
    work = listed(tmp_path, [entry], [])
    with pytest.raises(OriginUnknown, match=entry[0]):
        origins.origins(sources(work))


def test_installed_file_that_is_not_named_is_not_taken_for_one_of_the_repository(
    tmp_path: Path,
) -> None:
    stranger = tmp_path / "site-packages" / "stranger.py"
    work = listed(tmp_path, [], [("stranger", str(stranger), "PYMODULE")])
    with pytest.raises(OriginUnknown, match="stranger"):
        origins.origins(sources(work))


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no Debian packages here")
def test_library_of_the_host_is_known_by_its_package_with_its_copyright_file(
    tmp_path: Path,
) -> None:
    library = next(Path("/usr/lib").glob("*/libz.so.1"))
    work = listed(tmp_path, [("libz.so.1", str(library), "BINARY")], [])
    assert origins.origins(sources(work)) == {"_internal/libz.so.1": "zlib1g"}
    told = origins.host_work("zlib1g")
    assert told.host == "deb"
    assert told.version
    assert "zlib" in told.texts[0].lower()
    with pytest.raises(OriginUnknown, match="no-such-package"):
        origins.host_work("no-such-package")


def test_bill_lists_each_file_with_its_hash_and_a_stranger_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "burnish"
    (folder / "_internal").mkdir(parents=True)
    (folder / "_internal" / "a.so").write_bytes(b"one")
    (folder / "burnish").write_bytes(b"two")
    found = {"_internal/a.so": "some", "burnish": "burnish", "json": "Python"}
    files = origins.file_hashes(folder, found)
    some = Work(name="some", version="1.0", licence="MIT", texts=())
    texts = ("Text of zlib.",)
    zlib = Work(name="zlib1g", version="1:1.2", licence="Zlib", texts=texts, host="deb")
    notices.write_notices([some], folder, others=[zlib], files=files)
    told = notices.files_of(folder / notices.BILL)
    assert told["burnish"] == hashlib.sha256(b"two").hexdigest()
    assert set(told) == {"_internal/a.so", "burnish"}
    bill = json.loads((folder / notices.BILL).read_text(encoding="utf-8"))
    assert [one.get("purl", one["name"]) for one in bill["components"]] == [
        "pkg:pypi/some@1.0",
        "pkg:deb/zlib1g@1:1.2",
        "burnish",
    ]
    assert "Text of zlib." in (folder / notices.NOTICES).read_text(encoding="utf-8")
    (folder / "_internal" / "stranger").write_bytes(b"")
    with pytest.raises(OriginUnknown, match="_internal/stranger"):
        origins.file_hashes(folder, found)
