# SPDX-License-Identifier: Apache-2.0
"""What must be true of a workspace after any crash: whole and old, or whole and new.

Each verdict opens the workspace as the application does at its next start and returns what is
wrong with it, in words; nothing is wrong where the list is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from engine.api.datasets import Datasets
from engine.api.facade import open_api
from engine.api.jobs import Jobs
from engine.api.queue import QueueDesk
from engine.api.settings import read_settings
from engine.api.trash import Trash
from engine.api.versions import Versions
from engine.domain.queue import Queue, QueueEntry
from engine.errors import EngineError, WorkspaceTooNew
from engine.formats.versions import iter_rows
from engine.protocol.events import ProgressMade
from engine.store import atomicfs
from engine.store.eventlog import EventReader, EventWriter
from engine.store.layout import Layout
from engine.store.migrations import STEPS, Step
from engine.store.workspace import open_workspace
from tests.builders.dataset_import import START
from tests.faults import programs
from tests.faults.steps import FILES, OLD, SECOND, STEP

Said = tuple[str, ...]
Verdict = Callable[[Path, Said], Iterator[str]]


def complaints(name: str, workspace: Path, said: Said) -> list[str]:
    """Return what is wrong with a workspace after a crash of a program."""
    try:
        steps = STEPS_OF.get(name, STEPS)
        earlier = list(_of_version_1(workspace, said)) if name in STEPS_OF else []
        open_workspace(workspace, now=START, steps=steps)
        return [*earlier, *VERDICTS[name](workspace, said)]
    except (EngineError, OSError) as error:
        return [f"{type(error).__name__}: {error}"]


def _datasets(workspace: Path) -> Datasets:
    layout = Layout(workspace)
    return Datasets(layout, Jobs(layout))


def _whole_dataset(workspace: Path) -> Iterator[str]:
    """Read every row of every dataset, against the manifests."""
    found = _datasets(workspace)
    for name, why in found.damaged():
        yield f"dataset {name}: {why}"
    for info in found.list():
        folder = Layout(workspace).dataset(info.id)
        rows = sum(1 for split in info.splits for _row in iter_rows(folder, split, info.version))
        if rows != info.rows:
            yield f"{info.id} has {rows} rows instead of {info.rows}"


def imported(workspace: Path, said: Said) -> Iterator[str]:
    """The dataset is there in full, or not at all."""
    yield from _whole_dataset(workspace)
    if {one.id for one in _datasets(workspace).list()} < set(said):
        yield "an imported dataset is lost"


def changed(workspace: Path, said: Said) -> Iterator[str]:
    """The dataset is at the version that was said last, or at a later one of the same program."""
    yield from _whole_dataset(workspace)
    layout = Layout(workspace)
    versions = Versions(layout, Datasets(layout, Jobs(layout)), now=lambda: START)
    heads = ["head 1", "head 2", "head 1", "head 3"]
    allowed = heads[len(said) : len(said) + 2]
    head = f"head {_datasets(workspace).get('d1').version}"
    if head not in allowed:
        yield f"the dataset is at {head}, after {said}"
    if len(versions.history("d1")) < max((int(one.split()[1]) for one in said), default=1):
        yield "a version is lost"


def removed(workspace: Path, said: Said) -> Iterator[str]:
    """The dataset is there in full, or in the trash in full."""
    yield from _there_or_in_the_trash(workspace)
    if said and not Trash(Layout(workspace)).list():
        yield "a removed dataset is back"
    yield from _can_be_put_back(workspace)


def restored(workspace: Path, said: Said) -> Iterator[str]:
    """The same, the other way round."""
    yield from _there_or_in_the_trash(workspace)
    if said and not _datasets(workspace).list():
        yield "a dataset that was put back is in the trash"
    yield from _can_be_put_back(workspace)


def emptied(workspace: Path, said: Said) -> Iterator[str]:
    """The dataset is in the trash in full, or gone for good."""
    if _datasets(workspace).list():
        yield "a removed dataset is back"
    found = Trash(Layout(workspace)).list()
    if said and found:
        yield "what was deleted is back in the trash"
    if found:
        yield from _can_be_put_back(workspace)


def _there_or_in_the_trash(workspace: Path) -> Iterator[str]:
    yield from _whole_dataset(workspace)
    places = len(_datasets(workspace).list()), len(Trash(Layout(workspace)).list())
    if sum(places) != 1:
        yield f"the dataset is there {places[0]} times, and in the trash {places[1]} times"


def _can_be_put_back(workspace: Path) -> Iterator[str]:
    trash = Trash(Layout(workspace))
    for entry in trash.list():
        trash.restore(entry.id)
    yield from _whole_dataset(workspace)
    if not _datasets(workspace).list():
        yield "the dataset cannot be put back"


def export_removed(workspace: Path, said: Said) -> Iterator[str]:
    """Both folders of the export are there, or both are in the trash."""
    trash = Trash(Layout(workspace))
    folders = programs.export_folders(workspace)
    found = [one.exists() for one in folders]
    if found != [not trash.list()] * 2:
        yield f"the folders {found} are there, and {len(trash.list())} exports are in the trash"
    if said and any(found):
        yield "a removed export is back"
    for entry in trash.list():
        trash.restore(entry.id)
    if [one.read_bytes() for one in (folder / "file" for folder in folders)] != [b"content"] * 2:
        yield "the export is not what it was"


def forgotten(workspace: Path, said: Said) -> Iterator[str]:
    """Everything is there in full, or no text of a row is anywhere; the logs of runs are whole."""
    yield from _whole_dataset(workspace)
    texts = programs.FORGETTABLE.encode()
    files = [one for one in workspace.rglob("*") if one.is_file()]
    left = sorted(one.name for one in files if texts in one.read_bytes())
    is_there = bool(_datasets(workspace).list())
    if left and (said or not is_there):
        yield f"rows are left in {left}, the dataset is {'there' if is_there else 'gone'}"
    if is_there and "events.jsonl" not in left:
        yield "the dataset is there, but the run shows nothing of it"
    layout = Layout(workspace)
    for run_id in ("j1", "j4"):
        if [one.seq for one in EventReader(layout.job(run_id).events).poll()] != [1, 2]:
            yield f"the log of the run {run_id} is not whole"
    atomicfs.verify_folder(layout.job("j3").root)


def migrated(workspace: Path, said: Said) -> Iterator[str]:
    """The workspace was brought to version 2 by then, or is by opening it now."""
    layout = Layout(workspace)
    del said
    for name in FILES:
        if (workspace / name).read_bytes() != SECOND:
            yield f"{name} is not of version 2"
        if (layout.backups / "version-1" / name).read_bytes() != OLD:
            yield f"{name} is not in the backup"
    atomicfs.verify_folder(layout.backups / "version-1")
    if layout.migration.exists():
        yield "the migration is not over"


def _of_version_1(workspace: Path, said: Said) -> Iterator[str]:
    """For a program that knows version 1 only, the workspace is that in full, or too new."""
    try:
        open_workspace(workspace, now=START, steps=())
    except WorkspaceTooNew:
        return
    if said:
        yield "a workspace of version 2 is back at version 1"
    for name in FILES:
        if (workspace / name).read_bytes() != OLD:
            yield f"{name} is of version 2, the workspace is not"


def renamed(workspace: Path, said: Said) -> Iterator[str]:
    """Name and settings are the old or the new."""
    yield from _whole_dataset(workspace)
    name = _datasets(workspace).get("d1").name
    if name != "Other" and (said or name != "rows"):
        yield f"the dataset is called {name!r} after {said}"
    scheme = read_settings(workspace / "settings.json").scheme
    if scheme not in ({"dark"} if "dark" in said else {"dark", "system"}):
        yield f"the scheme is {scheme}"


def job_made(workspace: Path, said: Said) -> Iterator[str]:
    """The job is there in full, or not at all."""
    found = [one.info.name for one in Jobs(Layout(workspace)).list()]
    if found not in ([["Seven"]] if said else [[], ["Seven"]]):
        yield f"jobs: {found}"
    for one in Layout(workspace).jobs.iterdir():
        if not one.name.startswith(".") and not (one / "job.json").exists():
            yield "half of a job is left"
    yield from _left_over(workspace)


def _left_over(workspace: Path) -> Iterator[str]:
    """Yield what a client that was killed while it made a job left to the next start."""
    for one in Layout(workspace).jobs.iterdir():
        if one.name.startswith((atomicfs.TEMPORARY_PREFIX, atomicfs.TRASH_PREFIX)):
            yield f"{one.name} is left over"


def run_taken(workspace: Path, said: Said) -> Iterator[str]:
    """The run is there in full or not at all, with its old note or its new one."""
    api = open_api(workspace)
    yield from _left_over(workspace)
    found = api.runs.list()
    if len(found) != 1:
        if said or found:
            yield f"runs: {[one.id for one in found]}"
        return
    atomicfs.verify_folder(api.layout.job(found[0].id).adapter)
    notes = ("", "first", "second")
    note = found[0].note
    at = notes.index(note.text) if note.text in notes else -1
    if at < len(said) - 1 or note.tags != ((note.text,) if note.text else ()):
        yield f"note: {note}"


def run_saved(workspace: Path, said: Said) -> Iterator[str]:
    """The file is there as soon as it was said to be, and can be taken in."""
    file = programs.saved_run(workspace)
    if file.exists():
        api = open_api(workspace)
        atomicfs.verify_folder(api.layout.job(api.run_files.take(file)).adapter)
    elif said:
        yield "a saved run is lost"


def exported(workspace: Path, said: Said) -> Iterator[str]:
    """The export is there in full, or not at all."""
    folder = programs.export_of(workspace)
    if folder.exists():
        atomicfs.verify_folder(folder)
    elif said:
        yield "an export is lost"
    atomicfs.verify_folder(programs.adapter_of(workspace))


def queued(workspace: Path, said: Said) -> Iterator[str]:
    """The queue is as it was said last, or one step further."""
    desk = QueueDesk(Layout(workspace))
    queue = Queue(entries=(QueueEntry(run_id="q1"),))
    orders = [programs.queue_words(queue)]
    for step in programs.QUEUE_STEPS:
        queue = step(queue)
        orders.append(programs.queue_words(queue))
    found = programs.queue_words(desk.read())
    if found not in orders[len(said) : len(said) + 2]:
        yield f"the queue is {found!r} after {said}"
    desk.change(lambda one: one)


def logged(workspace: Path, said: Said) -> Iterator[str]:
    """Events are there in order, none twice; the next writer goes on behind the last."""
    path = Layout(workspace).job("j1").events
    least = (3, 5, 6)[len(said)]
    numbers = _numbers(path)
    if numbers != list(range(len(numbers))) or len(numbers) < least:
        yield f"events {numbers} after {said}"
    writer = EventWriter(path, now=lambda: START)
    writer.append(ProgressMade(done=len(numbers), total=9, unit="rows"))
    writer.close()
    if _numbers(path) != list(range(len(numbers) + 1)):
        yield "the log cannot be gone on with"


def _numbers(path: Path) -> list[int]:
    events = [one.event for one in EventReader(path).poll()]
    return [one.done for one in events if isinstance(one, ProgressMade)]


def checkpoints(workspace: Path, said: Said) -> Iterator[str]:
    """Whatever bears a checkpoint's name verifies, and the one that was said last is there."""
    from engine.train.checkpoint import checkpoint_folders, read_checkpoint

    root = programs.checkpoints_of(workspace)
    counts: list[int] = []
    for folder in checkpoint_folders(root):
        checkpoint = read_checkpoint(folder)
        counts.append(checkpoint.state.tokens_seen)
        moved = next(iter(checkpoint.adapter.values())).flatten()[0].item()
        if round(10 * moved) != checkpoint.state.tokens_seen:
            yield f"{folder.name} mixes two checkpoints"
    if max(counts, default=0) < len(said):
        yield f"checkpoints {counts} after {said}"


def adapter(workspace: Path, said: Said) -> Iterator[str]:
    """There is an adapter as soon as one was said to be there, and it is whole."""
    folder = programs.adapter_of(workspace)
    if folder.exists():
        atomicfs.verify_folder(folder)
    elif said:
        yield "a delivered adapter is lost"


STEPS_OF: Mapping[str, tuple[Step, ...]] = {"migrated": (STEP,)}
"""The steps that a workspace is opened with, where they are not those of the product."""

VERDICTS: Mapping[str, Verdict] = {
    "imported": imported,
    "changed": changed,
    "removed": removed,
    "restored": restored,
    "emptied": emptied,
    "export_removed": export_removed,
    "forgotten": forgotten,
    "migrated": migrated,
    "renamed": renamed,
    "job_made": job_made,
    "run_taken": run_taken,
    "run_saved": run_saved,
    "queued": queued,
    "logged": logged,
    "checkpoints": checkpoints,
    "adapter": adapter,
    "exported": exported,
}
