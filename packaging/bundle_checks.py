# SPDX-License-Identifier: Apache-2.0
"""The checks of a built bundle that need nothing but the bundle and this computer.

Each takes the bundle, returns what it measured in a few words, and raises `Missed` where its bar is
missed. Their numbers stand for good, so that figures of two versions can be compared.
"""

from __future__ import annotations

import hashlib
import json
import re
import statistics
import sys
import time
from pathlib import Path
from typing import cast

import bundle_contents as contents
import bundle_traces as traces
import notices
from bundle_under_test import Bundle, Json, Missed, require, run, size_bytes, tool

APP_LIMIT_MB, PACKAGE_LIMIT_MB = 350, 120
PAINT_LIMIT_MS, PAINT_LIMIT_BUSY_MS = 600, 5_000
"""Warm, on an idle computer; and where tests of others run beside it, a bar for hangs only."""

OLDEST_GLIBC = (2, 36)
"""What the package depends on (packaging/artefacts.py)."""

SAMPLE = Path("_internal/resources/samples/support_tickets.jsonl")
STARTER = Path("_internal/resources/starter/model")
STEPS = 5
KEEPER_LIMIT_S = 300.0
_NOTHING_TALKS = ("QtNetwork", "Qt6Network", "QtDBus", "QtWebEngine", "arrow_flight", "arrow_s3")


def size_and_contents(bundle: Bundle) -> str:
    """A1: small, without the machine learning libraries, and nothing that talks or tells."""
    size = size_bytes(bundle.app) / 1e6
    require(size < APP_LIMIT_MB, f"{size:.0f} MB, not below {APP_LIMIT_MB}")
    inside = bundle.app / "_internal"
    heavy = [name for name in contents.RUNTIME_ROOTS if (inside / name).exists()]
    require(not heavy, f"belongs to the runtime: {', '.join(heavy)}")
    names = [path.relative_to(inside).as_posix() for path in inside.rglob("*")]
    talking = [name for name in names if any(one in name for one in _NOTHING_TALKS)]
    require(not talking, f"can talk: {', '.join(talking)}")
    require(not [one for one in names if one.endswith(".pth")], "a .pth file, which runs code")
    strong = [name for name in names if Path(name).name.startswith(notices.FORBIDDEN_LIBRARIES)]
    require(not strong, f"under the GPL: {', '.join(strong)}")
    for document in (notices.NOTICES, notices.BILL, "licences/LGPL-3.0.txt"):
        require((bundle.app / document).is_file(), f"{document} is not there")
    _require_listed(bundle.app)
    lost = [one for one in inside.rglob("*") if one.is_symlink() and not one.exists()]
    require(not lost, f"links that lead nowhere: {', '.join(map(str, lost))}")
    return f"{size:.0f} MB, {len(names)} files; {traces.require_none(bundle.app)}"


def _require_listed(app: Path) -> None:
    """Every file is in the bill of materials with its hash, and nothing else is."""
    listed = notices.files_of(app / notices.BILL)
    own = {notices.NOTICES, notices.BILL}
    there = {
        place: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in app.rglob("*")
        if path.is_file()
        and (place := path.relative_to(app).as_posix()) not in own
        and not place.startswith(f"{notices.TEXTS.name}/")
    }
    odd = sorted(name for name, digest in there.items() if listed.get(name) != digest)
    require(not odd, f"not in the bill of materials, or changed since: {', '.join(odd[:9])}")
    gone = sorted(listed.keys() - there.keys())
    require(not gone, f"in the bill of materials, but not there: {', '.join(gone[:9])}")


def first_paint(bundle: Bundle) -> str:
    """A2: opens without a screen, an environment and a home, quickly, and loads no torch."""
    times: list[int] = []
    for _ in range(5 if bundle.is_full else 2):
        shown = _opened(bundle, {})
        times.append(int(str(shown["first_paint_ms"])))
    limit = PAINT_LIMIT_MS if bundle.is_full else PAINT_LIMIT_BUSY_MS
    middle = statistics.median(times)
    require(middle <= limit, f"first paint after {middle} ms, not within {limit}: {times}")
    return f"first paint after {middle:.0f} ms (median of {len(times)})"


def on_a_screen(bundle: Bundle) -> str:
    """A3: opens on an X server."""
    if sys.platform != "linux":
        return "not Linux"
    environment = bundle.environment(bundle.home()) | {"QT_QPA_PLATFORM": "xcb"}
    command = [tool("xvfb-run", "xvfb"), "-a", str(bundle.program), "--window", "--exit-after-show"]
    answer = run(command, environment)
    require(answer.status == 0, f"status {answer.status}: {answer.errors[-800:]}")
    return f"first paint after {answer.json()['first_paint_ms']} ms"


