# SPDX-License-Identifier: Apache-2.0
"""The training libraries as files: missing, damaged, for CUDA or for a processor; none imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.launcher.libraries import read_libraries

RECORD = """\
torch/version.py,sha256=x,{size}
torch/__pycache__/version.cpython-311.pyc,,
../../bin/torchrun,sha256=x,200
"torch/with,comma.py",sha256=x,0
torch-9.1+cu130.dist-info/RECORD,,
"""


@pytest.fixture
def torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a library that is installed before all others."""
    folder = tmp_path / "packages" / "torch"
    about = folder.parent / "torch-9.1+cu130.dist-info"
    for one in (folder, about):
        one.mkdir(parents=True)
    text = "from typing import Optional\n__version__ = '9.1'\ncuda: Optional[str] = '13.0'\n"
    (folder / "version.py").write_text(text, encoding="utf-8", newline="\n")
    (folder / "with,comma.py").touch()
    (about / "METADATA").write_text("Name: torch\nVersion: 9.1+cu130\n", encoding="utf-8")
    (about / "RECORD").write_text(RECORD.format(size=len(text)), encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder


def test_whole_library_tells_what_it_was_built_for(torch: Path) -> None:
    assert torch.is_dir()
    found = read_libraries(("torch", "json"), is_packaged=False)
    assert (found.torch, found.cuda) == ("9.1+cu130", "13.0")
    assert found.missing == found.damaged == ()


def test_build_for_a_processor_names_no_cuda(torch: Path) -> None:
    text = "cuda: Optional[str] = None\nhip = '6.0'\n"
    (torch / "version.py").write_text(text, encoding="utf-8")
    assert read_libraries(("torch",), is_packaged=False).cuda == ""


def test_file_that_is_gone_or_cut_off_is_named(torch: Path) -> None:
    (torch / "version.py").write_text("cut", encoding="utf-8")
    found = read_libraries(("torch",), is_packaged=False)
    assert found.damaged == (("torch", "torch/version.py"),)
    (torch / "version.py").unlink()
    assert read_libraries(("torch",), is_packaged=False).damaged == found.damaged


def test_quick_look_compares_no_files(torch: Path) -> None:
    (torch / "version.py").write_text("cuda: Optional[str] = '13.0'\n", encoding="utf-8")
    found = read_libraries(("torch",), is_packaged=False, compares_files=False)
    assert (found.cuda, found.damaged) == ("13.0", ())


def test_library_that_is_not_there_is_missing_and_nothing_is_imported() -> None:
    before = set(sys.modules)
    found = read_libraries(("bitsandbytes", "no_such_library"), is_packaged=True)
    assert found.missing == ("no_such_library",)
    assert "bitsandbytes" in before or "bitsandbytes" not in sys.modules
