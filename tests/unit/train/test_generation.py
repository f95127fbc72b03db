# SPDX-License-Identifier: Apache-2.0
"""The generate job: the base model alone, and as a run trained it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from engine.chat.tokenizer import load_tokenizer
from engine.domain.run import JobKind
from engine.errors import ModelNotFound, NothingToExport
from engine.protocol.events import AnswerMade, Event, Finished, SampleMade, StepDone, Stopped
from engine.store import atomicfs
from engine.train import generation, sft_qlora
from tests.unit.train.runs import MODEL, MOMENT, Desk, make_desk

PROMPTS = ["Where is my fox?", "Hello"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = make_desk(tmp_path_factory.mktemp("desk"), spread=0.12)
    desk.add_run("run", desk.recipe(method="sft_qlora", sample_rows=1))
    sft_qlora.train(desk.context("run"))
    return desk


def generate(desk: Desk, *, stop_when: Any = lambda _event: False, **options: Any) -> list[Event]:
    defaults = {
        "model_id": MODEL,
        "run_id": None,
        "prompts": PROMPTS,
        "max_new_tokens": 12,
        "device": "cpu",
    }
    generation.run(
        desk.context("job", kind=JobKind.GENERATE, options=defaults | options, stop_when=stop_when)
    )
    return desk.events


def test_generate_base_model_answers_every_prompt(desk: Desk) -> None:
    events = generate(desk)
    answers = desk.of(AnswerMade)
    assert [one.prompt for one in answers] == PROMPTS
    assert all(one.tokens == 12 or one.ended for one in answers)
    assert isinstance(events[-1], Finished)


def test_generate_with_a_run_answers_as_its_last_sample(desk: Desk) -> None:
    desk.add_run("again", desk.recipe(method="sft_qlora", sample_rows=1))
    sft_qlora.train(desk.context("again"))
    sample = desk.of(SampleMade)[-1]
    generate(desk, run_id="again", prompts=[sample.prompt], max_new_tokens=128)
    assert desk.of(AnswerMade)[0].answer == sample.answer


def test_generate_with_a_run_differs_from_the_base_model(desk: Desk) -> None:
    generate(desk)
    before = [one.answer for one in desk.of(AnswerMade)]
    generate(desk, run_id="run")
    assert [one.answer for one in desk.of(AnswerMade)] != before


def test_generate_run_without_an_adapter_uses_its_newest_checkpoint(desk: Desk) -> None:
    desk.add_run("stopped", desk.recipe(method="sft_qlora"))
    sft_qlora.train(desk.context("stopped", stop_when=lambda event: isinstance(event, StepDone)))
    generate(desk, run_id="stopped")
    with_adapter = [one.answer for one in desk.of(AnswerMade)]
    atomicfs.remove_folder(desk.layout.job("stopped").adapter)
    generate(desk, run_id="stopped")
    assert [one.answer for one in desk.of(AnswerMade)] == with_adapter


def test_generate_run_that_never_stepped_is_refused(desk: Desk) -> None:
    desk.add_run("fresh", desk.recipe())
    with pytest.raises(NothingToExport):
        generate(desk, run_id="fresh")


def test_generate_stop_ends_it_between_answers(desk: Desk) -> None:
    events = generate(desk, stop_when=lambda event: isinstance(event, AnswerMade))
    assert len(desk.of(AnswerMade)) == 1
    assert isinstance(events[-1], Stopped)


def test_generate_unknown_model_is_refused(desk: Desk) -> None:
    with pytest.raises(ModelNotFound):
        generate(desk, model_id="nobody")


def test_generate_without_a_chat_template_continues_plain_text(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, template=None, spread=0.12)
    generate(desk, prompts=["Hello, thank"], max_new_tokens=3)
    assert desk.of(AnswerMade)[0].tokens <= 3
    plain = Tokenizer.from_file(str(desk.base / "tokenizer.json")).encode("Hello, thank").ids
    tokenizer = load_tokenizer(desk.base, clock=MOMENT)
    assert generation.prompt_ids(tokenizer, "Hello, thank") == plain