def without_runtime(bundle: Bundle) -> str:
    """A4: without a runtime datasets work, and training says what is missing and how to add it."""
    home = bundle.home()
    environment = bundle.environment(home)
    done = bundle.start(
        "import", bundle.app / SAMPLE, "--name", "T", "--json", environment=environment
    )
    require(done.status == 0, f"import: {done.output[-500:]} {done.errors[-500:]}")
    checked = bundle.start("dataset", "check", "T", "--json", environment=environment)
    require(checked.status == 0, f"check: {checked.output[-500:]} {checked.errors[-500:]}")
    listed = bundle.start("datasets", "--json", environment=environment)
    require(listed.status == 0 and '"T"' in listed.output, f"datasets: {listed.output[-300:]}")
    _add_starter(bundle, environment)
    refused = bundle.start(*_training(), environment=environment)
    require(refused.status == 1, f"training without libraries ended with {refused.status}")
    require("training_libraries_missing" in refused.output, f"no code: {refused.output[-500:]}")
    require("runtime" in refused.output, f"the remedy names no way: {refused.output[-500:]}")
    return "import, check and list work; training names its remedy"


def trains(bundle: Bundle) -> str:
    """A5: with a runtime the packaged program trains 4-bit LoRA, and the adapter is a real one."""
    home = bundle.home()
    environment = bundle.environment(home, runtime=_runtime(bundle))
    told = _trained(bundle, environment, home)
    return f"{told}; {_trained_by_keeper(bundle, environment)}" if bundle.is_full else told


def _trained_by_keeper(bundle: Bundle, environment: dict[str, str]) -> str:
    """Put a run into the queue, and wait until a keeper, a process of the bundle, has run it."""
    words = ["Q" if one == "R" else one for one in _training()[1:]]
    queued = bundle.start("queue", "new", *words, environment=environment)
    require(queued.status == 0, f"queue new: {queued.output[-500:]} {queued.errors[-500:]}")
    seen: set[str] = set()
    state, until = "", time.monotonic() + KEEPER_LIMIT_S
    while state != "finished" and time.monotonic() < until:
        seen |= {one[1] for one in _processes(bundle) if len(one) > 1}
        listed = bundle.start("runs", "--json", environment=environment).json()
        runs = cast("list[dict[str, str]]", listed["runs"])
        state = next((one["state"] for one in runs if one["name"] == "Q"), "")
        require(state != "failed", f"the queued run failed: {runs}")
    require(state == "finished", f"the queued run is {state}")
    require("--keeper" in seen, f"no keeper of the bundle was seen, only {sorted(seen)}")
    while _processes(bundle) and time.monotonic() < until:
        time.sleep(0.5)
    require(not _processes(bundle), f"still there after the last run: {_processes(bundle)}")
    return "its keeper trains what is queued, and ends"


def _processes(bundle: Bundle) -> list[list[str]]:
    """Return the words of the keepers and workers of the bundle that live now."""
    found: list[list[str]] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "exe").resolve() == bundle.program:
                words = (folder / "cmdline").read_bytes().decode("utf-8", "replace")
                found.append(words.rstrip("\0").split("\0"))
        except OSError:
            continue  # it has just ended
    return found


def acts_as_python(bundle: Bundle) -> str:
    """A7: what a library starts as Python is Python, never a second window."""
    role = bundle.environment(bundle.home()) | {"BURNISH_ROLE": "worker"}
    spoken = bundle.start("-u", "-c", "import sys; print(sys.argv)", "x", environment=role)
    require(spoken.output.strip() == "['-c', 'x']", f"-c: {spoken.output} {spoken.errors[-500:]}")
    module = bundle.start("-m", "json.tool", "--help", environment=role)
    require("json.tool" in module.output, f"-m: {module.output} {module.errors[-500:]}")
    for strange in ("--nonsense", "--window"):
        refused = bundle.start(strange, environment=role)
        require(refused.status == 64, f"{strange} ended with {refused.status}, not 64")
    return "-c and -m run, all else is refused with 64"


def foreign_surroundings(bundle: Bundle) -> str:
    """A8: works under a name with spaces and letters, between settings of another Python."""
    place = bundle.scratch / "Büro Ordner – ü"
    run(["cp", "-al", str(bundle.app), str(place)], {"PATH": "/usr/bin:/bin"})
    home = bundle.home()
    environment = bundle.environment(home) | {
        **dict.fromkeys(("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"), "/bogus"),
        "LANG": "C",
    }
    done = bundle.start(
        "import", place / SAMPLE, "--name", "Ümlaut", "--json",
        environment=environment, program=place / bundle.program.name,
    )  # fmt: skip
    require(done.status == 0, f"import: {done.output[-500:]} {done.errors[-500:]}")
    moved = Bundle(
        app=place, runtime=bundle.runtime, scratch=bundle.scratch,
        is_full=bundle.is_full, packages=bundle.packages,
    )  # fmt: skip
    _opened(moved, environment)
    if bundle.is_full:
        home = bundle.home()
        foreign = environment | bundle.environment(home, runtime=_runtime(bundle)) | {"LANG": "C"}
        return f"import, window; {_trained(moved, foreign, home)}"
    return "import and window"


