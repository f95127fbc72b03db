# SPDX-License-Identifier: Apache-2.0
"""What each check of a bundle needs beside the bundle, so that none begins, or passes, without."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import bundle_contents as contents
from bundle_under_test import Bundle

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "A3": ("xvfb-run",),
    "A9+10+16": ("dpkg-deb", "chroot", "mount", "su", "Xvfb"),
    "A11": ("xmllint", "appstreamcli", "desktop-file-validate", "lintian"),
    "A15": ("makensis", "wine64", "wineserver"),
    "A17": ("tar", "zstd", "sha256sum"),
    "A19": ("tar", "zstd", "dpkg-deb"),
}
MODULES: Mapping[str, tuple[str, ...]] = {
    "A1": ("PyInstaller",),
    "A9+10+16": ("Xlib",),
    "A18": ("PyInstaller",),
}
_APP, _RUNTIME = f"{contents.NAME}_*.deb", f"{contents.NAME}-runtime-cpu_*.deb"
FILES: Mapping[str, tuple[str, ...]] = {
    "A9+10+16": (_APP, _RUNTIME),
    "A11": (_APP,),
    "A13": ("wheels-cpu/*.whl",),
    "A17": (f"{contents.NAME}-{contents.version()}-*.run", f"{contents.NAME}-*.tar.zst"),
}
_DEBIAN = {
    "xvfb-run": "xvfb", "Xvfb": "xvfb", "xmllint": "libxml2-utils", "appstreamcli": "appstream",
    "desktop-file-validate": "desktop-file-utils", "makensis": "nsis", "wineserver": "wine",
    "dpkg-deb": "dpkg", "chroot": "coreutils", "su": "util-linux", "sha256sum": "coreutils",
}  # fmt: skip
_BESIDE_THE_PATH = ("/usr/sbin", "/sbin", "/usr/lib/wine")


def missing(number: str, bundle: Bundle) -> list[str]:
    """Return what a check needs and does not find here, each with where it comes from."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *_BESIDE_THE_PATH))
    found = [
        f"{name} (Debian package {_DEBIAN.get(name, name)})"
        for name in PROGRAMS.get(number, ())
        if shutil.which(name, path=path) is None
    ]
    found += [
        f"the Python module {name} (bootstrap.py package, bootstrap.py test)"
        for name in MODULES.get(number, ())
        if find_spec(name) is None
    ]
    found += [
        f"{pattern} in {bundle.packages} (bootstrap.py package --runtime cpu)"
        for pattern in FILES.get(number, ())
        if not any(bundle.packages.glob(pattern))
    ]
    return found + (_of_a_bare_root() if number == "A9+10+16" else [])


def _of_a_bare_root() -> list[str]:
    given = os.environ.get("BURNISH_ROOT", "")
    lacks = [] if hasattr(os, "geteuid") and os.geteuid() == 0 else ["to be started by root"]
    if given and not (Path(given) / "usr/bin/apt-get").exists():
        lacks.append(f"a bare Debian in {given}, which BURNISH_ROOT names")
    elif not given and shutil.which("debootstrap", path="/usr/sbin:/usr/bin") is None:
        lacks.append("debootstrap (Debian package debootstrap), or BURNISH_ROOT")
    return lacks
