# SPDX-License-Identifier: Apache-2.0
"""Commands on one dataset: look, split, merge, sample, export, and its history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.api.advice import advice
from engine.api.preparation import CheckSettings, ExportForm
from engine.cli.data import facts_of
from engine.cli.follow import follow
from engine.cli.forget import forget
from engine.cli.rows import ShownRow, find_rows
from engine.cli.session import Json, Session, session_of
from engine.cli.tokens import tokens
from engine.domain.dataset import DatasetInfo
from engine.domain.report import CheckResult, Report
from engine.domain.row_query import RowMark
from engine.domain.split import TRAIN, SplitBy, SplitRule
from engine.domain.version import VersionInfo, action_text
from engine.errors import DatasetDamaged

app = typer.Typer(help="Look at one dataset, change it, and make others of it.")
app.command("tokens")(tokens)
app.command("forget")(forget)

DatasetArgument = Annotated[str, typer.Argument(help="Id or name of the dataset.")]
EvalRatio = Annotated[float, typer.Option(min=0.0, max=0.9, help="Share of rows that is held out.")]


@app.command()
def show(
    context: typer.Context,
    dataset: DatasetArgument,
    rows: Annotated[int, typer.Option(min=0, max=1000, help="How many rows to show.")] = 3,
    start: Annotated[int, typer.Option(min=0, help="First row, from 0.")] = 0,
    split: Annotated[
        str, typer.Option(help="train or eval. By default train, and all with --check.")
    ] = "",
    check: Annotated[
        list[str] | None, typer.Option(help="Only what this check found, groups together.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a dataset is, and some of its rows."""
    session = session_of(context, as_json)
    info = session.api.datasets.get(dataset)
    marks = [RowMark(check=one) for one in check or ()]
    part = split or (None if marks else TRAIN)
    found = find_rows(session.api, info, part, marks, range(start, start + rows))
    _tell(session, info)
    if marks:
        words = ngettext("Found: {count} row", "Found: {count} rows", found.count)
        session.out.print(words.format(count=f"{found.count:,}"), markup=False)
    for one in found.rows:
        words = (f"\n[{one.id}] {one.file}:{one.line}", one.split, _in_group(one, found.groups))
        session.out.print(", ".join(filter(None, words)), style="dim", markup=False)
        session.out.print(msgspec.json.format(msgspec.json.encode(one.row)).decode(), markup=False)
    session.result(
        {
            **_facts(info),
            "rows_found": found.count,
            "groups_found": found.groups,
            "rows_shown": [msgspec.to_builtins(one) for one in found.rows],
        }
    )


def _in_group(row: ShownRow, groups: int) -> str:
    if not row.group:
        return ""
    return _("group {number} of {count}").format(number=f"{row.group:,}", count=f"{groups:,}")


def _facts(info: DatasetInfo) -> dict[str, object]:
    return {
        **facts_of(info),
        "version": info.version,
        "licence": info.licence,
        "origin": info.origin,
        "consent": info.consent,
        "is_eval_frozen": info.is_eval_frozen,
        "sources": [
            {
                "name": one.name,
                "sha256": one.sha256,
                "format": one.format,
                "shape": one.shape,
                "confidence": one.confidence,
                "reason": one.reason,
                "mapping": msgspec.to_builtins(one.mapping),
                "cutting": msgspec.to_builtins(one.cutting),
            }
            for one in info.sources
        ],
    }


def _tell(session: Session, info: DatasetInfo) -> None:
    splits = ", ".join(f"{split} {count:,}" for split, count in info.splits.items())
    session.out.print(
        _("{name} ({id}), version {version}: {rows} rows of the kind {kind} ({splits})").format(
            name=info.name,
            id=info.id,
            version=info.version,
            rows=f"{info.rows:,}",
            kind=info.kind.value,
            splits=splits,
        ),
        markup=False,
    )


@app.command()
def check(
    context: typer.Context,
    dataset: DatasetArgument,
    near: Annotated[
        float, typer.Option(min=0.3, max=1.0, help="From which similarity on rows are near copies.")
    ] = 0.8,
    margin: Annotated[
        float, typer.Option(min=0.005, max=0.5, help="Half width of the interval you expect.")
    ] = 0.05,
    as_json: Json = False,
) -> None:
    """Check every row: copies, leakage, personal data, turns, characters, languages, answers."""
    session = session_of(context, as_json)
    api = session.api
    settings = CheckSettings(near_similarity=near, eval_margin=margin)
    follow(session, api.preparation.start_check(dataset, settings), title=_("Check"))
    info = api.datasets.get(dataset)
    report = api.reports.get(info.id)
    if report is None:
        raise DatasetDamaged(_("The report of {name} is missing.").format(name=info.name))
    lines = advice(info, report)
    _tell_report(session, report)
    for line in lines:
        session.out.print(line, markup=False)
    known = {one.id: one for one in api.reports.checks()}
    results = [
        {
            **msgspec.to_builtins(one),
            "title": known[one.check].title(),
            "why": known[one.check].why(),
            "severity": known[one.check].severity.value,
            "fix": known[one.check].fix,
            "is_safe": known[one.check].is_safe,
        }
        for one in report.results
    ]
    plain = msgspec.to_builtins(report)
    session.result({**plain, "dataset_id": info.id, "results": results, "advice": lines})


