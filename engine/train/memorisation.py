# SPDX-License-Identifier: Apache-2.0
"""The job that finds out how much text of its training rows a trained model writes by itself.

One pass over a row tells for each token how likely the model writes it there, and whether it is the
most likely one: the same as to let the model write token by token, and to compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from gettext import gettext as _
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from engine.chat.packing import Members
from engine.chat.tokenizer import ChatTokenizer, load_tokenizer
from engine.domain.dataset import Row
from engine.domain.memorisation import WITHIN_TRIES_LOG, Asked, Memorisation, total
from engine.domain.phase import Phase
from engine.domain.randomness import seed_of
from engine.domain.recipe import Recipe
from engine.domain.run import JobInfo
from engine.domain.split import EVAL, TRAIN
from engine.errors import Cancelled, DocumentDamaged, LossNotFiniteError, NothingToExport
from engine.hardware.calibration import read_measurements
from engine.methods.registry import method
from engine.protocol.events import Finished, PhaseChanged, ProgressMade, Stopped
from engine.protocol.job import JobContext
from engine.store import atomicfs
from engine.store.documents import read_document, write_document
from engine.store.known_model import find_model
from engine.store.layout import JobFolder, Layout
from engine.train.adapter import WEIGHTS, put_tensors, read_tensors
from engine.train.base_weights import load_base
from engine.train.batches import Batch, make_batch
from engine.train.cards import deal_out
from engine.train.device import choose_placement, naming_memory_errors, repeatable
from engine.train.examples import row_batches
from engine.train.grouping import rows_together
from engine.train.load import with_adapter_of
from engine.train.loss import chunk_rows
from engine.train.memorised_stretches import PASSAGE, AskedRow, Asking
from engine.train.model import LanguageModel
from engine.train.progress import row_progress
from engine.train.sources import RowSource, sources_of, without_copies
from engine.train.stop import heed_stop
from engine.train.tuned import check_weights

VALUES, PASSAGES = 300, 100
"""Asked for at most: enough for an interval of six points, and minutes on a card."""

ROWS = 20_000
"""Rows that are looked through at most, drawn by lot."""

Floats = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]


class Likelihood(msgspec.Struct, frozen=True, kw_only=True):
    """How a model would write the wanted tokens of one row.

    Attributes:
        log: Natural logarithm of the probability of each [n].
        is_first: Whether it is the most likely token there [n].
    """

    log: Floats
    is_first: Marks


class _Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is asked for.

    Attributes:
        trained: Rows of the datasets that it is for.
        held_out: Rows of the same that it did not learn from.
        all_rows: Rows that the first are drawn from.
    """

    trained: Asking
    held_out: Asking
    all_rows: int


def run(context: JobContext) -> None:
    """Ask a run's model for text of its rows, and write down what came; no text is kept.

    Raises:
        NothingToExport: The run has no adapter that verifies.
        LossNotFiniteError: The model answers with what are no numbers.
        ModelChanged: The base model's files changed since the run.
        DatasetDamaged: The rows cannot be read.
        NotEnoughMemory: A row does not fit.
        EngineError: Anything else that keeps the model from loading.
    """
    layout = Layout(context.workspace)
    folder = layout.job(context.info.text_option("run_id"))
    recipe = read_document(folder.recipe, Recipe)
    try:
        found = probe(context, layout, folder, recipe)
    except Cancelled:
        context.emit(Stopped(step=0, checkpoint=""))
        return
    write_document(JobFolder(context.folder).memorisation, found)
    context.emit(Finished())


def probe(context: JobContext, layout: Layout, folder: JobFolder, recipe: Recipe) -> Memorisation:
    """Ask the base model, then the trained one, for the same stretches of rows.

    Raises:
        Cancelled: A stop was asked for.
        EngineError: As of `run`.
    """
    info = find_model(
        layout, recipe.model_id, fingerprint=context.info.text_option("model_fingerprint")
    )
    check_weights(folder, info)
    adapter, tensors = _delivered(folder)
    # As the run saw them: its template may write the time.
    began = read_document(folder.info, JobInfo).created_at
    tokenizer = load_tokenizer(Path(info.path), clock=datetime.fromisoformat(began))
    drawn = _draw(context, layout, recipe, tokenizer)
    quantised = method(recipe.method).quantised
    placement = deal_out(
        choose_placement(recipe.device, recipe.dtype),
        recipe,
        info,
        quantised=quantised,
        measured=read_measurements(layout.measurements),
    )
    with naming_memory_errors(placement.device), repeatable(placement.device):
        base = load_base(context, info, placement, quantised=quantised).model
        context.emit(PhaseChanged(phase=Phase.ASKING_BASE))
        before = _both(context, base, drawn, recipe)
        model = with_adapter_of(base, recipe)
        put_tensors(model, tensors)
        context.emit(PhaseChanged(phase=Phase.ASKING))
        after = _both(context, model, drawn, recipe)
        model.check_unchanged()
    trained = counted(drawn.trained.rows, after[0], before[0])
    held_out = counted(drawn.held_out.rows, after[1], before[1])
    return Memorisation(
        adapter_sha256=adapter,
        checked_at=context.now().isoformat(timespec="seconds"),
        rows=drawn.trained.looked_at,
        all_rows=drawn.all_rows,
        values={kind: one for kind, one in sorted(trained.items()) if kind != PASSAGE},
        given_away=drawn.trained.given_away,
        passages=trained.get(PASSAGE, Asked()),
        held_out=total(held_out.values()),
        goes_on=recipe.start is not None,
        replays=recipe.replay is not None,
        reached_rows=_reached(context, recipe, drawn.all_rows),
    )


