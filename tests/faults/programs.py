# SPDX-License-Identifier: Apache-2.0
"""Short programs that change a workspace as the application does, to be traced or killed.

Each says in a file what it has promised to a person, right after the call has returned:
whatever is said must be there after any crash. A program does the same whenever it runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from engine.api.datasets import Datasets
from engine.api.facade import open_api
from engine.api.forgetting import Forgetting
from engine.api.jobs import Jobs
from engine.api.queue import QueueDesk
from engine.api.settings import Settings, change_settings
from engine.api.trash import Trash
from engine.api.versions import Versions
from engine.domain import queue as rules
from engine.domain.checkpoint import CheckpointState
from engine.domain.queue import Queue
from engine.domain.recipe import Recipe
from engine.domain.run import JobInfo, JobKind
from engine.domain.trash import TrashKind
from engine.domain.version import Action
from engine.protocol.events import Event, Finished, PhaseChanged, ProgressMade, SampleMade
from engine.protocol.job import JobContext
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.eventlog import EventWriter
from engine.store.layout import Layout
from engine.store.workspace import open_workspace
from tests.builders.dataset_import import START, ImportRun, new_workspace
from tests.faults.steps import STEP, write_old

Say = Callable[[str], None]
ROWS = 12
KEPT_CHECKPOINTS = 2
FIRST_STATE = CheckpointState(
    run_id="j1",
    step=0,
    tokens_seen=0,
    eval_before=2.0,
    eval_last=None,
    eval_best=None,
    eval_best_step=None,
    recipe_sha256="r",
    data_sha256="d",
)
"""What a checkpoint of j1 says before its first step."""


def checkpoints_of(workspace: Path) -> Path:
    """Return where `checkpoints` writes."""
    return workspace / "jobs" / "j1" / "checkpoints"


def adapter_of(workspace: Path) -> Path:
    """Return where `adapter` writes."""
    return workspace / "jobs" / "j1" / "adapter"


def rows_file(workspace: Path) -> Path:
    """Return the file that `imported` reads; it lies beside the workspace."""
    return workspace.with_name("rows.jsonl")


def export_of(workspace: Path) -> Path:
    """Return where `exported` writes."""
    return workspace / "exports" / "e9"


def saved_run(workspace: Path) -> Path:
    """Return where `run_saved` writes."""
    return workspace / "saved.zip"


def run_file(workspace: Path) -> Path:
    """Return the file that `run_taken` takes in; it lies beside the workspace."""
    return workspace.with_name("run.zip")


# ---------------------------------------------------------------------- what is there before


def prepare_empty(workspace: Path) -> None:
    """Make an empty workspace, and the source file beside it."""
    new_workspace(workspace)
    lines = (
        f'{{"messages":[{{"role":"user","content":"q{n}"}},{{"role":"assistant","content":"a{n}"}}]}}\n'
        for n in range(ROWS)
    )
    rows_file(workspace).write_text("".join(lines), encoding="utf-8")


def prepare_dataset(workspace: Path) -> None:
    """Make a workspace with one dataset, d1."""
    prepare_empty(workspace)
    _import(workspace)


def prepare_run(workspace: Path) -> None:
    """Make a workspace with the folder of a run, j1."""
    prepare_empty(workspace)
    checkpoints_of(workspace).mkdir(parents=True)


def prepare_log(workspace: Path) -> None:
    """Make the folder of a run whose log has a torn tail."""
    prepare_run(workspace)
    _append(workspace, range(3), lambda _word: None)
    with Layout(workspace).job("j1").events.open("ab") as stream:
        stream.write(b'{"seq":4,"t":"20')


# ---------------------------------------------------------------------- the programs


def _import(workspace: Path) -> None:
    ImportRun(Layout(workspace), [rows_file(workspace)], eval_ratio=0.25).run()


def imported(workspace: Path, say: Say) -> None:
    """Import a dataset."""
    _import(workspace)
    say("d1")


def changed(workspace: Path, say: Say) -> None:
    """Leave rows out, take it back, and tag a row."""
    layout = Layout(workspace)
    versions = Versions(layout, Datasets(layout, Jobs(layout)), now=lambda: START)
    ids = versions.order("d1").splits["train"][:2].tolist()
    say(f"head {versions.remove_rows('d1', ids, action=Action.REMOVED).number}")
    say(f"head {versions.undo('d1').number}")
    say(f"head {versions.tag('d1', ids, 'odd').number}")


def removed(workspace: Path, say: Say) -> None:
    """Remove the dataset."""
    layout = Layout(workspace)
    Datasets(layout, Jobs(layout)).remove("d1")
    say("gone")


def prepare_trash(workspace: Path) -> None:
    """Make a workspace whose one dataset is in the trash."""
    prepare_dataset(workspace)
    removed(workspace, lambda _word: None)


def restored(workspace: Path, say: Say) -> None:
    """Put the dataset back."""
    trash = Trash(Layout(workspace))
    # An entry that cannot be read is not in the list.
    trash.restore(next((one.id for one in trash.list()), "gone"))
    say("back")


def emptied(workspace: Path, say: Say) -> None:
    """Delete the dataset for good."""
    Trash(Layout(workspace)).empty()
    say("deleted")


def export_folders(workspace: Path) -> tuple[Path, Path]:
    """Return the two folders of the export."""
    return workspace / "jobs" / "j5", workspace / "exports" / "e5"


def prepare_export(workspace: Path) -> None:
    """Make a workspace with an export, which is two folders."""
    prepare_empty(workspace)
    for folder in export_folders(workspace):
        folder.mkdir()
        (folder / "file").write_bytes(b"content")


def export_removed(workspace: Path, say: Say) -> None:
    """Remove the export."""
    trash = Trash(Layout(workspace), make_id=lambda: "t5", now=lambda: START)
    say(trash.throw_away(TrashKind.EXPORT, "Five", export_folders(workspace)))


FORGETTABLE = "c0ffee42" * 4
"""Stands in every row of the dataset that `forgotten` forgets."""


def prepare_forgettable(workspace: Path) -> None:
    """Make a workspace with a dataset that was changed, and what else holds text of its rows."""
    new_workspace(workspace)
    rows = (f'{{"prompt":"{FORGETTABLE} {n}","completion":"a{n}"}}\n' for n in range(ROWS))
    rows_file(workspace).write_text("".join(rows), encoding="utf-8")
    _import(workspace)
    changed(workspace, lambda _word: None)
    layout = Layout(workspace)
    # That the second dataset was made of the first is only known to a job that goes early.
    for run_id, dataset_id in (("j1", "d1"), ("j4", "d2")):
        recipe = Recipe(dataset_id=dataset_id, model_id="m1")
        Jobs(layout, make_id=lambda key=run_id: key).create(
            JobKind.TRAIN, run_id, "x:y", {}, recipe
        )
        writer = EventWriter(layout.job(run_id).events, now=lambda: START)
        for event in (SampleMade(step=1, prompt=FORGETTABLE, answer="a"), Finished()):
            writer.append(event)
        writer.close()
    work: dict[str, object] = {"dataset_id": "d1", "new_id": "d2", "name": FORGETTABLE}
    Jobs(layout, make_id=lambda: "j2").create(JobKind.DATASET, "Two", "x:y", work)
    prompts: dict[str, object] = {"run_id": "j1", "prompts": [FORGETTABLE]}
    Jobs(layout, make_id=lambda: "j3").create(JobKind.EXPORT, "Three", "x:y", prompts)


def forgotten(workspace: Path, say: Say) -> None:
    """Forget the dataset."""
    say(Forgetting(Layout(workspace)).forget("d1").dataset_id)


def prepare_old(workspace: Path) -> None:
    """Make a workspace of version 1."""
    prepare_empty(workspace)
    write_old(Layout(workspace))


def migrated(workspace: Path, say: Say) -> None:
    """Bring the workspace to version 2."""
    open_workspace(workspace, now=START, steps=(STEP,))
    say("version 2")


def renamed(workspace: Path, say: Say) -> None:
    """Rename the dataset, and change a setting."""
    layout = Layout(workspace)
    Datasets(layout, Jobs(layout)).rename("d1", "Other")
    say("Other")
    settings = workspace / "settings.json"
    change_settings(settings, {"scheme": "dark"}, known=Settings())
    say("dark")


def job_made(workspace: Path, say: Say) -> None:
    """Write down what a job shall do."""
    made = Jobs(Layout(workspace), make_id=lambda: "j7")
    say(made.create(JobKind.IMPORT, "Seven", "engine.api.importing:run", {"paths": []}))


def _new_run(workspace: Path) -> str:
    """Make a run with an adapter, and return its id."""
    api = open_api(workspace)
    jobs = Jobs(api.layout, make_id=lambda: "a" * 12)
    recipe = Recipe(dataset_id="d1", model_id="m1")
    run_id = jobs.create(JobKind.TRAIN, "Theirs", "x:y", {}, recipe)
    with atomicfs.new_folder(api.layout.job(run_id).adapter) as building:
        atomicfs.write_file(building / "adapter_model.safetensors", b"weights")
    return run_id


def prepare_run_file(workspace: Path) -> None:
    """Make an empty workspace, and a file with a run beside it."""
    prepare_empty(workspace)
    theirs = workspace.with_name("theirs")
    open_api(theirs).run_files.save(_new_run(theirs), run_file(workspace))


def prepare_finished_run(workspace: Path) -> None:
    """Make a workspace with a run."""
    prepare_empty(workspace)
    _new_run(workspace)


def run_saved(workspace: Path, say: Say) -> None:
    """Save a run as a file, twice."""
    api = open_api(workspace)
    for _time in range(2):
        api.run_files.save("a" * 12, saved_run(workspace), replace=True)
        say("saved")


def run_taken(workspace: Path, say: Say) -> None:
    """Take a run in from a file, then write notes about it."""
    api = open_api(workspace)
    run_id = api.run_files.take(run_file(workspace))
    say(run_id)
    for text in ("first", "second"):
        api.notes.write(run_id, text=text, tags=[text])
        say(text)


def prepare_queue(workspace: Path) -> None:
    """Make a workspace with three runs, the first of which is in the queue."""
    prepare_empty(workspace)
    for run_id in ("q1", "q2", "q3"):
        Jobs(Layout(workspace), make_id=lambda run_id=run_id: run_id).create(
            JobKind.TRAIN, run_id, "x:y", {}, Recipe(dataset_id="d1", model_id="m1")
        )
    QueueDesk(Layout(workspace)).change(lambda queue: rules.added(queue, "q1"))


def queued(workspace: Path, say: Say) -> None:
    """Put two runs into the queue, the last one first, and take one out."""
    desk = QueueDesk(Layout(workspace))
    for step in QUEUE_STEPS:
        say(queue_words(desk.change(step)))


QUEUE_STEPS: tuple[Callable[[Queue], Queue], ...] = (
    lambda queue: rules.added(queue, "q2"),
    lambda queue: rules.added(queue, "q3"),
    lambda queue: rules.moved(queue, "q3", 0),
    lambda queue: rules.without(queue, "q1"),
)


def queue_words(queue: Queue) -> str:
    """Return which runs wait, in their order."""
    return " ".join(one.run_id for one in queue.entries)


def logged(workspace: Path, say: Say) -> None:
    """Go on with a torn event log."""
    _append(workspace, range(3, 6), say)


def _append(workspace: Path, numbers: range, say: Say) -> None:
    writer = EventWriter(Layout(workspace).job("j1").events, now=lambda: START)
    for number in numbers[:-1]:
        writer.append(ProgressMade(done=number, total=9, unit="rows"))
    writer.append(PhaseChanged(phase="saving"))
    say(f"{numbers[-1]} and the phase")
    writer.append(ProgressMade(done=numbers[-1], total=9, unit="rows"))
    writer.close()
    say("all")


def checkpoints(workspace: Path, say: Say) -> None:
    """Commit and prune checkpoints, the last of one step twice, as after a rollback."""
    from engine.train.checkpoint import prune_checkpoints, write_checkpoint

    model, optimizer = _trained()
    root = checkpoints_of(workspace)
    for number, step in enumerate((1, 2, 3, 3), start=1):
        _move(model, number)
        write_checkpoint(
            root, replace(FIRST_STATE, step=step, tokens_seen=number), model, optimizer
        )
        say(f"checkpoint {number}")
        prune_checkpoints(root, keep=KEPT_CHECKPOINTS, spared=())


def adapter(workspace: Path, say: Say) -> None:
    """Deliver an adapter, and a better one in its place."""
    from engine.train.adapter import commit_adapter

    model, _optimizer = _trained()
    for number in (1, 2):
        _move(model, number)
        say(f"adapter {commit_adapter(adapter_of(workspace), model, lambda _tensors: None)}")


def prepare_delivered(workspace: Path) -> None:
    """Make a workspace with a run that has delivered its adapter."""
    prepare_run(workspace)
    write_document(Layout(workspace).job("j1").recipe, Recipe(dataset_id="d1", model_id="m1"))
    adapter(workspace, lambda _word: None)


def exported(workspace: Path, say: Say) -> None:
    """Export the adapter of the run."""
    from engine.export.adapter import export

    options: dict[str, object] = {
        "run_id": "j1",
        "target": "adapter",
        "out": str(export_of(workspace)),
        "source": str(adapter_of(workspace)),
        "model_path": os.environ[MODEL_VARIABLE],
        "prompts": ["Hello"],
    }
    events: list[Event] = []
    export(
        JobContext(
            workspace=workspace,
            folder=Layout(workspace).job("e9").root,
            info=JobInfo(
                id="e9",
                kind=JobKind.EXPORT,
                name="Nine",
                entry="",
                created_at="",
                options={
                    name: msgspec.Raw(msgspec.json.encode(one)) for name, one in options.items()
                },
            ),
            attempt=1,
            emit=events.append,
            stop_requested=lambda: False,
            now=lambda: START,
        )
    )
    assert isinstance(events[-1], Finished)
    say("exported")


def _trained() -> tuple[Any, Any]:
    """Return a tiny model with an adapter, and the optimizer of it."""
    from engine.train.optimizer import AdapterOptimizer
    from tests.unit.train.models import load_adapted

    model = load_adapted(Path(os.environ[MODEL_VARIABLE]))
    return model, AdapterOptimizer(model.trainable(), weight_decay=0.0)


def _move(model: Any, number: int) -> None:
    import torch

    with torch.no_grad():
        for values in cast("Mapping[str, Any]", model.trainable()).values():
            values.fill_(number / 10)


MODEL_VARIABLE = "BURNISH_FAULTS_MODEL"
"""Names the folder of the base model."""

PROGRAMS: Mapping[str, tuple[Callable[[Path], None], Callable[[Path, Say], None]]] = {
    "imported": (prepare_empty, imported),
    "changed": (prepare_dataset, changed),
    "removed": (prepare_dataset, removed),
    "restored": (prepare_trash, restored),
    "emptied": (prepare_trash, emptied),
    "export_removed": (prepare_export, export_removed),
    "forgotten": (prepare_forgettable, forgotten),
    "migrated": (prepare_old, migrated),
    "renamed": (prepare_dataset, renamed),
    "job_made": (prepare_empty, job_made),
    "run_taken": (prepare_run_file, run_taken),
    "run_saved": (prepare_finished_run, run_saved),
    "queued": (prepare_queue, queued),
    "logged": (prepare_log, logged),
    "checkpoints": (prepare_run, checkpoints),
    "adapter": (prepare_run, adapter),
    "exported": (prepare_delivered, exported),
}


def environment(base_model: Path) -> dict[str, str]:
    """Return the variables that a program needs."""
    here = str(Path(__file__).resolve().parents[2])
    own = {"PYTHONPATH": here, "PYTHONDONTWRITEBYTECODE": "1", MODEL_VARIABLE: str(base_model)}
    return dict(os.environ) | own


def work_in_one_thread() -> None:
    """Let pools of threads do their work where it is given to them, and at once.

    strace counts the calls of each thread for itself: most of those of a pool would never be the
    one that fails. The thread that reads weights ahead must wait for its reader, and stays.
    """
    submit = ThreadPoolExecutor.submit

    def at_once(
        pool: ThreadPoolExecutor, work: Callable[..., Any], /, *arguments: Any, **options: Any
    ) -> Future[Any]:
        if (pool._thread_name_prefix or "").startswith("read-ahead"):
            return submit(pool, work, *arguments, **options)
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments, **options))
        except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it, as ever
            done.set_exception(error)
        return done

    ThreadPoolExecutor.submit = at_once


def run(name: str, workspace: str, said: str) -> None:
    """Run one program, in one thread.

    Args:
        name: Of the program.
        workspace: The folder that it changes.
        said: Gets a line for each promise.
    """
    work_in_one_thread()
    handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(word: str) -> None:
        os.write(handle, f"{word}\n".encode())

    PROGRAMS[name][1](Path(workspace), say)
