# SPDX-License-Identifier: Apache-2.0
"""R6 and R8: files that changed on the disk are found, and what was good before is used."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.errors import DocumentDamaged, EngineError
from engine.formats.versions import iter_rows
from engine.protocol.events import ProgressMade, Warned
from engine.store.atomicfs import MANIFEST
from engine.store.eventlog import EventReader, EventWriter
from engine.store.layout import Layout
from engine.train.checkpoint import (
    STATE,
    Checkpoint,
    checkpoint_folders,
    checkpoint_name,
    newest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from engine.train.optimizer import AdapterOptimizer
from tests.builders.dataset_import import START
from tests.faults import programs
from tests.faults.extent import IS_FULL
from tests.unit.train.models import load_adapted

HARMS = 2500 if IS_FULL else 120
CUT_LOGS = 10_000 if IS_FULL else 150
ZEROS = 4096
SEED = 6
VERSION = 3
ASIDE = (
    "rejects.jsonl", "source.json", "head.json",
    "dataset_dict.json", "dataset_info.json", "state.json",
)  # fmt: skip
"""Files of a dataset on which its rows do not stand; the last are for the library `datasets`."""


# ---------------------------------------------------------------------- what goes wrong

Harm = Callable[[Path, random.Random], None]


def flip_a_bit(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    place = chance.randrange(8 * len(content))
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)


def zero_a_block(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    begin = chance.randrange(len(content))
    end = min(len(content), begin + ZEROS)
    content[begin:end] = bytes(end - begin)
    path.write_bytes(content)


def cut(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(len(content))])


def lose(path: Path, chance: random.Random) -> None:
    del chance
    path.unlink()


def swap(path: Path, chance: random.Random) -> None:
    # A checkpoint's neighbours are the other checkpoints: this also puts back an older copy.
    near = sorted(path.parent.parent.rglob("*"))
    other = chance.choice([one for one in near if one.is_file() and one != path])
    content, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(content)


HARM: tuple[Harm, ...] = (flip_a_bit, zero_a_block, cut, lose, swap)


# ---------------------------------------------------------------------- checkpoints


@pytest.fixture(scope="module")
def good_checkpoints(tmp_path_factory: pytest.TempPathFactory, base_model: Path) -> Path:
    """Return a folder of three checkpoints, of steps 1 to 3."""
    root = tmp_path_factory.mktemp("run") / "checkpoints"
    model = load_adapted(base_model)
    optimizer = AdapterOptimizer(model.trainable(), weight_decay=0.0)
    for step in (1, 2, 3):
        write_checkpoint(root, replace(programs.FIRST_STATE, step=step), model, optimizer)
    return root


def is_as_written(good: Path, root: Path, step: int) -> bool:
    """Return whether nothing happened to one checkpoint."""
    name = checkpoint_name(step)
    return all(
        (root / name / one.name).exists()
        and (root / name / one.name).read_bytes() == one.read_bytes()
        for one in (good / name).iterdir()
    )


def same(one: Checkpoint, other: Checkpoint) -> bool:
    """Return whether a run would go on alike from both."""
    tensors = [(one.adapter, other.adapter), (one.optimizer, other.optimizer)]
    return one.state == other.state and all(
        left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)
        for left, right in tensors
    )


def test_harmed_checkpoint_is_told_and_the_one_before_is_used(
    good_checkpoints: Path, memory_folder: Path, tell: Callable[[str], None]
) -> None:
    chance = random.Random(SEED)
    counted: Counter[str] = Counter()
    for number in range(HARMS):
        root = memory_folder / str(number)
        shutil.copytree(good_checkpoints, root)
        newest = checkpoint_folders(root)[-1]
        victim = chance.choice(sorted(newest.iterdir()))
        harm = chance.choice(HARM)
        harm(victim, chance)
        whole = [one for one in (1, 2, 3) if is_as_written(good_checkpoints, root, one)]
        told: list[Warned] = []
        found = newest_checkpoint(root, told.append)
        assert found is not None
        if found.state.step != whole[-1]:
            # Only the name of a checksum changed, without which a document is as good as before.
            assert victim.name in (MANIFEST, STATE), f"{harm.__name__} of {victim.name}"
            assert same(
                found, read_checkpoint(good_checkpoints / checkpoint_name(found.state.step))
            )
        assert len(told) == 3 - found.state.step
        assert all(one.code == "checkpoint_damaged" and one.message for one in told)
        counted[harm.__name__ if told else "as it was"] += 1
        shutil.rmtree(root)
    tell(f"checkpoints harmed and found: {dict(counted)}")


# ---------------------------------------------------------------------- datasets


def rows_of(workspace: Path) -> list[str]:
    """Return every row of the dataset, read as a run reads it."""
    folder = Layout(workspace).dataset("d1")
    return [
        f"{split} {key} {row}"
        for split in ("train", "eval")
        for key, row in iter_rows(folder, split, VERSION)
    ]


def files_that_matter(folder: Path) -> Iterator[Path]:
    """Yield the files on which the rows of a dataset stand."""
    for path in sorted(folder.rglob("*")):
        is_aside = path.name in ASIDE or path.suffix == ".lock"
        is_older = f"{VERSION - 1:06d}" in path.parts
        if path.is_file() and not is_aside and not is_older:
            yield path


def test_harmed_dataset_is_told_or_reads_the_same(
    memory_folder: Path, tell: Callable[[str], None]
) -> None:
    workspace = memory_folder / "workspace"
    programs.prepare_dataset(workspace)
    programs.changed(workspace, lambda _word: None)
    good = rows_of(workspace)
    chance = random.Random(SEED)
    folder = Layout(workspace).dataset("d1").root
    victims = list(files_that_matter(folder))
    counted: Counter[str] = Counter()
    for _number in range(HARMS):
        victim, harm = chance.choice(victims), chance.choice(HARM)
        kept = {one: one.read_bytes() for one in folder.rglob("*") if one.is_file()}
        harm(victim, chance)
        try:
            assert rows_of(workspace) == good, f"{harm.__name__} of {victim.name} was not seen"
            # Zeros that were zeros before; in a document, the name of its checksum.
            assert victim.read_bytes() == kept[victim] or victim.suffix == ".json"
            counted["the same"] += 1
        except EngineError as error:
            counted[harm.__name__ if error.message and error.remedy else "without a word"] += 1
        for path, content in kept.items():
            path.write_bytes(content)
    assert counted["the same"] < HARMS / 20
    assert not counted["without a word"]
    tell(f"datasets harmed and found: {dict(counted)}")


# ---------------------------------------------------------------------- event logs


def write_log(path: Path, count: int) -> bytes:
    writer = EventWriter(path, now=lambda: START)
    for number in range(count):
        writer.append(ProgressMade(done=number, total=count, unit="rows"))
    writer.close()
    return path.read_bytes()


def numbers_of(path: Path) -> list[int]:
    events = [one.event for one in EventReader(path).poll()]
    return [one.done for one in events if isinstance(one, ProgressMade)]


@settings(
    max_examples=CUT_LOGS,
    deadline=None,
    derandomize=True,
    # Each example writes the same file anew.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(kept=st.floats(0, 1), garbage=st.binary(max_size=200), harmed=st.integers(0))
def test_log_with_any_tail_yields_its_whole_lines_and_is_gone_on_with(
    memory_folder: Path, kept: float, garbage: bytes, harmed: int
) -> None:
    path = memory_folder / "events.jsonl"
    path.unlink(missing_ok=True)
    content = write_log(path, 12)
    head = content[: round(kept * len(content))]
    path.write_bytes(head + garbage)
    whole = list(range(head.count(b"\n")))
    found = numbers_of(path)
    # Garbage may complete the line that was cut; nothing else may come of it.
    assert found in (whole, [*whole, len(whole)])
    assert numbers_after_a_flip(path, content, harmed) == list(range(12))[: harmed % 12]
    write_log(path, 1)
    assert [one.seq for one in EventReader(path).poll()][:1] == [1]


def numbers_after_a_flip(path: Path, content: bytes, harmed: int) -> list[int]:
    """Return what is read of a log with one figure of one line changed."""
    lines = content.splitlines(keepends=True)
    at = harmed % len(lines)
    lines[at] = lines[at].replace(b'"total":12', b'"total":13')
    path.write_bytes(b"".join(lines))
    return numbers_of(path)


def test_one_damaged_document_is_named(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    programs.prepare_dataset(workspace)
    marker = Layout(workspace).marker
    marker.write_bytes(marker.read_bytes().replace(b"2026", b"2027"))
    with pytest.raises(DocumentDamaged, match=r"workspace\.json"):
        programs.prepare_empty(workspace)
