# SPDX-License-Identifier: Apache-2.0
"""From a file to verified weights by the real command line, on the starter model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import SAMPLE, STARTER, CommandLine

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine(tmp_path_factory.mktemp("main path") / "workspace")


@pytest.fixture(scope="module")
def dataset(line: CommandLine) -> dict[str, Any]:
    return line.do("import", SAMPLE, "--name", "Tickets")


@pytest.fixture(scope="module")
def model(line: CommandLine) -> dict[str, Any]:
    return line.do("model", "add", STARTER, "--name", "Starter")


@pytest.fixture(scope="module")
def run(line: CommandLine, dataset: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    return line.do(
        "train", "--dataset", dataset["dataset_id"], "--model", model["model_id"],
        "--preset", "starter", "--set", "max_steps=20", "--set", "eval_every_steps=10",
    )  # fmt: skip


def test_import_says_what_came_in(dataset: dict[str, Any]) -> None:
    assert dataset["kind"] == "chat"
    assert dataset["rows"] == sum(dataset["splits"].values()) >= 300
    assert dataset["rejects"] == 0
    assert dataset["splits"]["eval"] > 0


def test_model_add_says_what_it_is(model: dict[str, Any]) -> None:
    assert model["architecture"] == "LlamaForCausalLM"
    assert 2e6 < model["parameters"] < 6e6
    assert model["has_chat_template"]


def test_preview_marks_the_answers(
    line: CommandLine, dataset: dict[str, Any], model: dict[str, Any]
) -> None:
    found = line.do("preview", "--dataset", "Tickets", "--model", model["model_id"], "--rows", "3")
    assert len(found["rows"]) == 3
    for row in found["rows"]:
        trained = [one for one in row["tokens"] if one["trained"]]
        assert 0 < len(trained) < len(row["tokens"])
        assert trained[-1]["text"] == "<|im_end|>"
        assert row["problem"] == ""


def test_train_lowers_the_held_out_loss(run: dict[str, Any]) -> None:
    assert (run["state"], run["steps"]) == ("finished", 20)
    assert run["eval_loss_after"] < run["eval_loss_before"]
    assert run["train_loss"] > 0
    assert run["checkpoint"] == "ck-000020"


def test_runs_and_show_tell_the_same(line: CommandLine, run: dict[str, Any]) -> None:
    assert line.do("run", "show", run["run_id"][:6]) == run
    assert run in line.do("runs")["runs"]


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_adapter_loads_in_stock_peft(
    line: CommandLine, run: dict[str, Any], tmp_path: Path
) -> None:
    done = line.do("export", run["run_id"], "--target", "adapter", "--out", tmp_path / "out")
    assert done["verified"]
    assert {"adapter_model.safetensors", "adapter_config.json"} <= set(done["files"])
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(STARTER, local_files_only=True)
    tuned = PeftModel.from_pretrained(base, done["path"], local_files_only=True)
    moved = [one for name, one in tuned.named_parameters() if "lora_B" in name]
    assert moved
    assert all(one.abs().sum() > 0 for one in moved)


def test_merged_model_loads_in_stock_transformers(
    line: CommandLine, run: dict[str, Any], tmp_path: Path
) -> None:
    done = line.do("export", run["run_id"], "--target", "merged", "--out", tmp_path / "out")
    assert done["verified"]
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(done["path"], local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(done["path"], local_files_only=True)
    prompt = [{"role": "user", "content": "the printer is stuck"}]
    ids = tokenizer.apply_chat_template(
        prompt, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    made = model.generate(**ids, max_new_tokens=8, do_sample=False)
    assert made.shape[1] > ids["input_ids"].shape[1]


def test_check_for_memorised_text_is_told_at_the_next_export(
    line: CommandLine, run: dict[str, Any], tmp_path: Path
) -> None:
    found = line.do("memorisation", run["run_id"])
    # Twenty steps teach the starter no row by heart; its held-out rows are asked for, too.
    assert found["verdict"] == "not_found"
    assert found["is_current"]
    assert found["passages"]["count"] + sum(one["count"] for one in found["values"].values()) > 0
    assert 0 < found["rows"] <= found["all_rows"]
    done = line.do("export", run["run_id"], "--target", "adapter", "--out", tmp_path / "out")
    assert done["memorisation"] == found


def test_generate_answers_with_and_without_the_run(
    line: CommandLine, run: dict[str, Any], model: dict[str, Any]
) -> None:
    asked = ("generate", "--prompt", "the printer is stuck", "--max-new-tokens", "24")
    before = line.do(*asked, "--model", model["model_id"])
    after = line.do(*asked, "--run", run["run_id"])
    assert before["answer"]
    assert after["answer"] != before["answer"]


def test_plan_and_doctor_answer(
    line: CommandLine, dataset: dict[str, Any], model: dict[str, Any]
) -> None:
    plan = line.do("plan", "--dataset", dataset["dataset_id"], "--model", model["model_id"])
    assert plan["possible"]
    assert plan["memory_high_bytes"] >= plan["memory_low_bytes"] > 0
    assert line.do("doctor")["cores"] >= 1
