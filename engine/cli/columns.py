# SPDX-License-Identifier: Apache-2.0
"""Commands on columns: what a file holds, what its columns mean, and mappings that were saved."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.api.mappings import Mappings, Sample
from engine.cli.session import Json, Session, session_of
from engine.domain.dataset import Mapping, Part
from engine.domain.mapping import TARGETS, SavedMapping, kind_of_targets, problems_of_mapping
from engine.domain.problem import errors_of
from engine.errors import WrongUsage

Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="TARGET=EXPRESSION",
        help="A part of a row and where it comes from, e.g. 'user={question}'. May be repeated.",
    ),
]
Named = Annotated[str, typer.Option("--mapping", help="Use a saved mapping.")]
SaveAs = Annotated[str, typer.Option("--save-mapping", help="Save the mapping under a name.")]


def columns(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Files, folders or archives.")],
    maps: Maps = None,
    mapping: Named = "",
    rows: Annotated[int, typer.Option(min=0, max=50, help="How many rows to show.")] = 3,
    as_json: Json = False,
) -> None:
    """Show columns and shape of files, and what their first rows would become."""
    session = session_of(context, as_json)
    mappings = session.api.mappings
    sample = mappings.sample(files)
    chosen = chosen_mapping(mappings, maps or (), mapping) or sample.proposal
    shown = []
    if not errors_of(mappings.problems(sample, chosen)):
        shown = mappings.preview(sample, chosen, limit=rows)
    saved = mappings.matching(sample)
    _tell(session, sample, chosen, saved)
    for one in shown:
        session.out.print(f"\n{one.file}:{one.line}  {one.message}", style="dim", markup=False)
        if one.row is not None:
            text = msgspec.json.format(msgspec.json.encode(one.row)).decode()
            session.out.print(text, markup=False)
    session.result(
        {
            "files": msgspec.to_builtins(sample.files),
            "columns": msgspec.to_builtins(sample.columns),
            "mapping": msgspec.to_builtins(chosen),
            "problems": msgspec.to_builtins(mappings.problems(sample, chosen)),
            "saved": [one.name for one in saved],
            "rows": msgspec.to_builtins(shown),
        }
    )


def _tell(session: Session, sample: Sample, chosen: Mapping, saved: Sequence[SavedMapping]) -> None:
    for one in sample.files:
        guess = one.guess
        session.out.print(
            _("{file}: {shape}, {fitting} of {sampled} rows fit. {reason}").format(
                file=one.file,
                shape=guess.shape or _("no known shape"),
                fitting=guess.fitting,
                sampled=guess.sampled,
                reason=guess.reason,
            ),
            markup=False,
        )
    session.table(
        [_("Column"), _("Type"), _("Examples")],
        [
            ["  " * one.depth + one.expression, ", ".join(one.types), " | ".join(one.examples)]
            for one in sample.columns
        ],
    )
    session.out.print(_("As a mapping:"))
    for part in chosen.parts:
        session.out.print(f"  --map {part.target}={part.value!r}", markup=False)
    if saved:
        names = ", ".join(one.name for one in saved)
        session.out.print(_("Saved mappings that fit: {names}").format(names=names), markup=False)


def chosen_mapping(mappings: Mappings, maps: Sequence[str], name: str) -> Mapping | None:
    """Return the mapping that options name; None where the shape of the files says it.

    Raises:
        WrongUsage: An option is not written as one should be, or the mapping cannot be used.
    """
    if maps and name:
        raise WrongUsage(_("A saved mapping and --map cannot be used together."))
    if name:
        return mappings.get(name).mapping
    if not maps:
        return None
    parts = tuple(_part(one) for one in maps)
    kind = kind_of_targets([one.target for one in parts])
    if kind is None:
        known = "; ".join(
            f"{one.value}: {', '.join(target.name for target in targets)}"
            for one, targets in TARGETS.items()
        )
        raise WrongUsage(
            _("These parts do not make a row of any kind."),
            remedy=_("Parts of each kind of rows are {known}.").format(known=known),
        )
    found = Mapping(kind=kind, parts=parts)
    problems = errors_of(problems_of_mapping(found))
    if problems:
        raise WrongUsage(
            " ".join(one.message for one in problems), remedy=problems[0].remedy or None
        )
    return found


def save_as(mappings: Mappings, name: str, chosen: Mapping | None, files: Sequence[Path]) -> None:
    """Save the mapping of these options under a name, for files of the same columns.

    Raises:
        WrongUsage: No mapping was given, or the name is none.
    """
    if chosen is None:
        raise WrongUsage(
            _("There is no mapping to save."), remedy=_("Say with --map what the columns are.")
        )
    mappings.save(name, chosen, mappings.sample(files).names)


def _part(text: str) -> Part:
    target, joint, value = text.partition("=")
    if not joint or not target.strip():
        raise WrongUsage(
            _("{option} is not written as a mapping.").format(option=text),
            remedy=_("Write a part of a row and an expression, e.g. {example}.").format(
                example="user={question}"
            ),
        )
    return Part(target=target.strip().lower(), value=value)


def mappings(
    context: typer.Context,
    remove: Annotated[str, typer.Option(help="Remove the mapping of this name.")] = "",
    as_json: Json = False,
) -> None:
    """List the saved mappings, or remove one."""
    session = session_of(context, as_json)
    if remove:
        session.api.mappings.remove(remove)
    found = session.api.mappings.list()
    session.table(
        [_("Name"), _("Kind"), _("Columns"), _("Parts")],
        [
            [
                one.name,
                one.mapping.kind.value,
                ", ".join(one.columns),
                ", ".join(f"{part.target}={part.value}" for part in one.mapping.parts),
            ]
            for one in found
        ],
    )
    session.result({"mappings": msgspec.to_builtins(found)})
