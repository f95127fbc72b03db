# SPDX-License-Identifier: Apache-2.0
"""Build what people install: ``build.py [--out FOLDER]``.

Makes the packaged program, a folder. Run it with the Python of an environment that has PyInstaller:
``python packaging/bootstrap.py package`` sets one up and does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import bundle_contents as contents

REPOSITORY = contents.REPOSITORY
DEFAULT_OUT = REPOSITORY / "build" / "package"


class BuildError(Exception):
    """The build cannot go on; the text says why and what to do."""


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def build_app(out: Path) -> Path:
    """Build the folder of the program.

    Returns:
        The folder, `<out>/burnish`.

    Raises:
        BuildError: PyInstaller failed, or is not there.
    """
    work = out / "work"
    _prepare(work)
    log = work / "pyinstaller.log"
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    command += ["--distpath", str(out), "--workpath", str(work / "pyinstaller")]
    environment = os.environ | {"BURNISH_BUILD": str(work), "PYTHONHASHSEED": "0"}
    with log.open("w", encoding="utf-8") as sink:
        done = subprocess.run(
            [*command, str(REPOSITORY / "packaging" / "app.spec")],
            env=environment, stdout=sink, stderr=sink, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
        raise BuildError("PyInstaller failed. The end of its log:\n" + "\n".join(tail))
    folder = out / contents.NAME
    _make_smaller(folder)
    return folder


def _prepare(work: Path) -> None:
    """Write what the spec reads: who the program is, and on Windows its icon and version."""
    shutil.rmtree(work / "metadata", ignore_errors=True)
    folder = work / "metadata" / f"{contents.NAME}-{contents.version()}.dist-info"
    folder.mkdir(parents=True)
    text = f"Metadata-Version: 2.1\nName: {contents.NAME}\nVersion: {contents.version()}\n"
    (folder / "METADATA").write_text(text, encoding="utf-8")


def size_bytes(folder: Path) -> int:
    """Return what the files of a folder hold; links count as nothing."""
    files = (one for one in folder.rglob("*") if one.is_file() and not one.is_symlink())
    return sum(one.stat().st_size for one in files)


def _make_smaller(folder: Path) -> None:
    """Strip Python's own libraries, which carry symbols; those of wheels are left as they are."""
    tool = shutil.which("strip")
    inside = folder / "_internal"
    own = (*inside.glob("libpython*.so*"), *inside.glob("python3.*/lib-dynload/*.so"))
    if tool is not None and own:
        subprocess.run([tool, "--strip-unneeded", *map(str, own)], check=True)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="build.py", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder for what is made")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Build, and return the exit status."""
    out: Path = parse(arguments).out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    try:
        folder = build_app(out)
    except BuildError as error:
        say(f"build.py: {error}")
        return 1
    say(f"{folder}: {size_bytes(folder) / 1e6:.1f} MB in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
