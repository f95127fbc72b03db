# SPDX-License-Identifier: Apache-2.0
"""The checks that take long or need more than the bundle: installing, a bare system, removing.

A9, A10 and A16 are run as root, on Debian, in a root of their own, and leave the system alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import tomllib
from pathlib import Path
from typing import cast

import bundle_builds as builds
import bundle_checks as checks
import bundle_contents as contents
import bundle_upgrade as upgrade
from bundle_root import PATH, PERSON, as_person, bare_root, in_root, require_done
from bundle_under_test import Bundle, Missed, require, run, tool

TRAINING_LIMIT_S = 1_500.0
EXPECTED_OF_LINTIAN = frozenset(
    {
        # A program with its own libraries, in /opt.
        *("dir-or-file-in-opt", "custom-library-search-path", "embedded-library"),
        "package-installs-python-bytecode",  # for its own Python, which nothing else uses
        # Libraries of wheels are shipped as they are.
        *("unstripped-binary-or-object", "shared-library-lacks-prerequisites"),
        *("library-not-linked-against-libc", "hardening-no-pie"),
        "malformed-deb-archive",  # this lintian does not know zstd, with which Ubuntu packs too
        # The authors have no address of their own.
        *("bogus-mail-host", "bogus-mail-host-in-debian-changelog"),
    }
)
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
    """A11: what a desktop and a package manager read is valid, and the package is small."""
    package = _package(bundle, contents.NAME)
    size = package.stat().st_size / 1e6
    require(size < checks.PACKAGE_LIMIT_MB, f"the package has {size:.0f} MB")
    documents = [str(path) for path in (*LINUX.glob("*.xml"), *LINUX.glob("*.svg"))]
    validators = {
        ("xmllint", "libxml2-utils"): ["--noout", "--nonet", *documents],
        ("appstreamcli", "appstream"): [
            "validate",
            "--no-net",
            str(LINUX / "burnish.metainfo.xml"),
        ],
        ("desktop-file-validate", "desktop-file-utils"): [str(LINUX / "burnish.desktop")],
    }
    for (name, debian), words in validators.items():
        answer = run([tool(name, debian), *words], {"PATH": PATH})
        require(answer.status == 0, f"{name}: {answer.output}{answer.errors}")
        require("warning" not in answer.errors, f"{name}: {answer.errors}")
    command = [tool("lintian", "lintian"), "--allow-root", "--no-tag-display-limit", str(package)]
    answer = run([*command, "--fail-on", "none"], {"PATH": PATH, "LANG": "C.UTF-8"})
    found = re.findall(r"^[EW]: \S+: (\S+)", answer.output, flags=re.MULTILINE)
    require(found, f"lintian said nothing of /opt, so it did not look: {answer.errors}")
    strange = sorted(set(found) - EXPECTED_OF_LINTIAN)
    require(not strange, f"lintian: {', '.join(strange)}")
    return f"package of {size:.0f} MB; {', '.join(name for name, _ in validators)}, lintian agree"


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
    _refuses_other_python(bundle, wheels, environment)
    _refuses_what_does_not_work(bundle, environment)
    verified = bundle.start("runtime", "verify", "--json", environment=environment)
    require(verified.status == 0, f"the old one: {verified.output[-500:]}")
    beside = sorted(one.name for one in (home / ".local/share/burnish").glob("*runtime*"))
    require(beside == ["runtime"], f"left beside it: {beside}")
    count = verified.json()["files"]
    removed = bundle.start("runtime", "remove", "--json", environment=environment)
    require(removed.status == 0, f"remove: {removed.output[-500:]}")
    return (
        f"{count} files installed from wheels; refused: a flipped byte, cp312, what fails; removed"
    )


def _refuses_other_python(bundle: Bundle, wheels: Path, environment: dict[str, str]) -> None:
    other = bundle.scratch / "cp312"
    other.mkdir()
    for wheel in wheels.glob("*.whl"):
        os.link(wheel, other / re.sub("-cp311-cp311-", "-cp312-cp312-", wheel.name))
    refused = bundle.start("runtime", "install", other, "--json", environment=environment)
    require("runtime_unsuitable" in refused.output, f"cp312: {refused.output[-500:]}")
    require("cp312" in refused.output, f"it does not name the Python: {refused.output[-500:]}")


def _refuses_what_does_not_work(bundle: Bundle, environment: dict[str, str]) -> None:
    """Install libraries that are those of a lock and do nothing, with a program of such a lock."""
    app = bundle.scratch / "stubbed"
    run(["cp", "-al", str(bundle.app), str(app)], {"PATH": PATH})
    wheels = bundle.scratch / "stubs"
    wheels.mkdir()
    lock = app / "_internal/resources/runtime/cpu.lock"
    text = builds.stub_wheels(lock.read_text(encoding="utf-8"), wheels)
    lock.unlink()  # it is linked to the one of the program
    lock.write_text(text, encoding="utf-8")
    refused = bundle.start(
        "runtime", "install", wheels, "--json",
        environment=environment, program=app / bundle.program.name,
    )  # fmt: skip
    require("runtime_failed" in refused.output, f"stubs were installed: {refused.output[-500:]}")


def on_a_bare_system(bundle: Bundle) -> str:
    """A9, A10, A16: with no Python it installs, trains from its button, is upgraded, and goes."""
    require(os.geteuid() == 0, "only root may make a root of its own")
    with bare_root(bundle) as root:
        for absent in ("python3", "gcc", "cc"):
            found = in_root(root, ["sh", "-c", f"! command -v {absent}"])
            require(found.status == 0, f"has {absent}")
        packages = [_package(bundle, contents.NAME), _package(bundle, "burnish-runtime-cpu")]
        for package in packages:
            shutil.copy(package, root / "root")
        names = [f"/root/{package.name}" for package in packages]
        command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *names]
        require_done(in_root(root, command), "apt-get install")
        _all_libraries_found(root)
        trained = _train_from_the_button(root)
        upgraded = upgrade.upgrades_packages(root, *packages, scratch=bundle.scratch)
        before = _named_burnish(root, f"/home/{PERSON}")
        command = ["apt-get", "remove", "-q", "-y", "--purge", contents.NAME, "burnish-runtime-cpu"]
        require_done(in_root(root, command), "apt-get remove")
        for name in names:
            (root / name[1:]).unlink()
        left = _named_burnish(root, "/opt", "/usr", "/etc", "/var/lib")
        left += _named_burnish(root, f"/{Path(tempfile.gettempdir()).name}")
        left = [one for one in left if not one.startswith("/var/lib/apt")]
        require(not left, f"stayed after the removal: {left}")
        require(_named_burnish(root, f"/home/{PERSON}") == before, "data of the person went")
    return f"{trained}; {upgraded}; removed without a trace but the person's data"


def _all_libraries_found(root: Path) -> None:
    find = "find /opt/burnish -type f -name '*.so*' -exec ldd {} + 2>/dev/null"
    line = f"LD_LIBRARY_PATH=/opt/burnish/_internal {find} | grep 'not found' | sort -u"
    missing = in_root(root, ["sh", "-c", line]).output
    require(not missing.strip(), f"libraries that are not there: {missing}")


def _train_from_the_button(root: Path) -> str:
    """Open the window on a screen, press its button, wait for the run, and export it."""
    import screen_hand

    started = time.monotonic()
    log = Path(tempfile.mkstemp(prefix="burnish-window-")[1])
    with screen_hand.screen() as shown, log.open("wb") as sink:
        line = f"cd && exec env -i HOME=/home/{PERSON} PATH={PATH} LANG=C.UTF-8 DISPLAY={shown}"
        command = ["chroot", str(root), "su", PERSON, "-s", "/bin/sh", "-c", f"{line} burnish"]
        window = subprocess.Popen(command, stdout=sink, stderr=sink)
        try:
            screen_hand.press_button(shown, _accent(), limit_s=120)
            run_id = _finished_run(root)
        finally:
            window.terminate()
            window.wait()
    exported = as_person(root, f"burnish export {run_id} --target adapter --json")
    require_done(exported, "export")
    return f"trained from its button and exported in {time.monotonic() - started:.0f} s"


def _finished_run(root: Path) -> str:
    until = time.monotonic() + TRAINING_LIMIT_S
    seen = ""
    while time.monotonic() < until:
        time.sleep(5)
        answer = as_person(root, "burnish runs --json")
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
