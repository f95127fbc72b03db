# SPDX-License-Identifier: Apache-2.0
"""What Windows shows of the starters: their version and their icon."""

from __future__ import annotations

import struct
from pathlib import Path

import bundle_contents as contents

ICON_SIDES = (16, 32, 48, 256)
_VERSION = """VSVersionInfo(
  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3f, flags=0x0, OS=0x40004,
                    fileType=0x1, subtype=0x0, date=(0, 0)),
  kids=[
    StringFileInfo([StringTable('040904B0', [
      StringStruct('CompanyName', 'The authors of Burnish'),
      StringStruct('FileDescription', 'Burnish'),
      StringStruct('FileVersion', '{version}'),
      StringStruct('InternalName', 'burnish'),
      StringStruct('LegalCopyright', 'Apache License 2.0'),
      StringStruct('OriginalFilename', 'burnish.exe'),
      StringStruct('ProductName', 'Burnish'),
      StringStruct('ProductVersion', '{version}')])]),
    VarFileInfo([VarStruct('Translation', [1033, 1200])])
  ]
)
"""


def write_resources(folder: Path) -> None:
    """Write ``version.txt`` and ``burnish.ico``, which the spec reads on Windows."""
    text = version_text(contents.version())
    (folder / "version.txt").write_text(text, encoding="utf-8", newline="\n")
    (folder / "burnish.ico").write_bytes(icon([_picture(side, folder) for side in ICON_SIDES]))


def version_text(version: str) -> str:
    """Return a version resource in the form that PyInstaller reads."""
    numbers = (*(int(one) for one in version.split(".")[:3]), 0)
    return _VERSION.format(numbers=numbers, version=version)


def icon(pictures: list[tuple[int, bytes]]) -> bytes:
    """Return an icon file of PNG pictures, each with its side in pixels (256 is written as 0)."""
    head = struct.pack("<3H", 0, 1, len(pictures))
    at = len(head) + 16 * len(pictures)
    entries = b""
    for side, content in pictures:
        edge = side % 256
        entries += struct.pack("<4B2H2I", edge, edge, 0, 0, 1, 32, len(content), at)
        at += len(content)
    return head + entries + b"".join(content for _side, content in pictures)


def _picture(side: int, folder: Path) -> tuple[int, bytes]:
    """Draw the icon of the program as a PNG."""
    from PySide6.QtCore import QRectF
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    drawing = QSvgRenderer(str(contents.REPOSITORY / "packaging" / "linux" / "burnish.svg"))
    image = QImage(side, side, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    drawing.render(painter, QRectF(0, 0, side, side))
    painter.end()
    path = folder / f"burnish-{side}.png"
    image.save(str(path))
    return side, path.read_bytes()
