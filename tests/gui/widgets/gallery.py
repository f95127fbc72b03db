# SPDX-License-Identifier: Apache-2.0
"""Render every scene to PNG, to be looked at: `gallery.py OUT [SCENE...]`.

Options through the environment: QT_QPA_PLATFORM (offscreen by default), GALLERY_FAMILY (font),
GALLERY_SCHEMES (light,dark,high_contrast), GALLERY_SCALES (1,2).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication


def main() -> int:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    root = Path(__file__).resolve().parents[3]
    sys.path[:0] = [str(root), str(Path(__file__).parent)]
    from gallery_scenes import PAGES
    from PySide6.QtCore import QLocale
    from PySide6.QtWidgets import QApplication

    from gui.widgets.theme import install_theme

    app = QApplication(sys.argv[:1])
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    install_theme(app, font_px=13, family=os.environ.get("GALLERY_FAMILY"))
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    schemes = os.environ.get("GALLERY_SCHEMES", "light,dark,high_contrast").split(",")
    scales = [float(one) for one in os.environ.get("GALLERY_SCALES", "1,2").split(",")]
    for scene in sys.argv[2:] or [*PAGES, "palette"]:
        for scheme in schemes:
            for scale in scales:
                render(app, scene, scheme, scale, out)
    return 0


def render(app: QApplication, scene: str, scheme: str, scale: float, out: Path) -> None:
    """Write one picture and say what is cut in it."""
    from gallery_scenes import shell

    from gui.widgets.theme import Scheme, theme
    from tests.gui.geometry import clipped_texts

    theme().preset(scheme=Scheme(scheme), text_scale=scale)
    window = shell("runs" if scene == "palette" else scene)
    window.resize(1280, 800)
    window.show()
    for _turn in range(4):
        app.processEvents()
    if scene == "palette":
        window.open_palette()
        app.processEvents()
    name = f"{scene}-{scheme}-{round(scale * 100)}"
    window.grab().save(str(out / f"{name}.png"))
    sys.stdout.write(f"{name} {window.width()}x{window.height()}\n")
    sys.stdout.writelines(f"  {fault}\n" for fault in clipped_texts(window))
    window.close()
    window.deleteLater()
    app.processEvents()


if __name__ == "__main__":
    sys.exit(main())
