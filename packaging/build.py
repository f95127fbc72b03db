# SPDX-License-Identifier: Apache-2.0
"""Build what people install: ``build.py [--runtime cpu|cu130] [--wheels FOLDER] [--out FOLDER]``.

Makes the packaged program (a folder), and of it a Debian package, an archive and a file that
installs itself. With ``--runtime`` also the training runtime of that variant, as a folder, a Debian
package and an archive of its wheels, which are downloaded unless a folder has them. ``--only app``
stops at the folder of the program. Run it with the Python of an environment that has PyInstaller:
``python packaging/bootstrap.py package`` sets one up and does.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import artefacts
import builder_paths
import bundle_contents as contents
import notices
import origins
import qt_support
import runtime_lock
import windows_resources

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
    environment = contents.build_environment() | {"BURNISH_BUILD": str(work)}
    with log.open("w", encoding="utf-8") as sink:
        done = subprocess.run(
            [*command, str(REPOSITORY / "packaging" / "app.spec")],
            env=environment, stdout=sink, stderr=sink, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
        raise BuildError("PyInstaller failed. The end of its log:\n" + "\n".join(tail))
    folder = out / contents.NAME
    _clean_libraries(folder)
    _name_everything(work, folder)
    return folder


def _name_everything(work: Path, folder: Path) -> None:
    """Write down where each file comes from, with its hash, and the licences of all of it.

    Raises:
        BuildError: Nothing explains a file.
    """
    works = [*notices.shipped_by_program(), notices.starter()]
    known = {origins.PROGRAM, origins.PYTHON, *(one.name for one in works)}
    try:
        found = origins.origins(origins.sources_of(work, works))
        hosts = [origins.host_work(one) for one in sorted(set(found.values()) - known)]
        files = origins.file_hashes(folder, found)
    except origins.OriginUnknown as problem:
        raise BuildError(str(problem)) from problem
    notices.write_notices(works, folder, others=hosts, files=files)


def _prepare(work: Path) -> None:
    """Write what the spec reads: who the program is, settings, modules of PySide, icon, version."""
    shutil.rmtree(work / "metadata", ignore_errors=True)
    folder = work / "metadata" / f"{contents.NAME}-{contents.version()}.dist-info"
    folder.mkdir(parents=True)
    text = f"Metadata-Version: 2.1\nName: {contents.NAME}\nVersion: {contents.version()}\n"
    (folder / "METADATA").write_text(text, encoding="utf-8")
    shutil.rmtree(work / "settings", ignore_errors=True)
    builder_paths.write_settings(work / "settings")
    qt_support.write_support(work / qt_support.FOLDER, contents.build_environment())
    if sys.platform == "win32":
        windows_resources.write_resources(work)


def _clean_libraries(folder: Path) -> None:
    """Strip Python's own libraries of symbols and paths; those of wheels are left as they are."""
    tool = shutil.which("strip")
    inside = folder / "_internal"
    own = (*inside.glob("libpython*.so*"), *inside.glob("python3.*/lib-dynload/*.so"))
    if tool is not None and own:
        subprocess.run([tool, "--strip-unneeded", *map(str, own)], check=True)
    for library in own:
        builder_paths.clean_library(library, inside)


def timed(title: str, build: Callable[[], Path]) -> Path:
    """Run one step, and say what it made, how large that is and how long it took."""
    started = time.monotonic()
    made = build()
    size = artefacts.size_bytes(made) / 1e6
    say(f"  {title:<24} {time.monotonic() - started:6.1f} s  {size:8.1f} MB  {made}")
    return made


def build_program(out: Path, *, only_app: bool) -> None:
    """Build the program, and what carries it on this system."""
    app = timed("program", lambda: build_app(out))
    if not only_app and sys.platform == "linux":
        timed("Debian package", lambda: artefacts.app_package(app, out))
        timed("archive", lambda: artefacts.archive(app, out))
        timed("file that installs", lambda: artefacts.self_extracting(out))
    if not only_app and sys.platform == "win32":
        shutil.copy(out / "work" / "burnish.ico", out)
        timed("installer", lambda: artefacts.windows_installer(app, out, contents.version()))


def build_runtime(variant: str, wheels: Path | None, out: Path) -> None:
    """Build one variant of the training runtime, and what carries it."""
    lock = runtime_lock.LOCKS / f"{variant}.lock"
    source = wheels or timed("wheels", lambda: download(variant, out / f"wheels-{variant}"))
    tree = timed(f"runtime {variant}", lambda: runtime_tree(lock, source, out))
    timed("its archive", lambda: runtime_archive(lock, source, out))
    if sys.platform == "linux":
        timed("its Debian package", lambda: artefacts.runtime_package(tree, variant, out))


def download(variant: str, folder: Path) -> Path:
    """Get the wheels of a lock from where pip is set up to get them; each is checked by its hash.

    Raises:
        BuildError: pip could not.
    """
    lock = runtime_lock.LOCKS / f"{variant}.lock"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--dest", str(folder), "--requirement", str(lock)]
    if subprocess.run(command, check=False).returncode != 0:
        raise BuildError(f"pip could not download the wheels of {lock}.")
    return folder


def runtime_tree(lock: Path, wheels: Path, out: Path) -> Path:
    """Make a runtime as the program itself does where a person installs one.

    Args:
        lock: What it is made of; its name is that of the variant.
        wheels: Folder that has the wheels.
        out: Folder for what is made.

    Raises:
        BuildError: The wheels are not those of the lock.
    """
    from engine.errors import EngineError
    from engine.launcher.wheelhouse import install_runtime, read_lock

    target = out / f"burnish-runtime-{lock.stem}"
    try:
        # Whether it works is for check_bundle.py to say: a card need not be in this computer.
        install_runtime(
            wheels, target, [read_lock(lock)], try_it=lambda _folder: None, app=contents.version()
        )
    except EngineError as error:
        raise BuildError(f"{error.message} {error.remedy} {error.detail}") from error
    return target


def runtime_archive(lock: Path, wheels: Path, out: Path) -> Path:
    """Make the archive of the wheels of a lock."""
    from engine.launcher.wheelhouse import read_lock

    found = [wheels / one.file_name for one in read_lock(lock).wheels]
    return artefacts.runtime_archive(found, lock.stem, out)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="build.py", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder for what is made")
    parser.add_argument("--only", choices=("app", "runtime"), default="", help="make only this")
    parser.add_argument("--runtime", choices=tuple(runtime_lock.VARIANTS), default="")
    parser.add_argument("--wheels", type=Path, default=None, help="folder that has the wheels")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Build, and return the exit status."""
    options = parse(arguments)
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(REPOSITORY))  # the runtime is made by the program's own code
    try:
        if options.only != "runtime":
            build_program(out, only_app=options.only == "app")
        if options.runtime:
            build_runtime(options.runtime, options.wheels, out)
    except (BuildError, artefacts.ArtefactError, notices.LicenceError) as error:
        say(f"build.py: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