def _delivered(folder: JobFolder) -> tuple[str, dict[str, torch.Tensor]]:
    """Return what identifies the delivered adapter of a run, and its tensors.

    No checkpoint takes its place: what is said of it would be said of weights that do not leave.
    """
    try:
        atomicfs.verify_folder(folder.adapter)
        # Before the tensors: of one that is replaced meanwhile, the result counts as old.
        return atomicfs.sha256_of(folder.adapter / atomicfs.MANIFEST), read_tensors(
            folder.adapter / WEIGHTS
        )
    except DocumentDamaged as error:
        raise NothingToExport(
            _("The adapter of the run is missing or damaged."), detail=error.message
        ) from error


def _reached(context: JobContext, recipe: Recipe, rows: int) -> int | None:
    """Return how many rows the weights can have seen, where these are not all; else None."""
    step = context.info.text_option("adapter_step")
    seen = int(step) * recipe.effective_batch_size if step else rows
    return seen if seen < rows else None


# --------------------------------------------------------------------------- what is asked for


def _draw(context: JobContext, layout: Layout, recipe: Recipe, tokenizer: ChatTokenizer) -> _Drawn:
    """Look through rows that were trained, and through held-out ones, until enough is found."""
    sources = sources_of(layout, recipe)
    if len(sources) > 1:
        context.emit(PhaseChanged(phase=Phase.COMPARING_ROWS))
        compared = sum(one.count + one.held_out_count for one in sources)
        sources = without_copies(sources, on_rows=row_progress(context, compared))
    own = [one for one in sources if not one.is_former and not one.is_replay]
    context.emit(PhaseChanged(phase=Phase.READING_ROWS))
    trained = Asking(values_limit=VALUES, passages_limit=PASSAGES)
    held_out = Asking(values_limit=0, passages_limit=PASSAGES)
    with ExitStack() as stack:
        for split, asking in ((TRAIN, trained), (EVAL, held_out)):
            rows = _drawn_rows(stack, own, split, seed=seed_of("memorisation", recipe.seed))
            found = sum(len(_asked_rows(one, split)) for one in own)
            on_rows = row_progress(context, min(ROWS, found))
            for batch in row_batches(rows):
                asking.add(batch, tokenizer, max_length=recipe.max_length)
                on_rows(asking.looked_at)
                if asking.is_full:
                    break
            # A passage of a training row that a held-out row holds too was seen.
            held_out.not_again = trained.asked
    all_rows = sum(len(_asked_rows(one, TRAIN)) for one in own)
    return _Drawn(trained=trained, held_out=held_out, all_rows=all_rows)


def _count(source: RowSource, split: str) -> int:
    return source.count if split == TRAIN else source.held_out_count


def _drawn_rows(
    stack: ExitStack, sources: Sequence[RowSource], split: str, *, seed: int
) -> Iterator[Row]:
    """Yield rows of a split of all datasets in the order of a lot.

    Args:
        stack: Closes the tables at its end.
        sources: The datasets.
        split: Which rows.
        seed: Of the lot.
    """
    used = [one for one in sources if _count(one, split)]
    tables = [stack.enter_context(closing(one.open_split(split))) for one in used]
    asked = [_asked_rows(one, split) for one in used]
    edges = np.cumsum([0, *map(len, asked)])
    order = np.random.default_rng(seed).permutation(edges[-1])[:ROWS]
    owners = np.searchsorted(edges, order, side="right") - 1
    for owner, place in zip(owners, order, strict=True):
        yield tables[owner].row(int(asked[owner][place - edges[owner]]))


