# SPDX-License-Identifier: Apache-2.0
"""The job that asks a trained model for text of its rows, on a tiny model."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from engine.domain.dataset import DatasetInfo, Row
from engine.domain.memorisation import Memorisation, Verdict, verdict_of
from engine.domain.mix import MixedDataset
from engine.domain.phase import Phase
from engine.domain.run import JobInfo, JobKind
from engine.errors import LossNotFiniteError, NothingToExport
from engine.protocol.events import Event, Finished, PhaseChanged, Stopped
from engine.store import atomicfs
from engine.store.documents import read_document, write_document
from engine.train.memorisation import Likelihood, counted, run
from engine.train.memorised_stretches import PASSAGE, AskedRow, Stretch
from engine.train.model import LanguageModel
from engine.train.sft_lora import train
from tests.unit.train.runs import CREATED, DATASET, Desk, chat_row, make_desk, write_dataset

SECRETS = tuple(f"user{one}{one * 37 % 91}@clinic{one % 7}.org" for one in range(3))


def rows_with_secrets() -> list[Row]:
    """Return rows whose answers hold an e-mail address each."""
    return [
        chat_row(f"Who has order {one}?", f"Write to {secret}.")
        for one, secret in enumerate(SECRETS)
    ]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = make_desk(tmp_path_factory.mktemp("desk"), rows=rows_with_secrets(), eval_ratio=0.0)
    for name, recipe in (
        ("learned", desk.recipe(epochs=100.0, max_steps=60, lora_rank=16, lora_alpha=32.0)),
        ("fresh", desk.recipe(max_steps=1, learning_rate=1e-6)),
    ):
        desk.add_run(name, recipe)
        info = JobInfo(
            id=name, kind=JobKind.TRAIN, name=name, entry="", created_at=CREATED, options={}
        )
        write_document(desk.layout.job(name).info, info)
        train(desk.context(name))
    return desk


def asked(
    desk: Desk,
    run_id: str,
    job_id: str,
    *,
    step: str = "",
    stop_when: Callable[[Event], bool] = lambda _event: False,
) -> Memorisation | None:
    """Do the job in this process; return what it wrote."""
    recipe = read_document(desk.layout.job(run_id).recipe, type(desk.recipe()))
    desk.add_run(job_id, recipe)
    run(
        desk.context(
            job_id,
            kind=JobKind.MEMORISATION,
            options={"run_id": run_id, "adapter_step": step},
            stop_when=stop_when,
        )
    )
    path = desk.layout.job(job_id).memorisation
    return read_document(path, Memorisation) if path.exists() else None


def test_model_that_learned_its_rows_by_heart_writes_their_values_and_one_that_did_not_does_not(
    desk: Desk,
) -> None:
    learned = asked(desk, "learned", "first")
    assert isinstance(desk.events[-1], Finished)
    phases = [one.phase for one in desk.of(PhaseChanged)]
    assert phases.index(Phase.ASKING_BASE) < phases.index(Phase.ASKING)
    fresh = asked(desk, "fresh", "second")
    assert learned is not None
    assert fresh is not None
    # Every value of the training rows is asked for, of both; only one model knows them.
    trained = learned.all_values.count
    assert fresh.all_values.count == trained == len(SECRETS)
    assert list(learned.values) == ["email"]
    assert learned.all_values.written == learned.all_values.learned == trained
    assert learned.all_values.base_within_tries == fresh.all_values.within_tries == 0
    assert verdict_of(learned) is Verdict.FOUND
    assert verdict_of(fresh) is Verdict.NOT_FOUND


def test_document_holds_no_text_of_the_rows(desk: Desk) -> None:
    asked(desk, "learned", "silent")
    folder = desk.layout.job("silent").root
    assert {one.name for one in folder.iterdir()} == {"recipe.json", "memorisation.json"}
    written = (folder / "memorisation.json").read_text(encoding="utf-8")
    told = msgspec.json.encode([msgspec.to_builtins(one) for one in desk.events]).decode()
    for secret in SECRETS:
        assert secret not in written + told


def test_stop_leaves_nothing_behind(desk: Desk) -> None:
    def is_asking(event: Event) -> bool:
        return isinstance(event, PhaseChanged) and event.phase == Phase.ASKING_BASE

    assert asked(desk, "learned", "stopped", stop_when=is_asking) is None
    assert isinstance(desk.events[-1], Stopped)


def test_what_one_pass_tells_is_what_the_model_writes_token_by_token(desk: Desk) -> None:
    """The same greedy tokens, and the same probabilities, as decoding with a cache gives."""
    from engine.chat.tokenizer import load_tokenizer
    from engine.store.known_model import find_model
    from engine.train.decoding import answer_greedily
    from engine.train.device import choose_placement
    from engine.train.memorisation import likelihoods
    from engine.train.memorised_stretches import Asking
    from engine.train.tuned import load_tuned
    from tests.unit.train.runs import MODEL, MOMENT

    recipe = read_document(desk.layout.job("learned").recipe, type(desk.recipe()))
    info = find_model(desk.layout, MODEL)
    placement = choose_placement(recipe.device, recipe.dtype)
    model = load_tuned(desk.context("peek"), desk.layout.job("learned"), recipe, info, placement)
    tokenizer = load_tokenizer(desk.base, clock=MOMENT)
    asking = Asking(values_limit=4, passages_limit=0)
    asking.add(rows_with_secrets(), tokenizer, max_length=96)
    found = likelihoods(model, asking, capacity=200, on_rows=lambda _count: None)
    checked = 0
    for row, told in zip(asking.rows, found, strict=True):
        ids = row.ids.tolist()
        (stretch,) = row.stretches
        answer = answer_greedily(
            model,
            ids[: stretch.start],
            end_ids=frozenset(),
            limit=stretch.end - stretch.start,
        )
        assert (answer.ids == ids[stretch.start : stretch.end]) == bool(told.is_first.all())
        checked += answer.ids == ids[stretch.start : stretch.end]
        with torch.no_grad():
            whole = torch.tensor([ids])
            logits = model.logits(model.hidden(whole, torch.arange(len(ids))[None]))
        logs = logits.double().log_softmax(-1)
        wanted = [float(logs[one - 1, ids[one]]) for one in range(stretch.start, stretch.end)]
        assert told.log == pytest.approx(wanted, abs=1e-4)
    assert checked == len(SECRETS)


def test_stretches_are_counted_by_kind_and_against_the_base_model() -> None:
    row = AskedRow(
        ids=np.array([1, 2, 3, 4, 5, 6], np.int32),
        stretches=(
            Stretch(kind="email", start=1, end=3),
            Stretch(kind="iban", start=4, end=6),
            Stretch(kind=PASSAGE, start=2, end=5),
        ),
    )
    # Tokens 1 to 5 are wanted. Likely enough within 100 tries is a log probability of -4.97.
    after = Likelihood(
        log=np.array([-1.0, -1.0, -2.0, -4.0, -1.0]), is_first=np.array([1, 1, 1, 0, 1], np.bool_)
    )
    before = Likelihood(
        log=np.array([-9.0, -9.0, -9.0, -2.0, -2.9]), is_first=np.zeros(5, np.bool_)
    )
    found = counted([row], [after], [before])
    assert (found["email"].written, found["email"].learned) == (1, 1)
    iban = found["iban"]
    assert (iban.written, iban.within_tries, iban.base_within_tries, iban.learned) == (0, 0, 1, 0)
    passage = found[PASSAGE]
    assert (passage.count, passage.written, passage.within_tries) == (1, 0, 0)


def test_held_out_passages_are_asked_of_the_model_but_not_those_that_were_trained(
    tmp_path: Path,
) -> None:
    words = [
        " ".join(f"w{one * 7 % 97}x{one * place % 31}" for one in range(40)) for place in range(24)
    ]
    rows: list[Row] = [chat_row(f"Tell {one}?", text) for one, text in enumerate(words)]
    # One answer of many rows, of both splits: it was seen, so no held-out passage is made of it.
    rows += [chat_row(f"And {one}?", "and more " + words[0][::-1]) for one in range(12)]
    desk = make_desk(tmp_path, rows=rows, eval_ratio=0.3)
    desk.add_run("run", desk.recipe(max_steps=2, max_length=400, learning_rate=1e-6))
    made = JobInfo(
        id="run", kind=JobKind.TRAIN, name="run", entry="", created_at=CREATED, options={}
    )
    write_document(desk.layout.job("run").info, made)
    train(desk.context("run"))
    found = asked(desk, "run", "job", step="2")
    assert found is not None
    assert found.passages.count + found.held_out.count == len(words) + 1
    assert 0 < found.held_out.count < found.passages.count
    # Two steps of four rows: the others were never seen.
    assert found.reached_rows == 8
    assert found.rows == found.all_rows
    assert not found.goes_on
    # What is said is said of the delivered adapter: no checkpoint takes its place.
    weights = desk.layout.job("run").adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(NothingToExport):
        asked(desk, "run", "damaged")


def test_result_is_of_the_adapter_that_was_asked_also_where_another_comes_meanwhile(
    desk: Desk,
) -> None:
    manifest = desk.layout.job("learned").adapter / atomicfs.MANIFEST
    before, content = atomicfs.sha256_of(manifest), manifest.read_bytes()

    def change(event: Event) -> bool:
        if isinstance(event, PhaseChanged) and event.phase == Phase.ASKING:
            manifest.write_bytes(content + b" ")
        return False

    try:
        found = asked(desk, "learned", "overtaken", stop_when=change)
    finally:
        manifest.write_bytes(content)
    assert found is not None
    assert found.adapter_sha256 == before
    assert found.reached_rows is None


def test_model_that_answers_with_no_numbers_is_no_clean_result(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = LanguageModel.logits

    def spoil(event: Event) -> bool:
        if isinstance(event, PhaseChanged) and event.phase == Phase.ASKING:
            monkeypatch.setattr(LanguageModel, "logits", lambda *given: plain(*given) * math.nan)
        return False

    with pytest.raises(LossNotFiniteError):
        asked(desk, "learned", "broken", stop_when=spoil)
    assert not desk.layout.job("broken").memorisation.exists()


def test_what_the_base_model_writes_as_well_was_not_learned() -> None:
    row = AskedRow(
        ids=np.array([1, 2, 3], np.int32), stretches=(Stretch(kind="email", start=1, end=3),)
    )
    likely = Likelihood(log=np.array([-1.0, -1.0]), is_first=np.ones(2, np.bool_))
    found = counted([row], [likely], [likely])["email"]
    assert (found.within_tries, found.base_within_tries, found.learned) == (1, 1, 0)


def test_row_that_is_left_out_because_it_is_held_out_elsewhere_is_not_asked_for(
    tmp_path: Path,
) -> None:
    desk = make_desk(tmp_path, rows=rows_with_secrets(), eval_ratio=1.0)
    held_out = read_document(desk.layout.dataset(DATASET).info, DatasetInfo).splits["eval"]
    assert held_out > 0
    others: list[Row] = [chat_row("Who has the printer?", "Write to anna@clinic.org.")]
    write_dataset(desk.layout, [*rows_with_secrets(), *others], eval_ratio=0.0, dataset_id="other")
    recipe = desk.recipe(dataset_id="other", mix=[MixedDataset(dataset_id=DATASET)], max_steps=1)
    desk.add_run("run", recipe)
    made = JobInfo(
        id="run", kind=JobKind.TRAIN, name="run", entry="", created_at=CREATED, options={}
    )
    write_document(desk.layout.job("run").info, made)
    train(desk.context("run"))
    found = asked(desk, "run", "job")
    assert found is not None
    # Of four and three rows, each that is held out in one trains in neither.
    assert found.rows == found.all_rows == 7 - 2 * held_out
    assert found.all_values.count == 4 - held_out
