# SPDX-License-Identifier: Apache-2.0
"""Every way in which a library is known to have called home, tried as a worker would meet it.

The libraries run in a process that a worker's `prepare` has set up, with a hook that counts what
they try: a try that fails and is swallowed counts as well. docs/privacy.md names the layers.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.api.proofs import TALKING_LIBRARIES

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "resources" / "starter" / "model"
LOCK = ROOT / "packaging" / "constraints.txt"
CONFIG = "config.json"

CALLS = """
import json, socket, sys, threading
from pathlib import Path

folder = Path(sys.argv[1])
from engine.worker.surroundings import prepare
prepare(folder)
tries = []
def count(event, arguments):
    if event == "socket.__new__" and arguments[1] in (socket.AF_INET, socket.AF_INET6):
        tries.append(event)
        raise PermissionError(event)
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        tries.append(event)
        raise PermissionError(event)
sys.addaudithook(count)
found = {}
def attempt(name, act):
    before = len(tries)
    try:
        found[name] = {"value": act()}
    except Exception as error:
        found[name] = {"error": type(error).__name__}
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(20)
    found[name]["tries"] = len(tries) - before
"""

HUB = """
import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.utils import send_telemetry
attempt("telemetry", lambda: send_telemetry("burnish", library_name="burnish"))
attempt("is it cached", lambda: str(huggingface_hub.try_to_load_from_cache("a/b", "config.json")))
attempt("model info", lambda: huggingface_hub.model_info("a/b"))
attempt("offline is known", lambda: constants.HF_HUB_OFFLINE)
from transformers import AutoModelForCausalLM, AutoTokenizer
def tokens(name):
    return len(AutoTokenizer.from_pretrained(str(folder / name))("the gate"))
attempt("tokenizer", lambda: tokens("plain"))
attempt("tokenizer called mistral", lambda: tokens("mistral"))
attempt("model", lambda: type(AutoModelForCausalLM.from_pretrained(str(folder / "plain"))).__name__)
attempt("only .bin", lambda: AutoModelForCausalLM.from_pretrained(str(folder / "bin")))
attempt("a name of the hub", lambda: AutoTokenizer.from_pretrained("mistralai/Mistral-7B-v0.1"))
attempt("conversion", lambda: [t.name for t in threading.enumerate() if "conversion" in t.name])
import peft, bitsandbytes
attempt("peft", lambda: peft.PeftConfig.from_pretrained("someone/adapter"))
print(json.dumps(found))
"""

WITNESS = """
import urllib.request
attempt("witness", lambda: urllib.request.urlopen("http://burnish.invalid"))
print(json.dumps(found))
"""


def run(folder: Path, code: str) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", CALLS + code, str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return what became of every call, and how often it tried."""
    folder = tmp_path_factory.mktemp("phoning")
    for name in ("plain", "mistral", "bin"):
        shutil.copytree(STARTER, folder / name)
    # transformers 4.57.2 asked the hub about each tokenizer that might be Mistral's.
    config = json.loads((folder / "mistral" / CONFIG).read_text(encoding="utf-8"))
    config |= {"model_type": "mistral", "architectures": ["MistralForCausalLM"],
               "transformers_version": "4.50.0"}  # fmt: skip
    (folder / "mistral" / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    # From 4.40 on it began to look for a converted copy where there was no safetensors file.
    weights = folder / "bin" / "model.safetensors"
    weights.rename(folder / "bin" / "pytorch_model.bin")
    return run(folder, HUB)


CALLED_HOME = (
    "telemetry", "is it cached", "model info", "tokenizer", "tokenizer called mistral", "model",
    "only .bin", "a name of the hub", "conversion", "peft",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLED_HOME)
def test_library_does_not_even_try(name: str, found: dict[str, dict[str, Any]]) -> None:
    assert found[name]["tries"] == 0, found[name]


@pytest.mark.slow
def test_libraries_did_what_they_were_asked_and_knew_that_they_are_offline(
    found: dict[str, dict[str, Any]],
) -> None:
    """A call that fails before it begins would try nothing either."""
    assert found["tokenizer"]["value"] > 0
    assert found["tokenizer called mistral"]["value"] > 0
    assert found["model"]["value"] == "LlamaForCausalLM"
    assert found["offline is known"]["value"] is True
    assert found["conversion"]["value"] == []
    assert found["model info"]["error"] == "OfflineModeIsEnabled"


def test_hook_counts_a_call_that_is_swallowed(tmp_path: Path) -> None:
    assert run(tmp_path, WITNESS)["witness"]["tries"] == 1


def locked() -> set[str]:
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    names = (re.split(r"[=<>\[ ;]", line, maxsplit=1)[0] for line in lines)
    return {re.sub(r"[-_.]+", "_", one).lower() for one in names if one and one[0] != "#"}


@pytest.mark.parametrize(
    "name",
    [*(one for one in TALKING_LIBRARIES if "." not in one and one != "hf_xet"), "mistral_common",
     "tensorboard", "PySide6_Addons"],
)  # fmt: skip
def test_library_that_calls_home_is_not_in_the_lock(name: str) -> None:
    assert len(locked()) > 20
    assert name.lower() not in locked()


def test_neither_trainer_nor_reporter_of_transformers_is_used() -> None:
    """Its Trainer begins to report to whatever of wandb and others is installed."""
    for path in (ROOT / "engine").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"import .*\bTrainer\b|report_to|TrainingArguments", text), path