def _tell_report(session: Session, report: Report) -> None:
    """Write what was found, and why it matters."""
    known = {one.id: one for one in session.api.reports.checks()}
    names = {one.check: known[one.check].name_label for one in report.results}
    found = [one for one in report.results if one.rows]
    rows = [
        [
            known[one.check].title(),
            known[one.check].severity.value,
            f"{one.rows:,}",
            ", ".join(_kinds(one, names[one.check])),
            f"--check {one.check}" if known[one.check].fix else "",
        ]
        for one in found
    ]
    if rows:
        columns = [_("Check"), _("Severity"), _("Rows"), _("What was found"), _("Repair with")]
        session.table(columns, rows)
    for one in found:
        title, why = known[one.check].title(), known[one.check].why()
        session.out.print(f"{title}: {why}", markup=False)
    if not found:
        session.out.print(_("The checks found nothing."))
    for one in report.results:
        if one.tally:
            shares = _shares(one.tally, names[one.check])
            session.out.print(_("Rows by language: {shares}").format(shares=shares), markup=False)


def _kinds(result: CheckResult, name: Callable[[str], str]) -> Iterator[str]:
    """Yield what was found: groups, with the first of them by the ids of their rows, and kinds."""
    if result.groups:
        count = ngettext("{count} group", "{count} groups", result.groups)
        first = "; ".join(" ".join(map(str, ids)) for ids in result.example_groups)
        yield _("{groups} (rows {first})").format(
            groups=count.format(count=f"{result.groups:,}"), first=first
        )
    for label, count in result.labels.items():
        yield f"{name(label)} {count:,}"


def _shares(tally: dict[str, int], name: Callable[[str], str]) -> str:
    """Return how many rows are of each kind, and which share that is."""
    total = sum(tally.values())
    return ", ".join(
        f"{name(kind)} {count:,} ({100 * count / total:.1f} %)" for kind, count in tally.items()
    )


