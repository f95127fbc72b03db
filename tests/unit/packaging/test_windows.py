# SPDX-License-Identifier: Apache-2.0
"""What is made for Windows, as far as another system can look at it."""

from __future__ import annotations

import ast
import re
import struct
from pathlib import Path
from typing import TypeGuard

import bundle_contents as contents
import windows_resources
from PySide6.QtGui import QGuiApplication, QImage

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
    removed = re.findall(r'RMDir /r "([^"]+)"', text.partition("Section Uninstall")[2])
    assert removed == ["$INSTDIR\\_internal.old", "$INSTDIR\\licences"]
    licence = re.search(r'MUI_PAGE_LICENSE "\$\{__FILEDIR__\}/(.+)"$', text, flags=re.MULTILINE)
    assert licence is not None
    assert (SCRIPT.parent / licence[1]).is_file()
