# SPDX-License-Identifier: Apache-2.0
"""The checks that take long or need more than the bundle: installing, a bare system, removing.

A9 and A10 are run as root, on Debian, with a network for the system's own packages. They work in a
root of their own (`BURNISH_ROOT` names one that is there already) and leave the system alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import cast
from xml.etree import ElementTree as Xml

import bundle_checks as checks
import bundle_contents as contents
from bundle_under_test import Answer, Bundle, Missed, require, run, tool

PERSON = "ann"
TRAINING_LIMIT_S = 1_500.0
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
LINUX = contents.REPOSITORY / "packaging" / "linux"


def tries_libraries(bundle: Bundle) -> str:
    """A6: every training library works in the packaged program, also what is fragile there."""
    runtime = bundle.runtime
    require(runtime, "there is no runtime to try")
    environment = bundle.environment(bundle.home(), runtime=runtime)
    answer = bundle.start("--selfcheck", environment=environment)
    report = answer.json()
    require(answer.status == 0, f"failed: {report['failed']} of {report['outcomes']}")
    require(str(report["executable"]) == str(bundle.program), f"ran {report['executable']}")
    without = bundle.start("--selfcheck", environment=bundle.environment(bundle.home()))
    require(without.status == 3, f"without a runtime it ended with {without.status}, not 3")
    outcomes = cast("dict[str, str]", report["outcomes"])
    return ", ".join(f"{key}: {text}" for key, text in outcomes.items())


def documents_of_the_desktop(bundle: Bundle) -> str:
    """A11: what a desktop reads of the program is well formed, and the packages are small."""
    for path in LINUX.glob("*.xml"):
        Xml.parse(path)  # noqa: S314 - our own files
    said: list[str] = []
    validators = {
        "appstreamcli": ["validate", "--no-net", str(LINUX / "burnish.metainfo.xml")],
        "desktop-file-validate": [str(LINUX / "burnish.desktop")],
    }
    for name, words in validators.items():
        if shutil.which(name) is None:
            said.append(f"{name} is not installed")
            continue
        answer = run([str(shutil.which(name)), *words], {"PATH": _PATH})
        require(answer.status == 0, f"{name}: {answer.output}{answer.errors}")
        said.append(f"{name} agrees")
    package = _package(bundle, contents.NAME)
    size = package.stat().st_size / 1e6
    require(size < checks.PACKAGE_LIMIT_MB, f"the package has {size:.0f} MB")
    return "; ".join([f"package of {size:.0f} MB", *said])


def installs_a_runtime(bundle: Bundle) -> str:
    """A13: the program installs a runtime from wheels; a changed byte leaves the old one."""
    wheels = next(iter(sorted(bundle.packages.glob("wheels-*"))), None)
    if wheels is None:
        raise Missed(f"there are no wheels in {bundle.packages}/wheels-cpu")
    home = bundle.home()
    environment = bundle.environment(home)
    del environment["BURNISH_RUNTIME"]
    installed = bundle.start("runtime", "install", wheels, "--json", environment=environment)
    require(installed.status == 0, f"install: {installed.output[-900:]} {installed.errors[-900:]}")
    changed = bundle.scratch / "changed"
    shutil.copytree(wheels, changed, copy_function=os.link)
    victim = max(changed.glob("numpy-*.whl"), key=lambda path: path.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.unlink()
    victim.write_bytes(content)
    refused = bundle.start("runtime", "install", changed, "--json", environment=environment)
    require("wheel_changed" in refused.output, f"not refused: {refused.output[-500:]}")
    verified = bundle.start("runtime", "verify", "--json", environment=environment)
    require(verified.status == 0, f"the old one: {verified.output[-500:]}")
    count = verified.json()["files"]
    removed = bundle.start("runtime", "remove", "--json", environment=environment)
    require(removed.status == 0, f"remove: {removed.output[-500:]}")
    return f"{count} files installed from wheels, a flipped byte refused, removed"


def on_a_bare_system(bundle: Bundle) -> str:
    """A9 and A10: with no Python and no compiler it installs, trains from its button, and goes."""
    require(os.geteuid() == 0, "only root may make a root of its own")
    with _root(bundle) as root:
        for absent in ("python3", "gcc", "cc"):
            require(_in(root, ["sh", "-c", f"! command -v {absent}"]).status == 0, f"has {absent}")
        packages = [_package(bundle, contents.NAME), _package(bundle, "burnish-runtime-cpu")]
        for package in packages:
            shutil.copy(package, root / "root")
        names = [f"/root/{package.name}" for package in packages]
        command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *names]
        _require_done(_in(root, command), "apt-get install")
        _all_libraries_found(root)
        trained = _train_from_the_button(root)
        before = _named_burnish(root, f"/home/{PERSON}")
        _require_done(_in(root, ["apt-get", "remove", "-q", "-y", "--purge", contents.NAME,
                                 "burnish-runtime-cpu"]), "apt-get remove")  # fmt: skip
        left = _named_burnish(root, "/opt", "/usr", "/etc", "/var/lib")
        left += _named_burnish(root, f"/{Path(tempfile.gettempdir()).name}")
        left = [one for one in left if not one.startswith("/var/lib/apt")]
        require(not left, f"stayed after the removal: {left}")
        require(_named_burnish(root, f"/home/{PERSON}") == before, "data of the person went")
    return f"{trained}; removed without a trace but the person's data"


@contextlib.contextmanager
def _root(bundle: Bundle) -> Generator[Path, None, None]:
    """Yield the folder of a Debian with nothing on it; what is mounted in it goes again."""
    given = os.environ.get("BURNISH_ROOT")
    root = Path(given) if given else bundle.scratch / "root"
    if not (root / "usr/bin/apt-get").exists():
        command = [tool("debootstrap", "debootstrap"), "--variant=minbase", "bookworm", str(root)]
        _require_done(run(command, {"PATH": _PATH, **_network()}), "debootstrap")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    mounts: tuple[tuple[Path, str, list[str]], ...]
    mounts = ((root / "proc", "proc", []), (root / "dev/shm", "tmpfs", ["-o", "mode=1777"]))
    done: list[Path] = []
    paths = {"PATH": _PATH}
    try:
        for place, kind, options in mounts:
            _require_done(run(["mount", "-t", kind, *options, kind, str(place)], paths), "mount")
            done.append(place)
        _require_done(_in(root, ["apt-get", "update", "-q"]), "apt-get update")
        _in(root, ["useradd", "--create-home", PERSON])
        yield root
    finally:
        for place in reversed(done):
            run(["umount", "--lazy", str(place)], paths)


def _network() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key.lower().endswith("_proxy")}


def _in(root: Path, command: Sequence[str], **extra: str) -> Answer:
    """Run a command in the root, as its root."""
    environment = {"PATH": _PATH, "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    return run(["chroot", str(root), *command], environment | _network() | extra)


def _as_person(root: Path, command: str) -> Answer:
    """Run a line of shell in the root, as an ordinary person with nothing in the environment."""
    line = f"cd && env -i HOME=/home/{PERSON} PATH=/usr/bin:/bin LANG=C.UTF-8 {command}"
    return _in(root, ["su", PERSON, "-s", "/bin/sh", "-c", line])


def _require_done(answer: Answer, what: str) -> None:
    require(answer.status == 0, f"{what}: {answer.output[-900:]} {answer.errors[-900:]}")


def _all_libraries_found(root: Path) -> None:
    find = "find /opt/burnish -type f -name '*.so*' -exec ldd {} + 2>/dev/null"
    line = f"LD_LIBRARY_PATH=/opt/burnish/_internal {find} | grep 'not found' | sort -u"
    missing = _in(root, ["sh", "-c", line]).output
    require(not missing.strip(), f"libraries that are not there: {missing}")


def _train_from_the_button(root: Path) -> str:
    """Open the window on a screen, press its button, wait for the run, and export it."""
    import screen_hand

    started = time.monotonic()
    log = Path(tempfile.mkstemp(prefix="burnish-window-")[1])
    with screen_hand.screen() as shown, log.open("wb") as sink:
        line = f"cd && env -i HOME=/home/{PERSON} PATH=/usr/bin:/bin LANG=C.UTF-8 DISPLAY={shown}"
        command = ["chroot", str(root), "su", PERSON, "-s", "/bin/sh", "-c", f"{line} burnish"]
        window = subprocess.Popen(command, stdout=sink, stderr=sink)
        try:
            screen_hand.press_button(shown, _accent(), limit_s=120)
            run_id = _finished_run(root)
        finally:
            window.terminate()
            window.wait()
    exported = _as_person(root, f"burnish export {run_id} --target adapter --json")
    _require_done(exported, "export")
    return f"trained from its button and exported in {time.monotonic() - started:.0f} s"


def _finished_run(root: Path) -> str:
    until = time.monotonic() + TRAINING_LIMIT_S
    seen = ""
    while time.monotonic() < until:
        time.sleep(5)
        answer = _as_person(root, "burnish runs --json")
        seen = answer.output[-600:]
        runs = cast("list[dict[str, str]]", json.loads(answer.output or "{}").get("runs", []))
        if runs and runs[0].get("state") == "finished":
            return runs[0]["run_id"]
        if runs and runs[0].get("state") in ("failed", "interrupted"):
            break
    raise Missed(f"the run did not finish: {seen}")


def _named_burnish(root: Path, *places: str) -> list[str]:
    found = [path for place in places for path in (root / place[1:]).rglob("*burnish*")]
    return sorted(f"/{path.relative_to(root)}" for path in found)


def _accent() -> str:
    text = (contents.REPOSITORY / "resources/theme/tokens.toml").read_text(encoding="utf-8")
    tokens = cast("dict[str, dict[str, str]]", tomllib.loads(text))
    return tokens["light"]["accent"]


def _package(bundle: Bundle, name: str) -> Path:
    found = sorted(bundle.packages.glob(f"{name}_*.deb"))
    require(found, f"there is no {name}_*.deb in {bundle.packages}")
    return found[-1]