@app.command()
def fix(
    context: typer.Context,
    dataset: DatasetArgument,
    check: Annotated[
        list[str] | None,
        typer.Option(help="Repair what this check found; without it, all that is safe."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Repair what the checks found, as a new version; `undo` takes it back."""
    session = session_of(context, as_json)
    job_id = session.api.preparation.start_fix(dataset, check or ())
    result = follow(session, job_id, title=_("Fix")).snapshot.result
    session.out.print(
        _("Rows repaired: {edited}. Rows left out: {removed}. `undo` takes it back.").format(
            edited=result["edited"], removed=result["removed"]
        ),
        markup=False,
    )
    counts = {"edited": int(result["edited"]), "removed": int(result["removed"])}
    session.result({**_facts(session.api.datasets.get(dataset)), **counts})


@app.command()
def split(
    context: typer.Context,
    dataset: DatasetArgument,
    by: Annotated[SplitBy, typer.Option(help="What decides.")] = SplitBy.CONTENT,
    column: Annotated[str, typer.Option(help="Field of the source rows that decides.")] = "",
    eval_ratio: EvalRatio = 0.1,
    fold: Annotated[
        tuple[int, int], typer.Option(help="Which part is held out, and how many there are.")
    ] = (1, 5),
    part_near: Annotated[bool, typer.Option(help="Let near copies be parted.")] = False,
    as_json: Json = False,
) -> None:
    """Split a dataset again; equal rows, and near copies, stay on one side."""
    session = session_of(context, as_json)
    rule = SplitRule(
        by=by,
        eval_ratio=eval_ratio,
        column=column,
        fold=fold[0],
        folds=fold[1],
        is_near_together=not part_near,
    )
    job_id = session.api.preparation.start_split(dataset, rule)
    follow(session, job_id, title=_("Split"))
    _result(session, dataset)


def _result(session: Session, dataset: str) -> None:
    """Tell what a dataset is now."""
    info = session.api.datasets.get(dataset)
    _tell(session, info)
    session.result(_facts(info))


@app.command()
def merge(
    context: typer.Context,
    datasets: Annotated[list[str], typer.Argument(help="Ids or names of the datasets.")],
    name: Annotated[str, typer.Option(help="Name of the new dataset.")] = "",
    eval_ratio: EvalRatio = 0.1,
    as_json: Json = False,
) -> None:
    """Make one new dataset of several; those that it is made of stay."""
    session = session_of(context, as_json)
    rule = SplitRule(eval_ratio=eval_ratio)
    job_id = session.api.preparation.start_merge(datasets, name=name, rule=rule)
    view = follow(session, job_id, title=_("Merge"))
    _result(session, view.snapshot.result["dataset_id"])


@app.command()
def sample(
    context: typer.Context,
    dataset: DatasetArgument,
    rows: Annotated[int, typer.Option(min=1, help="How many rows to take.")],
    name: Annotated[str, typer.Option(help="Name of the new dataset.")] = "",
    seed: Annotated[int, typer.Option(help="Another seed takes other rows.")] = 0,
    as_json: Json = False,
) -> None:
    """Make a new dataset of some rows of another, each in the split where it was."""
    session = session_of(context, as_json)
    job_id = session.api.preparation.start_sample(dataset, rows=rows, name=name, seed=seed)
    view = follow(session, job_id, title=_("Sample"))
    _result(session, view.snapshot.result["dataset_id"])


@app.command()
def export(
    context: typer.Context,
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option(help="A missing or empty folder.")],
    form: Annotated[ExportForm, typer.Option(help="As what.")] = ExportForm.JSONL,
    as_json: Json = False,
) -> None:
    """Write the current version of a dataset as files that other programs read."""
    session = session_of(context, as_json)
    job_id = session.api.preparation.start_export(dataset, form=form, out=out)
    path = Path(follow(session, job_id, title=_("Export")).snapshot.result["path"])
    session.out.print(_("Exported: {path}").format(path=path), markup=False)
    files = sorted(one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file())
    session.result({"path": str(path), "files": files})


@app.command()
def freeze(
    context: typer.Context,
    dataset: DatasetArgument,
    off: Annotated[bool, typer.Option("--off", help="Let the held-out rows change again.")] = False,
    as_json: Json = False,
) -> None:
    """Keep the held-out rows as they are, also in whatever is merged from this dataset."""
    session = session_of(context, as_json)
    session.api.datasets.freeze_eval(dataset, on=not off)
    _result(session, dataset)


@app.command()
def describe(
    context: typer.Context,
    dataset: DatasetArgument,
    licence: Annotated[str | None, typer.Option(help="Under which licence the rows stand.")] = None,
    origin: Annotated[str | None, typer.Option(help="Where the rows come from.")] = None,
    consent: Annotated[str | None, typer.Option(help="Who agreed to their use.")] = None,
    as_json: Json = False,
) -> None:
    """Write down licence, origin and consent; they go with every export."""
    session = session_of(context, as_json)
    session.api.datasets.describe(dataset, licence=licence, origin=origin, consent=consent)
    _result(session, dataset)


@app.command()
def history(context: typer.Context, dataset: DatasetArgument, as_json: Json = False) -> None:
    """List the versions of a dataset, the current one marked."""
    session = session_of(context, as_json)
    info = session.api.datasets.get(dataset)
    versions = session.api.versions.history(info.id)
    session.table(
        ["", _("Version"), _("Made of"), _("What was done"), _("Rows"), _("When (UTC)")],
        [
            [
                "*" if one.number == info.version else "",
                str(one.number),
                str(one.parent or ""),
                action_text(one),
                f"{one.rows:,}",
                one.made_at,
            ]
            for one in versions
        ],
    )
    session.result(
        {
            "dataset_id": info.id,
            "version": info.version,
            "versions": [{**msgspec.to_builtins(one), "rows": one.rows} for one in versions],
        }
    )


@app.command()
def undo(context: typer.Context, dataset: DatasetArgument, as_json: Json = False) -> None:
    """Go back to the version before the current one; nothing is lost."""
    session = session_of(context, as_json)
    _went(session, dataset, session.api.versions.undo(dataset))


@app.command()
def redo(context: typer.Context, dataset: DatasetArgument, as_json: Json = False) -> None:
    """Go on to the version that was undone last."""
    session = session_of(context, as_json)
    _went(session, dataset, session.api.versions.redo(dataset))


@app.command()
def goto(
    context: typer.Context,
    dataset: DatasetArgument,
    version: Annotated[int, typer.Argument(min=1, help="Number of the version.")],
    as_json: Json = False,
) -> None:
    """Make any version the current one; nothing is lost."""
    session = session_of(context, as_json)
    _went(session, dataset, session.api.versions.go_to(dataset, version))


def _went(session: Session, dataset: str, version: VersionInfo) -> None:
    session.out.print(
        _("Now at version {number}: {what}.").format(
            number=version.number, what=action_text(version)
        ),
        markup=False,
    )
    session.result({"dataset_id": session.api.datasets.get(dataset).id, "version": version.number})


@app.command()
def remove(
    context: typer.Context,
    dataset: DatasetArgument,
    rows: Annotated[list[int], typer.Argument(min=0, help="Ids of rows, as `show` tells them.")],
    as_json: Json = False,
) -> None:
    """Leave rows out of a dataset; `undo` puts them back."""
    session = session_of(context, as_json)
    session.api.versions.remove_rows(dataset, rows)
    _result(session, dataset)


@app.command()
def tag(
    context: typer.Context,
    dataset: DatasetArgument,
    name: Annotated[str, typer.Argument(help="The tag.")],
    rows: Annotated[list[int], typer.Argument(min=0, help="Ids of rows.")],
    off: Annotated[bool, typer.Option("--off", help="Take it off them.")] = False,
    as_json: Json = False,
) -> None:
    """Give rows a tag, by which a split can be stratified."""
    session = session_of(context, as_json)
    made = session.api.versions.tag(dataset, rows, name, on=not off)
    session.out.print(action_text(made), markup=False)
    session.result({"dataset_id": session.api.datasets.get(dataset).id, "tags": made.tags})