def _asked_rows(source: RowSource, split: str) -> Members:
    """Return the places of the rows of a split that may be asked for: of `train`, what trains."""
    if split == TRAIN and source.left_out is not None:
        return np.flatnonzero(~source.left_out)
    return np.arange(_count(source, split))


# --------------------------------------------------------------------------- what comes


def _both(
    context: JobContext, model: LanguageModel, drawn: _Drawn, recipe: Recipe
) -> tuple[list[Likelihood], list[Likelihood]]:
    """Return how a model would write what is asked of trained rows, and of held-out ones."""
    askings = drawn.trained, drawn.held_out
    rows = sum(len(one.rows) for one in askings)
    done = 0

    def on_rows(count: int) -> None:
        """Tell of some more rows, and heed a stop."""
        nonlocal done
        heed_stop(context)
        done += count
        context.emit(ProgressMade(done=done, total=rows, unit="rows"))

    first, second = (
        likelihoods(model, one, capacity=recipe.max_length, on_rows=on_rows) for one in askings
    )
    return first, second


def likelihoods(
    model: LanguageModel, asking: Asking, *, capacity: int, on_rows: Callable[[int], None]
) -> list[Likelihood]:
    """Return how a model would write the wanted tokens of each row.

    Args:
        model: It is switched to evaluation and back.
        asking: The rows.
        capacity: Tokens that go through the model together; longer rows go alone.
        on_rows: Is told how many rows are done more; may raise to end the work.
    """
    if not asking.rows:
        return []
    examples, wanted = asking.examples, asking.examples.supervised
    found: dict[int, Likelihood] = {}
    was_training = model.net.training
    model.net.eval()
    try:
        with torch.no_grad(), model.steady_adapter():
            everything = np.arange(len(examples))
            for members in rows_together(everything, examples.lengths, capacity=capacity):
                batch = make_batch(
                    examples, members, model.device, is_evened=model.wants_even_lengths
                )
                log, is_first = _of_targets(model, batch)
                ends = np.cumsum(wanted[members])[:-1]
                parts = zip(members, np.split(log, ends), np.split(is_first, ends), strict=True)
                found |= {int(one): Likelihood(log=a, is_first=b) for one, a, b in parts}
                on_rows(len(members))
    finally:
        model.net.train(was_training)
    return [found[one] for one in range(len(examples))]


def _of_targets(model: LanguageModel, batch: Batch) -> tuple[Floats, Marks]:
    """Return log probability and rank one of every target of a batch [n], by chunks of the head."""
    hidden = model.hidden(batch.ids, batch.positions, segments=batch.segments)
    asked = hidden.index_select(0, batch.rows)
    rows = chunk_rows(model.net.config.vocab_size)
    logs: list[torch.Tensor] = []
    firsts: list[torch.Tensor] = []
    for start in range(0, len(asked), rows):
        targets = batch.targets[start : start + rows]
        logits = model.logits(asked[start : start + rows]).float()
        logs.append(logits.log_softmax(-1).gather(1, targets[:, None])[:, 0])
        firsts.append(logits.argmax(-1) == targets)
    found = torch.cat(logs).to("cpu", torch.float64)
    if found.isnan().any():
        # Not a number is never likely: such a model would look as if it had memorised nothing.
        raise LossNotFiniteError(_("The model answers with values that are not numbers."))
    return found.numpy(), torch.cat(firsts).cpu().numpy()


def counted(
    rows: Sequence[AskedRow], after: Sequence[Likelihood], before: Sequence[Likelihood]
) -> dict[str, Asked]:
    """Return what came of each kind of stretch.

    Args:
        rows: What was asked.
        after: How the trained model would write it.
        before: How the base model would.
    """
    found: dict[str, Asked] = {}
    for row, trained, base in zip(rows, after, before, strict=True):
        place = np.cumsum([0, *row.wanted])
        for one in row.stretches:
            part = slice(int(place[one.start]), int(place[one.end]))
            found[one.kind] = found.get(one.kind, Asked()).plus(_came(trained, base, part))
    return found


def _came(trained: Likelihood, base: Likelihood, part: slice) -> Asked:
    written, within = _is_written(trained, part)
    base_written, base_within = _is_written(base, part)
    return Asked(
        count=1,
        written=written,
        within_tries=within,
        base_written=base_written,
        base_within_tries=base_within,
        learned=within and not base_within,
    )


def _is_written(found: Likelihood, part: slice) -> tuple[bool, bool]:
    """Return whether a stretch comes word for word, and whether within the tries or so."""
    is_written = bool(found.is_first[part].all())
    is_likely = float(found.log[part].sum()) >= WITHIN_TRIES_LOG
    return is_written, is_written or is_likely
