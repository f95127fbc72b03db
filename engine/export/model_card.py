# SPDX-License-Identifier: Apache-2.0
"""The README.md of an export: what it is, how to load it, what was checked; nothing private."""

from __future__ import annotations

from collections.abc import Mapping
from gettext import gettext as _

import msgspec

from engine.domain.provenance import Provenance, history_lines, provenance_lines
from engine.domain.start import Ancestor, descent_lines
from engine.export.comparison import Comparison

_LOADING: Mapping[str, str] = {
    "adapter": """\
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = "path/to/the/base/model"
tokenizer = AutoTokenizer.from_pretrained(base)
model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
model = PeftModel.from_pretrained(model, "path/to/this/folder")
""",
    "merged": """\
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "path/to/this/folder"
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
""",
}


class CardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a card states.

    Attributes:
        target: Id of the export target.
        base: Name of the base model; never a path.
        licence: Licence of the base model, or an empty text.
        method: Id of the training method.
        rank: Rank of the adapter.
        scale: Factor on B @ A.
        modules: Last names of the adapted modules, sorted.
        comparison: What the check before the export was finished found.
        data: What is told of the rows that were trained.
        descent: What the adapter was made of that the run began with, oldest first.
        step: Optimizer step that the adapter is of, or None where it is not known.
        is_best: It is that of the lowest held-out loss.
    """

    target: str
    base: str
    licence: str
    method: str
    rank: int
    scale: float
    modules: tuple[str, ...]
    comparison: Comparison
    data: tuple[Provenance, ...] = ()
    descent: tuple[Ancestor, ...] = ()
    step: int | None = None
    is_best: bool = False


def card_text(facts: CardFacts) -> str:
    """Return the text of README.md."""
    return "\n".join(
        [
            _front_matter(facts),
            _title(facts),
            _facts(facts),
            *_descent(facts),
            *_data(facts),
            _use(facts),
        ]
    )


def _front_matter(facts: CardFacts) -> str:
    library = "peft" if facts.target == "adapter" else "transformers"
    lines = ["---", f"library_name: {library}", f"base_model: {_quoted(facts.base)}"]
    if facts.licence:
        lines.append(f"license: {_quoted(facts.licence)}")
    return "\n".join([*lines, "pipeline_tag: text-generation", "---", ""])


def _quoted(text: str) -> str:
    """Return a YAML scalar; a JSON string is one."""
    return msgspec.json.encode(text).decode()


def _title(facts: CardFacts) -> str:
    if facts.target == "adapter":
        title = _("An adapter for {base}")
        what = _("Small files with what was learned. They are loaded on top of the base model.")
    else:
        title = _("{base}, fine-tuned")
        what = _("A complete model: the base model with what was learned summed into its weights.")
    return f"# {title.format(base=facts.base)}\n\n{what}\n"


def _facts(facts: CardFacts) -> str:
    found = facts.comparison
    rows = (
        (_("Base model"), facts.base),
        (_("Licence of the base model"), facts.licence or _("not stated; look at its origin")),
        (_("Training method"), facts.method),
        (_("Rank of the adapter"), str(facts.rank)),
        (_("Factor on the adapter"), f"{facts.scale:g}"),
        *_step(facts),
        (_("Adapted layers"), ", ".join(facts.modules)),
        (
            _("Checked against the trained model"),
            _("{prompts} prompts, {positions} positions").format(
                prompts=found.prompts, positions=found.positions
            ),
        ),
        (_("Same most likely token"), f"{found.top1_agreement_ratio:.2%}"),
        (_("Mean divergence"), f"{found.mean_kl:.2g}"),
        (_("Largest difference of a logit"), f"{found.max_logit_difference:.2g}"),
    )
    lines = [f"| {name} | {_cell(value)} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines, ""])


def _step(facts: CardFacts) -> tuple[tuple[str, str], ...]:
    """Return a row that says which step of the run this is, where that is known."""
    if facts.step is None:
        return ()
    words = _("{step}, the lowest held-out loss of the run") if facts.is_best else "{step}"
    return ((_("Training steps"), words.format(step=facts.step)),)


def _descent(facts: CardFacts) -> list[str]:
    """Return a part that tells what the training went on with; none where it began anew."""
    if not facts.descent:
        return []
    lines = [f"{number}. {one}" for number, one in enumerate(descent_lines(facts.descent), 1)]
    return ["\n".join([_("## Before this training"), "", *lines, ""])]


def _data(facts: CardFacts) -> list[str]:
    """Return a part for each dataset: where its rows come from, and what was done with them."""
    parts: list[str] = []
    for one in facts.data:
        title = _("## Data: {name}").format(name=" ".join(one.name.split()))
        hashes = [f"- SHA-256 {digest}" for digest in one.source_sha256]
        lines = [title, "", *provenance_lines(one), *hashes, "", *history_lines(one), ""]
        parts.append("\n".join(lines))
    return parts


def _cell(text: str) -> str:
    """Return a text that stays in its cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def _use(facts: CardFacts) -> str:
    trust = _(
        "The licence of the base model holds for this model too. Who passes it on answers for what "
        "it was trained on. Made with Burnish."
    )
    return f"## {_('Use')}\n\n```python\n{_LOADING[facts.target]}```\n\n{trust}\n"
