# SPDX-License-Identifier: Apache-2.0
"""How far two sets of logits are apart, and how far they may be.

Two cases. *Exact*: the same numbers summed in another order, as for an adapter or a 32-bit merge.
Then only fp32 rounding may differ, EXACT_RATIO of the largest logit. *Rounded*: a 16-bit merge
rounds every changed weight once, to p significant bits, so by at most 2**-p of its size (p is 8 for
bf16, 11 for fp16). What an error of that size does to the answers depends on the depth of the model
and on how sure it is, so it is not guessed but measured: the trained model is asked once more with
its weights shaken at random by as much as rounding can. A merge may be twice as far from the
trained model as that; as the divergence grows with the square of the error, it may have four times
its divergence (or LEAST_KL, below which nobody can see a difference). Where the two most likely
tokens are closer together than the shaking moves them, rounding decides between them; everywhere
else they must agree.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import torch

EXACT_RATIO = 1e-4
LEAST_KL = 1e-3
_KL_FACTOR = 4.0
_DIFFERENCE_FACTOR = 2.0
_LEAST_AGREEMENT_RATIO = 0.99


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two sets of logits against each other.

    Attributes:
        prompts: How many were compared.
        positions: Tokens of all prompts.
        largest_logit: Largest absolute logit of the reference.
        max_logit_difference: Largest absolute difference of a logit.
        top1_agreement_ratio: Share of positions with the same most likely token.
        mean_kl: Mean divergence of found from reference per position, nats.
        sure_agreement_ratio: The same share, over the positions whose two most likely tokens are
            further apart in the reference than rounding can move them; 1 where there are none.
    """

    prompts: int
    positions: int
    largest_logit: float
    max_logit_difference: float
    top1_agreement_ratio: float
    mean_kl: float
    sure_agreement_ratio: float


def compare(
    reference: Sequence[torch.Tensor],
    found: Sequence[torch.Tensor],
    *,
    undecided_below: float = 0.0,
) -> Comparison:
    """Compare logits, each [positions, vocabulary], prompt by prompt.

    Args:
        reference: What should be answered.
        found: What is answered.
        undecided_below: Distance of the two largest logits up to which a position is not sure.
    """
    divergences, agreed, sure = [], [], []
    for expected, actual in zip(reference, found, strict=True):
        divergences.append(_divergence(expected, actual))
        agreed.append(expected.argmax(-1) == actual.argmax(-1))
        top = expected.topk(2, dim=-1).values
        sure.append(top[:, 0] - top[:, 1] > undecided_below)
    agreement, is_sure = torch.cat(agreed).double(), torch.cat(sure)
    differences = [(a - b).abs().max() for a, b in zip(reference, found, strict=True)]
    return Comparison(
        prompts=len(reference),
        positions=len(agreement),
        largest_logit=float(torch.stack([one.abs().max() for one in reference]).max()),
        max_logit_difference=float(torch.stack(differences).max()),
        top1_agreement_ratio=float(agreement.mean()),
        mean_kl=float(torch.cat(divergences).mean()),
        sure_agreement_ratio=float(agreement[is_sure].mean()) if is_sure.any() else 1.0,
    )


def _divergence(expected: torch.Tensor, actual: torch.Tensor) -> torch.Tensor:
    """Return the Kullback-Leibler divergence of each position, fp64: it is a small difference."""
    wanted = torch.log_softmax(expected.double(), -1)
    got = torch.log_softmax(actual.double(), -1)
    return (wanted.exp() * (wanted - got)).sum(-1).clamp(min=0)


def is_exact(found: Comparison) -> bool:
    """Return whether logits differ by no more than the order of a sum makes in fp32."""
    return found.max_logit_difference <= EXACT_RATIO * max(1.0, found.largest_logit)


def undecided_below(shaken: Comparison) -> float:
    """Return the distance of two logits that rounding may turn around, by the shaken model.

    Either of two logits may move, and a merge may be twice as far off.
    """
    return 2 * _DIFFERENCE_FACTOR * shaken.max_logit_difference


def is_rounded(found: Comparison, shaken: Comparison) -> bool:
    """Return whether logits differ by no more than the rounding of the weights explains."""
    return (
        found.mean_kl <= max(LEAST_KL, _KL_FACTOR * shaken.mean_kl)
        and found.sure_agreement_ratio >= _LEAST_AGREEMENT_RATIO
    )
