# SPDX-License-Identifier: Apache-2.0
"""What is made for Windows, as far as another system can look at it."""

from __future__ import annotations

import ast
import re
import struct
from pathlib import Path
from typing import TypeGuard

import bundle_contents as contents
import pytest
import windows_resources
from PySide6.QtGui import QGuiApplication, QImage

from tests.builders.windows_script import CutOffError, GaveUpError, WindowsComputer

SCRIPT = contents.REPOSITORY / "packaging" / "windows" / "burnish.nsi"


def test_version_resource_is_what_the_packer_reads() -> None:
    text = windows_resources.version_text("1.2.3")
    (call,) = (one for one in ast.walk(ast.parse(text)) if _is_call(one, "FixedFileInfo"))
    fields = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
    assert fields["filevers"] == fields["prodvers"] == (1, 2, 3, 0)
    assert text.count("'1.2.3'") == 2


def _is_call(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == name


def test_icon_holds_every_size(tmp_path: Path, qapp: QGuiApplication) -> None:
    del qapp
    windows_resources.write_resources(tmp_path)
    content = (tmp_path / "burnish.ico").read_bytes()
    count = struct.unpack_from("<3H", content)[2]
    assert count == len(windows_resources.ICON_SIDES)
    for number, side in enumerate(windows_resources.ICON_SIDES):
        length, at = struct.unpack_from("<2I", content, 6 + 16 * number + 8)
        picture = QImage.fromData(content[at : at + length])
        assert (picture.width(), picture.height()) == (side, side)
        assert picture.pixelColor(side // 2, 2 * side // 16).alpha() == 255


def test_installer_takes_what_the_build_makes_and_leaves_data_alone() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert f'"$INSTDIR\\{contents.NAME}.exe" "--window"' in text
    removed = re.findall(r'RMDir /r "([^"]+)"', text)
    assert removed == ["${FOLDER}", "$INSTDIR\\_internal.old", "$INSTDIR\\licences"]
    whole = set(re.findall(r'insertmacro Remove "([^"]+)"', text))
    assert whole == {"$INSTDIR.new", "$INSTDIR.old"}
    licence = re.search(r'MUI_PAGE_LICENSE "\$\{__FILEDIR__\}/(.+)"$', text, flags=re.MULTILINE)
    assert licence is not None
    assert (SCRIPT.parent / licence[1]).is_file()


PROGRAM = (
    "burnish.exe", "burnish-cli.exe", "THIRD-PARTY-NOTICES.txt", "sbom.cdx.json",
    "_internal/part.dll", "licences/one.txt",
)  # fmt: skip


@pytest.fixture
def computer(tmp_path: Path) -> WindowsComputer:
    """Return a computer where Burnish is installed."""
    for name in PROGRAM:
        (tmp_path / "payload" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "payload" / name).write_text(name, encoding="utf-8")
    script = SCRIPT.read_text(encoding="utf-8")
    found = WindowsComputer(script, tmp_path / "c", tmp_path / "payload")
    found.install()
    require_installed(found)
    return found


def files(computer: WindowsComputer) -> set[str]:
    """Return what is where the program is, and beside it."""
    place = computer.program.parent
    return {one.relative_to(place).as_posix() for one in place.rglob("*") if one.is_file()}


def require_installed(computer: WindowsComputer) -> None:
    assert files(computer) == {f"Burnish/{one}" for one in (*PROGRAM, "uninstall.exe")}


def is_known(computer: WindowsComputer) -> bool:
    """Return whether the installer knows the folder as one of Burnish, or finds it free."""
    program, mark = computer.program, computer.program.with_name("Burnish.burnish-copy")
    is_whole = (program / "burnish.exe").exists() and (program / "_internal").is_dir()
    return mark.exists() or is_whole or not program.exists() or not any(program.iterdir())


def test_removal_on_windows_leaves_nothing(computer: WindowsComputer) -> None:
    computer.install()
    require_installed(computer)
    computer.remove()
    assert "DeleteRegKey" in computer.calls
    assert list(computer.program.parent.iterdir()) == []


@pytest.mark.parametrize("name", [*PROGRAM, "uninstall.exe"])
def test_file_held_open_on_windows_bars_neither_removal_nor_installation(
    name: str, computer: WindowsComputer
) -> None:
    held = computer.program / name.replace("_internal", "_internal.old")
    computer.held.add(held)  # from when its folder has its other name
    if name == "uninstall.exe":
        computer.remove()
    else:
        with pytest.raises(GaveUpError, match=r"some are left.*Remove it again"):
            computer.remove()
        assert "DeleteRegKey" not in computer.calls
        assert (computer.program / "uninstall.exe").exists()
    assert held.exists()
    assert is_known(computer)
    computer.held.clear()
    computer.install()
    require_installed(computer)
    computer.remove()
    assert list(computer.program.parent.iterdir()) == []


def test_removal_in_use_on_windows_changes_nothing(computer: WindowsComputer) -> None:
    computer.held.add(computer.program / "_internal/part.dll")
    with pytest.raises(GaveUpError, match="Nothing was removed"):
        computer.remove()
    require_installed(computer)


def test_removal_on_windows_that_was_cut_off_bars_no_installation(
    computer: WindowsComputer,
) -> None:
    computer.remove()
    for done in range(len(computer.calls)):
        computer.install()
        with pytest.raises(CutOffError):
            computer.remove(commands=done)
        assert is_known(computer), computer.calls
        computer.install()
        require_installed(computer)


def test_what_a_person_keeps_in_the_folder_on_windows_stays(computer: WindowsComputer) -> None:
    (computer.program / "letter.txt").write_text("dear", encoding="utf-8")
    computer.remove()
    assert files(computer) == {"Burnish/letter.txt"}
    assert not is_known(computer)  # so it is refused, and nothing of it goes
