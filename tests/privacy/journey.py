# SPDX-License-Identifier: Apache-2.0
"""Everything that people do with Burnish, once, by the real command line: import to export.

python tests/privacy/journey.py PROGRAM FOLDER [--straight]

A program of its own, so that it can be run inside an empty network or under strace. It imports the
files that it finds in FOLDER/in, and writes what came of each step to FOLDER/results.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "resources" / "starter" / "model"
DATASET = "Canary-tickets"
SETTINGS = {
    "max_steps": 6,
    "checkpoint_every_steps": 2,
    "eval_rows": 8,
    "sample_rows": 2,
    "eval_every_steps": 3,
}
LIMIT_S = 600.0


class Journey:
    """One journey in one folder."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.results: dict[str, dict[str, Any]] = {}
        self._workspace = folder / "workspace"
        self._command = [sys.executable, str(program), "--workspace", str(self._workspace)]
        self._in, self._out = folder / "in", folder / "out"

    def do(self, name: str, *words: str | Path) -> dict[str, Any]:
        """Run one command, which must work, and keep what it said."""
        done = subprocess.run(
            [*self._command, *map(str, words), "--json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{name}: {done.stdout.decode()} {done.stderr.decode()}")
        said: dict[str, Any] = json.loads(done.stdout)
        self.results[name] = said
        return said

    def go_straight(self) -> tuple[str, str, str]:
        """Import, train, export and ask; return the ids of dataset, model and run."""
        data = self.do("import", "import", *sorted(self._in.iterdir()), "--name", DATASET)
        dataset = str(data["dataset_id"])
        model = str(self.do("model", "model", "add", STARTER, "--name", "Starter")["model_id"])
        run = str(self.do("train", *_train(dataset, model), "--name", "Whole")["run_id"])
        self.do("adapter", "export", run, "--target", "adapter", "--out", self._out / "adapter")
        asked = ("generate", "--model", model, "--max-new-tokens", "8")
        self.do("answer", *asked, "--run", run, "--prompt", "the gate is stuck")
        return dataset, model, run

    def go_everywhere(self) -> None:
        """Do everything."""
        dataset, model, run = self.go_straight()
        self.do("check", "dataset", "check", dataset)
        self.do("tokens", "dataset", "tokens", dataset, "--model", model)
        self.do("preview", "preview", "--dataset", dataset, "--model", model, "--rows", "2")
        killed = self._train_and_kill(dataset, model)
        self.do("resume", "run", "resume", killed)
        self.do("merged", "export", run, "--target", "merged", "--out", self._out / "merged")
        self.do("copy", "dataset", "export", dataset, "--out", self._out / "rows")
        self.do("doctor", "doctor")
        self.do("privacy", "privacy")
        self.do("diagnosis", "diagnose")
        self._open_window()

    def _train_and_kill(self, dataset: str, model: str) -> str:
        """Start a run, kill its worker at its first checkpoint, and return the run's id."""
        jobs = self._workspace / "jobs"
        before = set(jobs.iterdir())
        words = (*_train(dataset, model), "--name", "Killed", "--json")
        with subprocess.Popen(
            [*self._command, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as client:
            job = _wait(lambda: next(iter(_started(jobs) - before), None))
            _wait(lambda: next((job / "checkpoints").glob("ck-*"), None))
            psutil.Process(json.loads((job / "identity.json").read_text())["pid"]).kill()
            client.wait(LIMIT_S)
        return job.name

    def _open_window(self) -> None:
        done = subprocess.run(
            [*self._command[:2], "--window", *self._command[2:], "--exit-after-show"],
            env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
            capture_output=True,
            timeout=LIMIT_S,
            check=True,
        )
        self.results["window"] = json.loads(done.stdout)


def _train(dataset: str, model: str) -> tuple[str, ...]:
    chosen = (f"{name}={value}" for name, value in SETTINGS.items())
    words = [word for one in chosen for word in ("--set", one)]
    return ("train", "--dataset", dataset, "--model", model, "--preset", "starter", *words)


def _started(jobs: Path) -> set[Path]:
    return {one for one in jobs.iterdir() if (one / "identity.json").is_file()}


def _wait(look: Any) -> Any:
    deadline = time.monotonic() + LIMIT_S
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise SystemExit("nothing came in time")
        time.sleep(0.02)
    return found


def main() -> int:
    """Go on the journey; return 0 when every step worked."""
    os.umask(0o022)
    program, folder = Path(sys.argv[1]), Path(sys.argv[2])
    journey = Journey(program, folder)
    if "--straight" in sys.argv:
        journey.go_straight()
    else:
        journey.go_everywhere()
    (folder / "results.json").write_text(json.dumps(journey.results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
