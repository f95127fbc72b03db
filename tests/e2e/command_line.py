# SPDX-License-Identifier: Apache-2.0
"""Running the real command line in processes of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "resources" / "starter" / "model"
SAMPLE = ROOT / "resources" / "samples" / "support_tickets.jsonl"
LIMIT_S = 120


@dataclass(frozen=True)
class Answer:
    """What one command said."""

    status: int
    values: dict[str, Any]
    errors: str


@dataclass(frozen=True)
class CommandLine:
    """The command line on one workspace."""

    workspace: Path

    def start(self, *words: str | Path) -> subprocess.Popen[bytes]:
        """Start a command and return its process."""
        command = [sys.executable, str(ROOT / "main.py"), "--workspace", str(self.workspace)]
        return subprocess.Popen(
            [*command, *map(str, words), "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def ask(self, *words: str | Path) -> Answer:
        """Run a command; its whole standard output must be one JSON object."""
        with self.start(*words) as process:
            out, err = process.communicate(timeout=LIMIT_S)
        values = json.loads(out) if out.strip() else {}
        assert isinstance(values, dict)
        return Answer(process.returncode, values, err.decode("utf-8", "replace"))

    def do(self, *words: str | Path) -> dict[str, Any]:
        """Run a command that must work."""
        answer = self.ask(*words)
        assert answer.status == 0, (words, answer)
        return answer.values
