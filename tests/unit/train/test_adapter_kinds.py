# SPDX-License-Identifier: Apache-2.0
"""rsLoRA, DoRA, LoRA+ and adapters on a part of the layers: as peft computes and loads them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs
from msgspec.structs import replace
from peft import LoraConfig, PeftModel, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from torch import nn

from engine.domain.adapter import AdapterShape, LoraTargets, Pattern
from engine.errors import ArchitectureUnsupported
from engine.store.adapterfolder import inspect_adapter
from engine.train.adapter import (
    commit_adapter,
    put_tensors,
    read_tensors,
    saved_tensors,
)
from engine.train.linear import TRAINED_PARTS, LowRankLinear
from engine.train.load import with_adapter
from engine.train.model import LanguageModel
from engine.train.optimizer import AdapterOptimizer
from engine.train.targets import is_in_part, target_names
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.models import (
    alone_logits,
    load_ours,
    load_stock,
    pack,
    packed_logits,
    random_examples,
)
from tests.unit.train.test_recomputation import make_stepper

pytestmark = pytest.mark.filterwarnings(
    # peft asks transformers by a name that the latter is about to drop.
    "ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"
)

CPU = torch.device("cpu")
WIDTHS, RANK, ALPHA, RATE, STEPS = (24, 40, 16), 4, 10.0, 0.02, 3


@dataclass(frozen=True)
class Kind:
    """A kind of adapter."""

    rslora: bool = False
    dora: bool = False
    ratio: float = 1.0
    dropout: float = 0.0
    ranks: Pattern = ()
    alphas: Pattern = ()


RANKS: Pattern = (("first", 6.0),)
ALPHAS: Pattern = (("sec.nd", 3.0),)
KINDS = [
    Kind(),
    Kind(ranks=RANKS, alphas=ALPHAS),
    Kind(rslora=True, dora=True, ranks=RANKS, alphas=ALPHAS),
    Kind(rslora=True),
    Kind(dora=True),
    Kind(dora=True, dropout=0.4),
    Kind(ratio=8.0),
    Kind(rslora=True, dora=True, ratio=4.0, dropout=0.2),
]


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class TwoLayers(nn.Module):
    """The smallest network in which one adapted layer feeds another."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.second = second

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(x)))


def plain_layers() -> list[nn.Linear]:
    layers = [nn.Linear(*pair).double() for pair in pairwise(WIDTHS)]
    for seed, layer in enumerate(layers):
        layer.weight.data = random(*layer.weight.shape, seed=seed) / 5
        layer.bias.data = random(*layer.bias.shape, seed=seed + 10)
    return layers


def our_layers(kind: Kind) -> TwoLayers:
    shape = AdapterShape(
        rank=RANK,
        alpha=ALPHA,
        dropout_ratio=kind.dropout,
        targets=("first", "second"),
        use_rslora=kind.rslora,
        use_dora=kind.dora,
        rank_pattern=kind.ranks,
        alpha_pattern=kind.alphas,
    )
    found: list[LowRankLinear] = []
    for seed, plain in enumerate(plain_layers()):
        ours = LowRankLinear(plain.in_features, plain.out_features, bias=True).double()
        ours.weight.data, ours.bias = plain.weight.data, nn.Parameter(plain.bias.data, False)
        path = ("first", "second")[seed]
        ours.add_adapter(shape, seed=seed, device=CPU, path=path)
        found.append(ours.double())
    return TwoLayers(*found)


def peft_layers(kind: Kind, ours: TwoLayers) -> PeftModel:
    config = LoraConfig(
        r=RANK,
        lora_alpha=int(ALPHA),
        lora_dropout=kind.dropout,
        target_modules=["first", "second"],
        use_rslora=kind.rslora,
        use_dora=kind.dora,
        rank_pattern={key: int(value) for key, value in kind.ranks},
        alpha_pattern={key: int(value) for key, value in kind.alphas},
    )
    twin: Any = get_peft_model(TwoLayers(*plain_layers()), config)
    values = dict(ours.named_parameters())
    with torch.no_grad():
        for name, place in parts_of(twin).items():
            if name.endswith("magnitude_vector"):
                torch.testing.assert_close(place.detach(), values[name].detach(), rtol=1e-6, atol=0)
            place.copy_(values[name])
    return twin.double()


def parts_of(twin: nn.Module) -> dict[str, nn.Parameter]:
    """Return peft's trained parameters by our names."""
    return {
        name.removeprefix("base_model.model.").replace(".default", "").replace(".weight", ""): one
        for name, one in twin.named_parameters()
        if one.requires_grad
    }


