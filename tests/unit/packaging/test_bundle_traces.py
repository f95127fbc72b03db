# SPDX-License-Identifier: Apache-2.0
"""What a built program must not carry is found, in files and in modules, and nothing else is."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import builder_paths
import bundle_contents as contents
import bundle_traces
import pytest
from bundle_under_test import Missed

SOURCE = str(contents.REPOSITORY)


class FakeArchive:
    """Stands for the executable, and for the archive of modules in it."""

    modules: dict[str, bytes]

    def __init__(self, _path: str) -> None:
        self.toc = (*self.modules, "PYZ.pyz")

    def extract(self, name: str, *, raw: bool = True) -> bytes | None:
        assert raw
        return self.modules.get(name)

    def open_embedded_archive(self, name: str) -> FakeArchive:
        assert name == "PYZ.pyz"
        return self


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "elsewhere/burnish"
    (folder / "_internal").mkdir(parents=True)
    (folder / "burnish").write_bytes(b"\x7fELF")
    with zipfile.ZipFile(folder / "_internal/base_library.zip", "w") as library:
        library.writestr("codecs.pyc", "codecs.py")
    monkeypatch.setattr(FakeArchive, "modules", {"jinja2.tests": b"", "engine": b""}, raising=False)
    readers = SimpleNamespace(CArchiveReader=FakeArchive)
    monkeypatch.setattr(bundle_traces, "import_module", lambda _name: readers)
    return folder


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("engine/readme.txt", "of /home/runner/work, /opt/rh/root/usr and contest.py"),
        ("lib.so", f"\x7fELF {Path.home()}/.cargo of those who made the wheel"),
        ("text.txt", f"{SOURCE}-of-somebody /x{SOURCE}"),
    ],
)
def test_what_tells_nothing_of_the_builder_stays(name: str, content: str, app: Path) -> None:
    (app / "_internal" / name).parent.mkdir(exist_ok=True)
    (app / "_internal" / name).write_text(content, encoding="utf-8")
    assert "without tests" in bundle_traces.require_none(app)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("engine/tests/one.py", ""),
        ("engine/test_one.py", ""),
        ("numpy/_multiarray_tests.cpython-311-x86_64-linux-gnu.so", ""),
        (".git/HEAD", ""),
        (".gitignore", ""),
        ("x.dist-info/direct_url.json", "{}"),
        ("starter.sh", f"#!{sys.prefix}/bin/python"),
        ("RECORD", f"{Path.home()}/x,,"),
        ("lib.so", f"\x7fELF\0{SOURCE}/engine\0"),
    ],
)
def test_file_that_is_not_for_a_person_is_found(name: str, content: str, app: Path) -> None:
    path = app / "_internal" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(Missed, match=re.escape(name)):
        bundle_traces.require_none(app)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tests.unit", ""),
        ("check_bundle", ""),
        ("pyarrow.conftest", ""),
        ("engine.errors", f"{SOURCE}/engine/errors.py"),
        ("_sysconfigdata", "prefix /home/ann/.pyenv/versions/3.11.7"),
    ],
)
def test_module_that_is_not_for_a_person_is_found(
    name: str, content: str, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder_paths, "private_base", lambda: "/home/ann/.pyenv/versions/3.11.7")
    monkeypatch.setattr(FakeArchive, "modules", {name: content.encode()})
    with pytest.raises(Missed, match=name.partition(".")[0]):
        bundle_traces.require_none(app)
