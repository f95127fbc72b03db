# SPDX-License-Identifier: Apache-2.0
"""The demo: from a file to verified weights, on the bundled starter model."""

from __future__ import annotations

import time
from gettext import gettext as _
from typing import Any

import typer

from engine.api.exports import prompt_of
from engine.api.runs import RunView
from engine.api.starter import SAMPLE_NAME, SAMPLE_PRESET, sample_file
from engine.cli.follow import duration, follow
from engine.cli.session import Json, Session, session_of
from engine.cli.weights import answers, export_run
from engine.domain.split import EVAL
from engine.errors import EngineError

_ANSWER_TOKENS = 96


def demo(context: typer.Context, as_json: Json = False) -> None:
    """Import the sample, train the starter model, compare, export and verify. About two minutes."""
    session = session_of(context, as_json)
    began = time.monotonic()
    result = run_demo(session)
    result["seconds"] = round(time.monotonic() - began, 1)
    session.out.print(_("Done in {time}.").format(time=duration(result["seconds"])))
    session.out.print(
        _("“runs” lists the run, and the window shows its curves. Then import rows of your own.")
    )
    session.result(result)


def run_demo(session: Session) -> dict[str, Any]:
    """Do it, printing each stage, and return what came out.

    Raises:
        EngineError: A stage failed.
    """
    dataset_id = _import(session)
    model = session.api.models.add_starter()
    session.out.print(
        _("2. Model: {name}, {size} million parameters, linked where it is.").format(
            name=model.name, size=f"{model.parameters / 1e6:.1f}"
        ),
        markup=False,
    )
    run = _train(session, dataset_id, model.id)
    snapshot = run.job.snapshot
    shown = _compare(session, dataset_id, model.id, run.id)
    exports = [_export(session, run.id, target) for target in ("adapter", "merged")]
    return {
        "run_id": run.id,
        "eval_loss_before": snapshot.eval_before,
        "eval_loss_after": snapshot.eval_last,
        **shown,
        "exports": exports,
    }


def _import(session: Session) -> str:
    job_id = session.api.datasets.start_import([sample_file()], name=SAMPLE_NAME)
    view = follow(session, job_id, title=_("Import"))
    info = session.api.datasets.get(view.snapshot.result["dataset_id"])
    session.out.print(
        _("1. Data: {name}, {train} rows to train, {held} held out, {rejects} rejected.").format(
            name=info.name,
            train=info.splits["train"],
            held=info.splits["eval"],
            rejects=info.rejects,
        ),
        markup=False,
    )
    return info.id


def _train(session: Session, dataset_id: str, model_id: str) -> RunView:
    recipe = session.api.runs.make_recipe(dataset=dataset_id, model=model_id, preset=SAMPLE_PRESET)
    run_id = session.api.runs.start(recipe)
    follow(session, run_id, title=_("Train"))
    run = session.api.runs.get(run_id)
    before, after = run.job.snapshot.eval_before, run.job.snapshot.eval_last
    if before is None or after is None:
        raise EngineError(_("The run ended without a held-out loss."))
    session.out.print(
        _(
            "3. Trained {steps} steps. Held-out loss {before} before, {after} after: {change} %."
        ).format(
            steps=run.job.snapshot.step,
            before=f"{before:.3f}",
            after=f"{after:.3f}",
            change=f"{100 * (after / before - 1):+.0f}",
        ),
        markup=False,
    )
    return run


def _compare(session: Session, dataset_id: str, model_id: str, run_id: str) -> dict[str, str]:
    row = session.api.datasets.open_rows(dataset_id, EVAL).row(0)
    prompt = prompt_of(row)
    base, tuned = (
        answers(session, model=model_id, run=one, prompts=[prompt], max_new_tokens=_ANSWER_TOKENS)
        for one in (None, run_id)
    )
    session.out.print(_("4. A held-out question: {prompt}").format(prompt=prompt), markup=False)
    session.out.print(_("   before: {text}").format(text=base[0].answer), markup=False)
    session.out.print(
        _("   after:  {text}").format(text=tuned[0].answer.replace("\n", "\n           ")),
        markup=False,
    )
    return {"prompt": prompt, "answer_before": base[0].answer, "answer_after": tuned[0].answer}


def _export(session: Session, run_id: str, target: str) -> dict[str, Any]:
    done = export_run(session, run_id, target, None)
    session.out.print(
        _("5. Exported and verified ({target}): {path}").format(target=target, path=done.path),
        markup=False,
    )
    return {"target": target, "path": done.path, "files": list(done.files), "verified": True}