def loss_of(net: nn.Module, step: int) -> torch.Tensor:
    torch.manual_seed(step)
    answer = net(random(7, WIDTHS[0], seed=20 + step))
    return (answer - random(7, WIDTHS[-1], seed=30 + step)).square().mean()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_three_steps_in_64_bits_equal_those_of_peft(kind: Kind) -> None:
    ours = our_layers(kind).train()
    twin = peft_layers(kind, ours).train()
    mine = {name: one for name, one in ours.named_parameters() if one.requires_grad}
    theirs = parts_of(twin)
    assert mine.keys() == theirs.keys()
    factors = {name: kind.ratio for name in mine if not name.endswith("lora_A")}
    adam = AdapterOptimizer(mine, weight_decay=0.0, rate_factors=factors)
    reference = create_loraplus_optimizer(
        twin, torch.optim.AdamW, lr=RATE, loraplus_lr_ratio=kind.ratio
    )
    first = {name: one.detach().clone() for name, one in mine.items()}
    for step in range(STEPS):
        losses = [loss_of(ours, step), loss_of(twin, step)]
        for loss in losses:
            loss.backward()
        torch.testing.assert_close(losses[0], losses[1], rtol=0, atol=1e-10)
        for name, one in mine.items():
            torch.testing.assert_close(one.grad, theirs[name].grad, rtol=0, atol=1e-10)
        adam.step(RATE)
        adam.clear()
        reference.step()
        reference.zero_grad()
    for name, one in mine.items():
        torch.testing.assert_close(one.detach(), theirs[name].detach(), rtol=0, atol=1e-9)
        assert not torch.equal(one, first[name])


def test_dora_in_4_bits_starts_with_the_answers_of_the_base() -> None:
    for use_dora in (False, True):
        linear = LowRankLinear(64, 32, bias=False)
        linear.hold_packed(random(32, 64, seed=1).float(), dtype=torch.bfloat16)
        x = random(3, 64, seed=2).bfloat16()
        before = linear(x)
        shape = AdapterShape(
            rank=2, alpha=4.0, dropout_ratio=0.0, targets=("x",), use_dora=use_dora
        )
        linear.add_adapter(shape, seed=1, device=CPU)
        assert torch.equal(linear(x), before)


def test_dora_small_changes_of_length_are_not_rounded_away_in_16_bits() -> None:
    """Next to 1, bf16 has no number below 1.0078, so that a factor of 1.003 would be 1."""
    linear = LowRankLinear(64, 32, bias=False)
    linear.weight = nn.Parameter(random(32, 64, seed=1).bfloat16(), requires_grad=False)
    shape = AdapterShape(rank=2, alpha=4.0, dropout_ratio=0.0, targets=("x",), use_dora=True)
    linear.add_adapter(shape, seed=1, device=CPU)
    x = random(50, 64, seed=2).bfloat16()
    assert linear.lora_magnitude_vector is not None
    with torch.no_grad():
        before = linear(x).double().norm()
        linear.lora_magnitude_vector.mul_(1.003)
        assert float(linear(x).double().norm() / before) == pytest.approx(1.003, abs=3e-4)


# ------------------------------------------------------------------------------ which linears


PATHS = {
    "model.layers.0.self_attn.q_proj": LoraTargets.ATTENTION,
    "model.layers.0.mlp.down_proj": LoraTargets.MLP,
    "transformer.h.3.attn.c_proj": LoraTargets.ATTENTION,
    "transformer.h.3.mlp.c_proj": LoraTargets.MLP,
    "gpt_neox.layers.1.attention.query_key_value": LoraTargets.ATTENTION,
    "transformer.h.0.self_attention.dense": LoraTargets.ATTENTION,
    "transformer.h.0.mlp.dense_h_to_4h": LoraTargets.MLP,
}


@pytest.mark.parametrize("path", PATHS)
def test_is_in_part_every_linear_is_of_one_part(path: str) -> None:
    parts = [one for one in LoraTargets if is_in_part(path, one)]
    assert parts == [LoraTargets.ALL, PATHS[path]]


def test_target_names_same_last_name_in_the_other_part_is_told_apart() -> None:
    adapted = {"h.0.attn.c_attn", "h.0.attn.c_proj", "h.1.attn.c_attn", "h.1.attn.c_proj"}
    others = {"h.0.mlp.c_proj", "h.0.mlp.c_fc", "h.1.mlp.c_proj", "h.1.mlp.c_fc"}
    assert target_names(adapted, others) == ("attn.c_proj", "c_attn")
    assert target_names(adapted | others, set()) == ("c_attn", "c_fc", "c_proj")


def test_with_adapter_no_linear_of_the_part_is_refused(base: Path) -> None:
    model = load_ours(base)
    mlp = {path: one for path, one in model.linears.items() if "mlp" in path}
    with pytest.raises(ArchitectureUnsupported):
        adapted(replace(model, linears=mlp), part=LoraTargets.ATTENTION)