def clean_environment(bundle: Bundle) -> str:
    """A12: other programs that it starts do not look for libraries in the bundle."""
    role = bundle.environment(bundle.home()) | {"BURNISH_ROLE": "worker"}
    ask = "import os; print(os.environ.get('LD_LIBRARY_PATH'))"
    for before in (None, "/opt/mine/lib"):
        given = role if before is None else role | {"LD_LIBRARY_PATH": before}
        seen = bundle.start("-c", ask, environment=given).output.strip()
        require(seen == str(before), f"LD_LIBRARY_PATH is {seen}, was {before}")
    return "LD_LIBRARY_PATH is the person's own"


def oldest_system(bundle: Bundle) -> str:
    """A14: needs no newer C library than the package says."""
    if sys.platform != "linux":
        return "not Linux"
    found = [
        (int(one[1]), int(one[2]))
        for path in _libraries(bundle.app)
        for one in re.finditer(rb"\0GLIBC_(\d+)\.(\d+)\b", path.read_bytes())
    ]
    require(found, "no library names the C library that it needs")
    highest = max(found)
    require(highest <= OLDEST_GLIBC, f"needs glibc {highest}, not {OLDEST_GLIBC}")
    return f"glibc {highest[0]}.{highest[1]}"


def _libraries(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in found if path.read_bytes()[:4] == b"\x7fELF"]


def _opened(bundle: Bundle, extra: dict[str, str]) -> Json:
    environment = bundle.environment(bundle.home()) | extra
    answer = bundle.start("--window", "--exit-after-show", environment=environment)
    require(answer.status == 0, f"the window ended with {answer.status}: {answer.errors[-800:]}")
    shown = answer.json()
    require(shown["torch_loaded"] is False, "the window loaded torch")
    return shown


def _runtime(bundle: Bundle) -> Path:
    if bundle.runtime is None:
        raise Missed("there is no runtime to try it with")
    return bundle.runtime


def _add_starter(bundle: Bundle, environment: dict[str, str]) -> None:
    added = bundle.start(
        "model", "add", bundle.app / STARTER, "--name", "S", "--json", environment=environment
    )
    require(added.status == 0, f"model add: {added.output[-500:]} {added.errors[-500:]}")


def _training() -> tuple[str, ...]:
    words = ("train", "--dataset", "T", "--model", "S", "--name", "R", "--json")
    wishes = (f"max_steps={STEPS}", "max_length=128", "effective_batch_size=2", "lora_rank=4")
    return (*words, *(part for wish in wishes for part in ("--set", wish)))


def _trained(bundle: Bundle, environment: dict[str, str], home: Path) -> str:
    """Import, train, export; look at the adapter with a library that is not the bundle's."""
    sample = bundle.app / SAMPLE
    done = bundle.start("import", sample, "--name", "T", "--json", environment=environment)
    require(done.status == 0, f"import: {done.output[-500:]} {done.errors[-500:]}")
    _add_starter(bundle, environment)
    trained = bundle.start(*_training(), environment=environment)
    require(trained.status == 0, f"train: {trained.output[-900:]} {trained.errors[-900:]}")
    exported = bundle.start(
        "export", "R", "--target", "adapter", "--out", home / "out", "--json",
        environment=environment,
    )  # fmt: skip
    require(exported.status == 0, f"export: {exported.output[-900:]} {exported.errors[-900:]}")
    found = list((home / "out").rglob("adapter_model.safetensors"))
    require(len(found) == 1, f"{len(found)} adapters were exported")
    changed = _changed_tensors(found[0])
    require(changed > 0, "the adapter changes nothing")
    return f"{STEPS} steps, exported and verified; {changed} tensors differ from zero"


def _changed_tensors(adapter: Path) -> int:
    """Count the `lora_B` matrices, which begin as zeros, that are no longer zero."""
    content = adapter.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = cast("dict[str, dict[str, list[int]]]", json.loads(content[8:start]))
    places = [one["data_offsets"] for name, one in header.items() if "lora_B" in name]
    require(places, "the adapter holds no lora_B")
    return sum(1 for first, end in places if any(content[start + first : start + end]))
