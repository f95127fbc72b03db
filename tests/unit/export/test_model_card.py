# SPDX-License-Identifier: Apache-2.0
"""The README.md of an export states what is true, in a form that model hubs read."""

from __future__ import annotations

import pytest
import yaml
from msgspec.structs import replace

from engine.domain.provenance import Provenance
from engine.export.comparison import Comparison
from engine.export.model_card import CardFacts, card_text

FOUND = Comparison(
    prompts=4,
    positions=77,
    largest_logit=9.0,
    max_logit_difference=0.0123,
    top1_agreement_ratio=0.9987,
    mean_kl=0.00021,
    sure_agreement_ratio=1.0,
)


FACTS = CardFacts(
    target="merged",
    base="org/tiny",
    licence="apache-2.0",
    method="sft_qlora",
    rank=16,
    scale=2.0,
    modules=("k_proj", "q_proj"),
    comparison=FOUND,
)


@pytest.mark.parametrize(("target", "library"), [("adapter", "peft"), ("merged", "transformers")])
def test_front_matter_is_read_as_yaml(target: str, library: str) -> None:
    text = card_text(replace(FACTS, target=target, base='a "quoted": name'))
    _start, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front) == {
        "library_name": library,
        "base_model": 'a "quoted": name',
        "license": "apache-2.0",
        "pipeline_tag": "text-generation",
    }
    assert body.startswith("\n# ")


def test_licence_that_is_not_known_is_not_claimed() -> None:
    text = card_text(replace(FACTS, licence=""))
    assert "license:" not in text
    assert "not stated" in text


def test_card_states_what_was_measured() -> None:
    text = card_text(FACTS)
    for part in (
        "sft_qlora",
        "| 16 |",
        "k_proj, q_proj",
        "4 prompts, 77 positions",
        "99.87%",
        "0.00021",
        "0.012",
        "AutoModelForCausalLM",
    ):
        assert part in text


def test_name_with_a_bar_stays_in_its_cell() -> None:
    assert "| a\\|b c |" in card_text(replace(FACTS, base="a|b\nc"))


def test_card_tells_licence_origin_consent_and_history_of_every_dataset() -> None:
    told = Provenance(
        name="Tickets\n2025",
        kind="chat",
        version=3,
        splits={"train": 1_200, "eval": 80},
        licence="internal",
        origin="",
        consent="all customers",
        source_sha256=("ab" * 32,),
        way=("Imported, 2026-01-02", "Split again: 10 % by content, 2026-01-03"),
        use="trained, weight 1",
    )
    text = card_text(replace(FACTS, data=(told, replace(told, name="General", use="replayed"))))
    for part in (
        "## Data: Tickets 2025\n",
        "- Use: trained, weight 1\n",
        "- Licence: internal\n",
        "- Origin: not stated\n",
        "- Consent: all customers\n",
        "- train: 1,200\n",
        f"- SHA-256 {'ab' * 32}\n",
        "2. Split again: 10 % by content, 2026-01-03\n",
        "## Data: General\n",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("step", "is_best", "row"),
    [
        (600, True, "| Training steps | 600, the lowest held-out loss of the run |"),
        (600, False, "| Training steps | 600 |"),
        (None, False, ""),
    ],
)
def test_card_says_which_step_the_adapter_is_of(step: int | None, is_best: bool, row: str) -> None:
    text = card_text(replace(FACTS, step=step, is_best=is_best))
    assert row in text.splitlines()
    assert ("Training steps" in text) is (step is not None)
