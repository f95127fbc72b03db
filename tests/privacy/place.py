# SPDX-License-Identifier: Apache-2.0
"""Where a journey takes place: an own home, rows with secrets in them, and what was seen of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.privacy.watched import Seen, read_trace

HERE = Path(__file__).parent
MAIN = HERE.parents[1] / "main.py"
LIMIT_S = 840
SECRETS = 8
ROWS = 96


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a journey took place.

    Attributes:
        root: Everything it may know of.
        results: What each step said.
        seen: What strace saw of it, or None where it did not look.
        packets: How many packets were sent meanwhile.
    """

    root: Path
    results: dict[str, dict[str, Any]]
    seen: Seen | None
    packets: int

    @property
    def folder(self) -> Path:
        return self.root / "journey"

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def homes(self) -> tuple[Path, ...]:
        """Every folder outside the workspace that programs write to on their own."""
        return (self.root / "home", self.root / "tmp")


def secrets() -> tuple[str, ...]:
    """Return the texts that stand in the rows, and must stand nowhere else: 128 bits each."""
    return tuple(f"{number:02x}c0ffee" * 4 for number in range(SECRETS))


def _lay_out(root: Path) -> None:
    for name in ("journey/in", "journey/out", "home", "tmp"):
        (root / name).mkdir(parents=True)
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Ticket {number}: case {secrets()[number % SECRETS]}"},
                {"role": "assistant", "content": f"Device: Gate {number}\nPriority: Low"},
            ]
        }
        for number in range(ROWS)
    ]
    lines = [json.dumps(one) for one in rows]
    # A row that is rejected, with a secret in it: rejects and their reasons are data, too.
    lines.append(json.dumps({"messages": f"broken {secrets()[0]}"}))
    text = "\n".join(lines) + "\n"
    (root / "journey" / "in" / "tickets.jsonl").write_text(text, encoding="utf-8")


def _environment(root: Path) -> dict[str, str]:
    names = ("PATH", "LANG", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in names if name in os.environ} | {
        "HOME": str(root / "home"),
        "TMPDIR": str(root / "tmp"),
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def go(root: Path, program: Path, *around: str, straight: bool = False) -> Place:
    """Run a journey in an own home, and return what came of it."""
    _lay_out(root)
    journey = [str(HERE / "journey.py"), str(program), str(root / "journey")]
    done = subprocess.run(
        [*around, sys.executable, *journey, *(["--straight"] if straight else [])],
        cwd=root,
        env=_environment(root),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    log = root / "strace.log"
    packets = root / "packets"
    return Place(
        root=root,
        results=json.loads((root / "journey" / "results.json").read_text(encoding="utf-8")),
        seen=read_trace(log) if log.is_file() else None,
        packets=int(packets.read_text(encoding="ascii")) if packets.is_file() else 0,
    )


# All addresses of the world are on the loopback device of an own network: whatever is sent to
# anywhere is counted there, and goes nowhere.
SINK = """
ip link set lo up && ip route add local 0.0.0.0/0 dev lo || exit 1
ip -6 route add local ::/0 dev lo 2> /dev/null  # a kernel without IPv6 sends none
sent() { sed -n 's/^ *lo: *//p' /proc/net/dev | awk '{print $10}'; }
packets=$1 before=$(sent); shift
"$@"; status=$?
echo $(( $(sent) - before )) > "$packets"
exit $status
"""


def sink(root: Path) -> tuple[str, ...]:
    """Return what runs a program in a network that counts whatever is sent to anywhere."""
    return ("unshare", "-rn", "sh", "-c", SINK, "sh", str(root / "packets"))
