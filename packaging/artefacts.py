# SPDX-License-Identifier: Apache-2.0
"""What carries a built program or runtime to a computer: Debian package, archive, ``.run`` file."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import bundle_contents as contents
import notices

LINUX = contents.REPOSITORY / "packaging" / "linux"
DEBIAN = contents.REPOSITORY / "packaging" / "debian"
WINDOWS = contents.REPOSITORY / "packaging" / "windows"
MAINTAINER = "The authors of Burnish <burnish@localhost>"
ARCHITECTURE = "amd64"

# Found by running in a root that holds nothing else (check_bundle.py --full, A9): what a bundle
# needs of the system and does not carry: C and C++ runtimes, the drivers' side of Qt, a font.
DEPENDS = (
    "libc6 (>= 2.36)", "libgcc-s1", "libstdc++6", "libgl1", "libegl1", "libxcb1",
    "libwayland-client0", "libwayland-cursor0", "libwayland-egl1", "fontconfig",
    "fonts-dejavu-core | fonts-liberation | fonts-noto-core",
)  # fmt: skip
# Compiled kernels on a card; without them training goes on with plain ones, and says so.
RECOMMENDS = ("gcc | clang | tcc", "libc6-dev")

RUN_HEAD = """#!/bin/sh
# Burnish {version}: unpacks itself and installs for the person who runs it, without root.
# Arguments are those of install.sh: --target FOLDER, --uninstall.
set -eu
found=$(tail -c +{start} -- "$0" | sha256sum | cut -d ' ' -f 1)
if [ "$found" != {sha256} ]; then
    echo "This file is damaged. Nothing was changed." >&2
    exit 1
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tail -c +{start} -- "$0" | tar -xz -C "$folder"
"$folder/burnish-{version}/install.sh" "$@"
exit 0
"""


class ArtefactError(Exception):
    """An artefact cannot be made; the text says why and what to do."""


def size_bytes(place: Path) -> int:
    """Return what a file, or the files of a folder, hold; links count as nothing."""
    files = place.rglob("*") if place.is_dir() else [place]
    return sum(one.stat().st_size for one in files if one.is_file() and not one.is_symlink())


def app_package(app: Path, out: Path) -> Path:
    """Make the Debian package of the program."""
    root = _fresh(out / "work" / "deb-app")
    _copy_tree(app, root / "opt" / contents.NAME)
    places = {
        "burnish.desktop": "usr/share/applications/burnish.desktop",
        "burnish.metainfo.xml": "usr/share/metainfo/burnish.metainfo.xml",
        "burnish.mime.xml": "usr/share/mime/packages/burnish.xml",
        "burnish.svg": "usr/share/icons/hicolor/scalable/apps/burnish.svg",
    }
    for name, place in places.items():
        _install(LINUX / name, root / place)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/burnish").symlink_to(f"/opt/{contents.NAME}/{contents.NAME}")
    _zipped((DEBIAN / "burnish.1").read_bytes(), root / "usr/share/man/man1/burnish.1.gz")
    fields = {
        "Package": contents.NAME,
        "Depends": ", ".join(DEPENDS),
        "Recommends": ", ".join(("burnish-runtime", *RECOMMENDS)),
        "Description": "fine-tune language models on your own data, offline\n"
        " Burnish teaches an open language model your own examples, on this computer,\n"
        " with no network. Training needs a package that provides burnish-runtime.",
    }
    documents = _documents(root, contents.NAME)
    shutil.copytree(app / notices.TEXTS.name, documents / notices.TEXTS.name)
    for name in (notices.NOTICES, notices.BILL):
        shutil.copy(app / name, documents)
    return _deb(root, fields, out, level=9)


def runtime_package(tree: Path, variant: str, out: Path) -> Path:
    """Make the Debian package of a runtime."""
    root = _fresh(out / "work" / f"deb-runtime-{variant}")
    _copy_tree(tree, root / "opt" / "burnish-runtime")
    fields = {
        "Package": f"burnish-runtime-{variant}",
        "Depends": "libc6 (>= 2.36), libstdc++6, libgcc-s1",
        "Provides": "burnish-runtime",
        "Conflicts": "burnish-runtime",
        "Replaces": "burnish-runtime",
        "Description": f"training libraries of Burnish ({variant})\n"
        " PyTorch, Transformers, PEFT, bitsandbytes and what they need, unmodified.",
    }
    (packages,) = tree.glob("lib/python*/site-packages")
    notices.write_notices(
        notices.shipped_by_runtime(packages), _documents(root, f"burnish-runtime-{variant}")
    )
    return _deb(root, fields, out, level=3)


def archive(app: Path, out: Path) -> Path:
    """Make the archive of the program, with what a desktop needs to know of it and an installer."""
    top = f"{contents.NAME}-{contents.version()}"
    root = _fresh(out / "work" / "archive")
    _copy_tree(app, root / top / contents.NAME)
    for path in LINUX.iterdir():
        folder = root / top if path.suffix == ".sh" else root / top / "integration"
        _install(path, folder / path.name)
    target = out / f"{top}-linux-x86_64.tar.zst"
    _tar(["--use-compress-program", "zstd -10 -T0"], target, root, top)
    return target


def self_extracting(out: Path) -> Path:
    """Make the file that installs itself, of what `archive` laid out; it needs sh, tar and gzip."""
    top = f"{contents.NAME}-{contents.version()}"
    payload = out / "work" / "payload.tar.gz"
    _tar(["--gzip"], payload, out / "work" / "archive", top)
    digest = hashlib.sha256(payload.read_bytes()).hexdigest()
    values = {"version": contents.version(), "sha256": digest}
    length = len(RUN_HEAD.format(start="0000", **values))
    head = RUN_HEAD.format(start=f"{length + 1:04}", **values).encode()
    target = out / f"{top}-linux-x86_64.run"
    with target.open("wb") as file:
        file.write(head)
        with payload.open("rb") as source:
            shutil.copyfileobj(source, file, 1 << 20)
    target.chmod(0o755)
    payload.unlink()
    return target


def windows_installer(app: Path, out: Path, version: str, *, target: str = "") -> Path:
    """Make the installer for Windows with NSIS, which does so on any system.

    Args:
        app: Folder of the program, as built there.
        out: Folder for the installer, and of `burnish.ico` if there is one.
        version: Of what is installed.
        target: Kind of installer program; by default the one of every NSIS, for 32 bits.

    Raises:
        ArtefactError: NSIS is not there, or refused.
    """
    out.mkdir(parents=True, exist_ok=True)
    made = out / f"{contents.NAME}-{version}-windows-x86_64-setup.exe"
    values = {"VERSION": version, "SOURCE": str(app), "OUT": str(made)}
    values |= {"TARGET": target} if target else {}
    icon = out / "burnish.ico"
    values |= {"ICON": str(icon)} if icon.is_file() else {}
    nsis = shutil.which("makensis")
    if nsis is None:
        raise ArtefactError("makensis is not installed (NSIS 3; Debian package nsis)")
    words = [f"-D{key}={value}" for key, value in values.items()]
    done = subprocess.run(
        [nsis, "-V2", "-WX", *words, str(WINDOWS / "burnish.nsi")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise ArtefactError(f"makensis: {done.stdout[-1500:]}{done.stderr}")
    return made


def runtime_archive(wheels: Sequence[Path], variant: str, out: Path) -> Path:
    """Make the archive of a runtime: its wheels, which the program checks by its lock."""
    top = f"burnish-runtime-{variant}-{contents.version()}"
    root = _fresh(out / "work" / f"archive-{variant}")
    for wheel in wheels:
        _install(wheel, root / top / wheel.name)
    target = out / f"{top}.tar.zst"
    _tar(["--use-compress-program", "zstd -3 -T0"], target, root, top)
    return target


def _tar(how: Sequence[str], target: Path, root: Path, top: str) -> None:
    """Pack a folder; the same content gives the same bytes."""
    same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"]
    command = ["tar", *how, *same, "-cf", str(target), "-C", str(root), top]
    subprocess.run(command, check=True)


def _deb(root: Path, fields: dict[str, str], out: Path, *, level: int) -> Path:
    name = fields["Package"]
    (folder,) = (f"/opt/{one.name}" for one in (root / "opt").iterdir())
    control = {
        "Package": name,
        "Version": contents.version(),
        "Architecture": ARCHITECTURE,
        "Maintainer": MAINTAINER,
        "Section": "science",
        "Priority": "optional",
        "Installed-Size": str(size_bytes(root) // 1024),
        **fields,
    }
    text = "".join(f"{key}: {value}\n" for key, value in control.items())
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN/control").write_text(text, encoding="utf-8")
    (root / "DEBIAN/prerm").write_text(before_removal(folder), encoding="utf-8", newline="\n")
    _open_to_all(root)
    (root / "DEBIAN/prerm").chmod(0o755)
    target = out / f"{name}_{contents.version()}_{ARCHITECTURE}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Zzstd", f"-z{level}"]
    done = subprocess.run(
        [*command, "--build", str(root), str(target)],
        env=contents.build_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise ArtefactError(f"dpkg-deb: {done.stderr}")
    return target


def before_removal(folder: str) -> str:
    """Return what the package in a folder runs before it is replaced or removed."""
    script = (DEBIAN / "prerm.sh").read_text(encoding="utf-8").replace("@FOLDER@", folder)
    return script.replace("@IN_USE@\n", (LINUX / "in_use.sh").read_text(encoding="utf-8"))


def _documents(root: Path, name: str) -> Path:
    """Return the folder for the documents of a package, with what Debian wants to find there."""
    folder = root / "usr/share/doc" / name
    folder.mkdir(parents=True)
    shutil.copy(DEBIAN / "copyright", folder / "copyright")
    when = format_datetime(datetime.fromtimestamp(contents.source_date(), UTC))
    entry = f"{name} ({contents.version()}) stable; urgency=medium\n\n"
    entry += f"  * Burnish {contents.version()}.\n\n -- {MAINTAINER}  {when}\n"
    _zipped(entry.encode(), folder / "changelog.gz")
    return folder


def _zipped(content: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(content, 9, mtime=0))


def _open_to_all(root: Path) -> None:
    """Let everybody read what the system's installer lays down; links are left alone."""
    for folder, _folders, files in os.walk(root):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder) / name
            if not path.is_symlink():
                is_program = path.stat().st_mode & 0o100 and ".so" not in name
                path.chmod(0o755 if is_program else 0o644)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _copy_tree(source: Path, target: Path) -> None:
    """Copy a folder, its links as links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target, symlinks=True)


def _install(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