# ------------------------------------------------------------------------- saved and read back


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model_folder(tmp_path_factory.mktemp("kinds"), spread=0.12, dtype="float32")


def adapted(model: LanguageModel, **options: Any) -> LanguageModel:
    return with_adapter(model, rank=4, alpha=8.0, dropout_ratio=0.0, seed=1, **options)


def assert_some(tensors: dict[str, torch.Tensor]) -> None:
    """Stand for the check of a delivery: there is something to deliver."""
    assert tensors


SAVED: list[dict[str, Any]] = [
    {"use_rslora": True},
    {"use_dora": True},
    {"part": LoraTargets.ATTENTION},
    {"part": LoraTargets.MLP, "use_dora": True, "use_rslora": True},
    {
        "rank_pattern": (("layers.0.self_attn.q_proj", 2.0), ("down_proj|q_proj", 6.0)),
        "alpha_pattern": (("k_proj", 2.5),),
        "use_dora": True,
    },
]


@pytest.mark.parametrize("options", SAVED, ids="-".join)
def test_saved_adapter_stock_peft_and_our_reader_give_the_same_logits(
    base: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    examples = random_examples([12, 30, 7, 25])
    model = adapted(load_ours(base), **options)
    stepper = make_stepper(model, examples)
    for step in (1, 2):
        stepper.run(step, torch.arange(4).numpy(), learning_rate=0.02)
    model.net.eval()
    commit_adapter(tmp_path / "adapter", model, assert_some)
    found = packed_logits(model, pack(examples))

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # peft warns of tensors that it does not find
        stock = PeftModel.from_pretrained(load_stock(base), str(tmp_path / "adapter")).eval()
    torch.testing.assert_close(found, alone_logits(stock, examples), rtol=0, atol=1e-4)

    assert model.adapter is not None
    shape = inspect_adapter(tmp_path / "adapter").shape
    assert shape == structs.replace(model.adapter, targets=())
    again = adapted(load_ours(base), **options)
    put_tensors(again, read_tensors(tmp_path / "adapter" / "adapter_model.safetensors"))
    assert torch.equal(packed_logits(again, pack(examples)), found)


def test_pattern_gives_layers_their_rank_and_refuses_names_of_none(base: Path) -> None:
    ranks = (("layers.0.self_attn.q_proj", 2.0), ("down_proj|q_proj", 6.0))
    model = adapted(load_ours(base), rank_pattern=ranks)
    found = {
        path: one.lora_A.shape[0] for path, one in model.linears.items() if one.lora_A is not None
    }
    assert found["model.layers.0.self_attn.q_proj"] == 2
    assert found["model.layers.1.self_attn.q_proj"] == found["model.layers.1.mlp.down_proj"] == 6
    assert found["model.layers.1.mlp.up_proj"] == 4
    for name in ("proj", "self_attn", "gate"):
        with pytest.raises(ArchitectureUnsupported, match=f"named {name}"):
            adapted(load_ours(base), alpha_pattern=((name, 2.0),))
    with pytest.raises(ArchitectureUnsupported, match="up_proj"):
        adapted(load_ours(base), part=LoraTargets.ATTENTION, rank_pattern=(("up_proj", 2.0),))


def test_part_only_its_linears_have_an_adapter(base: Path) -> None:
    model = adapted(load_ours(base), part=LoraTargets.ATTENTION)
    assert model.adapter is not None
    assert model.adapter.targets == ("k_proj", "o_proj", "q_proj", "v_proj")
    assert len(model.trainable()) == 2 * 4 * 2
    assert all("self_attn" in name for name in model.trainable())


def test_dora_saved_names_are_those_of_peft(base: Path) -> None:
    names = saved_tensors(adapted(load_ours(base), use_dora=True))
    assert "base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector" in names
    assert len(names) == 14 * len(TRAINED_PARTS)


def test_dora_recomputed_activations_give_the_same_gradients(base: Path) -> None:
    examples = random_examples([12, 30, 7, 25])
    found: list[torch.Tensor] = []
    for again in (False, True):
        model = adapted(load_ours(base, quantised=True), use_dora=True)
        if again:
            model.recompute_activations()
        make_stepper(model, examples).accumulate(1, torch.arange(4).numpy())
        parts = [one.grad for one in model.trainable().values()]
        found.append(torch.cat([one.flatten() for one in parts if one is not None]))
    assert torch.equal(*found)


def test_rate_factors_name_all_but_a(base: Path) -> None:
    factors = adapted(load_ours(base), use_dora=True).rate_factors(8.0)
    assert set(factors.values()) == {8.0}
    assert {name.rpartition(".")[2] for name in factors} == {"lora_B", "lora_magnitude_vector"}
