# SPDX-License-Identifier: Apache-2.0
"""The checks of upgrades: the workspace stays, and what fails leaves the old version working.

A newer version is the same program under a higher number: what is tried is how it gets there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path

import bundle_checks as checks
import bundle_contents as contents
from bundle_root import PATH, PERSON, as_person, in_root, require_done
from bundle_under_test import Answer, Bundle, require, run, tool

NEWER = "99.0.0"
_OPENS_WITHIN_S = 60.0
_PROGRAM, _LINK = Path(".local/opt/burnish"), Path(".local/bin/burnish")


def upgrades_packages(root: Path, program: Path, runtime: Path, *, scratch: Path) -> str:
    """A16: in use it refuses; a package that breaks off changes nothing; a whole one upgrades.

    Args:
        root: A Debian where both packages are installed, and a person has a run.
        program: The package of the program.
        runtime: That of the training runtime.
        scratch: A folder for newer packages.
    """
    before = _seen(root)
    newer = _newer_package(program, scratch / "newer")
    place = Path(shutil.copy(newer, root / "root"))
    line = f"cd && exec env -i HOME=/home/{PERSON} PATH={PATH} QT_QPA_PLATFORM=offscreen burnish"
    window = ["chroot", str(root), "su", PERSON, "-s", "/bin/sh", "-c", f"{line} --window"]
    look = partial(in_root, root, _look_for("/opt/burnish"))
    with _open_window(window, None, look):
        refused = in_root(root, ["dpkg", "-i", f"/root/{place.name}"])
        require(refused.status != 0, "it was upgraded while a window was open")
        require("Burnish is in use" in refused.errors, f"said only: {refused.errors[-500:]}")
    for package in (newer, runtime):
        _install_a_part(root, package)
        require(_seen(root) == before, f"after a part of {package.name}: {_seen(root)}")
    verified = as_person(root, "burnish runtime verify --json")
    require_done(verified, "runtime verify after a part of its package")
    require_done(in_root(root, ["dpkg", "-i", f"/root/{place.name}"]), "dpkg -i of the newer one")
    place.unlink()
    version, runs, datasets = _seen(root)
    require(version == NEWER, f"after the upgrade it is {version}")
    require((runs, datasets) == before[1:], "the workspace changed with the upgrade")
    return "upgraded with its workspace, refused in use, rolled back twice"


def upgrades_for_a_person(bundle: Bundle) -> str:
    """A17: the installer without root upgrades, keeps data, and leaves the old where it fails."""
    home = bundle.home()
    environment = {"HOME": str(home), "PATH": PATH, "LANG": "C.UTF-8"}
    (carrier,) = bundle.packages.glob("*.run")
    _refuses_damage(carrier, bundle.scratch, environment)
    require_done(run(["sh", str(carrier)], environment), "the installer")
    sample = str(home / _PROGRAM / checks.SAMPLE)
    done = run([str(home / _LINK), "import", sample, "--name", "T", "--json"], environment)
    require_done(done, "import")
    data = _files(home / ".local/share/burnish/datasets")
    newer = _unpacked(bundle)
    _refuses_foreign_folder(newer, home, environment)
    _refuses_in_use(newer, home, environment)
    _takes_a_relative_place(newer, home, environment)
    require_done(run(["sh", str(newer / "install.sh")], environment), "the newer installer")
    require(_version(home / _LINK, environment) == NEWER, "it was not upgraded")
    listed = run([str(home / _LINK), "datasets", "--json"], environment)
    require('"T"' in listed.output, f"the workspace: {listed.output} {listed.errors}")
    _rolls_back(newer, home, environment)
    require_done(run(["sh", str(newer / "install.sh"), "--uninstall"], environment), "--uninstall")
    left = [one for one in _files(home) if "burnish" in one and "/share/burnish/" not in one]
    left = [one for one in left if not one.startswith(".config/burnish/")]
    require(not left, f"stayed after the removal: {left}")
    require(_files(home / ".local/share/burnish/datasets") == data, "data of the person went")
    return "upgraded with its workspace; refuses damage, foreign folders, use; rolls back; goes"


def _rolls_back(newer: Path, home: Path, environment: dict[str, str]) -> None:
    """Install one that does not start over one that does."""
    program = home / _PROGRAM
    before = _files(program)
    starter = newer / "burnish/burnish"
    starter.unlink()
    starter.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    starter.chmod(0o755)
    broken = run(["sh", str(newer / "install.sh")], environment)
    require(broken.status == 1, "one that does not start was installed")
    require("does not start" in broken.errors, f"said only: {broken.errors}")
    require(_files(program) == before, "the old one changed when the new one did not start")
    require(_version(home / _LINK, environment) == NEWER, "the old one does not work any more")
    beside = sorted(one.name for one in program.parent.iterdir())
    require(beside == ["burnish"], f"left beside it: {beside}")


def _seen(root: Path) -> tuple[str, str, str]:
    """Return the version, the runs and the datasets, as the person sees them."""
    answers = [
        as_person(root, f"burnish {words}")
        for words in ("--version", "runs --json", "datasets --json")
    ]
    for answer in answers:
        require_done(answer, "what a person sees")
    version, runs, datasets = (one.output.strip() for one in answers)
    return version.removeprefix("Burnish "), runs, datasets


@contextmanager
def _open_window(
    command: list[str], environment: dict[str, str] | None, look: Callable[[], Answer]
) -> Generator[None, None, None]:
    """Have a window of the person open, without a screen, and seen by what looks for it."""
    window = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_in_use(look, is_wanted=True)
        yield
    finally:
        window.terminate()
        window.wait()
    _wait_until_in_use(look, is_wanted=False)


def _look_for(folder: str) -> list[str]:
    """Return the command that ends well where a process has loaded something of a folder."""
    return ["sh", "-c", 'grep -qsF -- " $1/" /proc/[0-9]*/maps', "sh", folder]


def _wait_until_in_use(look: Callable[[], Answer], *, is_wanted: bool) -> None:
    until = time.monotonic() + _OPENS_WITHIN_S
    while (look().status == 0) != is_wanted:
        require(time.monotonic() < until, f"a program of the package in use: {not is_wanted}")
        time.sleep(0.5)


def _install_a_part(root: Path, package: Path) -> None:
    """Install the first half of a package, as after a copy that broke off."""
    part = root / "root" / f"part-{package.name}"
    shutil.copy(package, part)
    os.truncate(part, package.stat().st_size // 2)
    answer = in_root(root, ["dpkg", "-i", f"/root/{part.name}"])
    part.unlink()
    require(answer.status != 0, f"half of {package.name} was installed")


def _newer_package(package: Path, work: Path) -> Path:
    """Return the package under a higher version."""
    environment = {"PATH": PATH}
    require_done(run(["dpkg-deb", "-R", str(package), str(work)], environment), "dpkg-deb -R")
    control = work / "DEBIAN/control"
    text = control.read_text(encoding="utf-8")
    text = text.replace(f"\nVersion: {contents.version()}\n", f"\nVersion: {NEWER}\n")
    control.write_text(text, encoding="utf-8")
    _raise_version(work / "opt" / contents.NAME)
    made = work.with_name(f"{contents.NAME}_{NEWER}_amd64.deb")
    command = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "--build", str(work), str(made)]
    require_done(run(command, environment), "dpkg-deb --build")
    return made


def _raise_version(app: Path) -> None:
    """Give a built program a higher version."""
    (old,) = (app / "_internal").glob(f"{contents.NAME}-*.dist-info")
    metadata = old / "METADATA"
    text = metadata.read_text(encoding="utf-8")
    metadata.unlink()  # it may be linked to the one of the build
    metadata.write_text(text.replace(contents.version(), NEWER), encoding="utf-8")
    old.rename(old.with_name(f"{contents.NAME}-{NEWER}.dist-info"))


def _unpacked(bundle: Bundle) -> Path:
    """Unpack the archive of the program, and raise its version."""
    (archive,) = bundle.packages.glob(f"{contents.NAME}-{contents.version()}-linux-*.tar.zst")
    folder = bundle.scratch / "unpacked"
    folder.mkdir()
    command = [tool("tar", "tar"), "--zstd", "-xf", str(archive), "-C", str(folder)]
    require_done(run(command, {"PATH": PATH}), "tar")
    (top,) = folder.iterdir()
    _raise_version(top / contents.NAME)
    return top


def _refuses_damage(carrier: Path, scratch: Path, environment: dict[str, str]) -> None:
    damaged = scratch / "damaged.run"
    shutil.copy(carrier, damaged)
    with damaged.open("r+b") as file:
        file.seek(-1_000, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-1_000, os.SEEK_END)
        file.write(bytes([byte ^ 1]))
    refused = run(["sh", str(damaged)], environment)
    damaged.unlink()
    require(refused.status == 1 and "damaged" in refused.errors, "took a damaged file")
    require(
        not (Path(environment["HOME"]) / ".local/opt").exists(), "a damaged file left something"
    )


def _refuses_foreign_folder(newer: Path, home: Path, environment: dict[str, str]) -> None:
    """Have a folder of somebody else where the program, its old or its new form would be."""
    for ending in ("", ".old", ".new"):
        foreign = home / f"other{ending}"
        foreign.mkdir()
        (foreign / "theirs.txt").write_text("theirs", encoding="utf-8")
        before = _files(home)
        for target, words in product((str(home / "other"), "other"), ([], ["--uninstall"])):
            refused = _install_from(home, newer, ["--target", target, *words], environment)
            tried = f"{foreign.name} of somebody else, --target {target} {words}"
            require(refused.status == 1, f"took {tried}")
            require("Nothing was changed" in refused.errors, f"{tried}: said {refused.errors}")
            require(_files(home) == before, f"changed something: {tried}")
        shutil.rmtree(foreign)


def _refuses_in_use(newer: Path, home: Path, environment: dict[str, str]) -> None:
    """Upgrade and remove it while its window is open."""
    program = home / _PROGRAM
    window = [str(home / _LINK), "--window"]
    look = partial(run, _look_for(str(program.resolve())), environment)
    before = _files(program.parent)
    with _open_window(window, environment | {"QT_QPA_PLATFORM": "offscreen"}, look):
        for words in ([], ["--uninstall"]):
            refused = _install_from(home, newer, words, environment)
            require(refused.status == 1, f"with its window open it went on: {words}")
            require("Burnish is in use: its window" in refused.errors, f"said {refused.errors}")
            require(_files(program.parent) == before, f"changed something in use: {words}")
            require((home / _LINK).is_symlink(), f"took the link away in use: {words}")


def _takes_a_relative_place(newer: Path, home: Path, environment: dict[str, str]) -> None:
    """Install into a folder that is named from where the person is, and remove that again."""
    place = ["--target", "apps/burnish"]
    require_done(_install_from(home, newer, place, environment), "--target apps/burnish")
    led = (home / _LINK).readlink()
    require(led == home / "apps/burnish/burnish", f"the program's link leads to {led}")
    require(_version(home / _LINK, environment) == NEWER, "it does not start from there")
    gone = _install_from(home, newer, [*place, "--uninstall"], environment)
    require_done(gone, "--target apps/burnish --uninstall")
    require(not list((home / "apps").iterdir()), "something stayed in apps")
    (home / "apps").rmdir()


def _install_from(
    folder: Path, newer: Path, words: list[str], environment: dict[str, str]
) -> Answer:
    """Run the installer from a folder."""
    line = 'cd "$1" && shift && exec sh "$@"'
    command = ["sh", "-c", line, "sh", str(folder), str(newer / "install.sh"), *words]
    return run(command, environment)


def _version(program: Path, environment: dict[str, str]) -> str:
    answer: Answer = run([str(program), "--version"], environment)
    return answer.output.strip().removeprefix("Burnish ")


def _files(folder: Path) -> list[str]:
    found = (one for one in folder.rglob("*") if not one.is_dir() or one.is_symlink())
    return sorted(one.relative_to(folder).as_posix() for one in found)
