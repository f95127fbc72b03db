# SPDX-License-Identifier: Apache-2.0
"""Commands on the disk: what takes how much, what can go, and the trash."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from gettext import ngettext
from typing import Annotated

import msgspec
import typer

from engine.api.facade import Api
from engine.cli.session import Json, session_of
from engine.domain.trash import TrashKind

app = typer.Typer(help="What was removed, and can be put back.", no_args_is_help=True)
_MEGABYTE = 1e6
Thing = Annotated[str, typer.Argument(help="Id, beginning of an id, or name.")]


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / _MEGABYTE:,.1f} MB"


def space(
    context: typer.Context,
    free: Annotated[
        list[str] | None,
        typer.Option(help="Remove what can go of one line, e.g. tokens:1a2b. May be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what takes how much of the disk, or remove what can go without a loss."""
    session = session_of(context, as_json)
    found = session.api.space
    freed = {key: found.free(key) for key in free or ()}
    report, place = found.report(), found.place()
    session.table(
        [_("What"), _("Name"), _("Size"), _("Can go")],
        [
            [one.key, one.name, _megabytes(one.size_bytes), _megabytes(one.freeable_bytes)]
            for one in report.items
        ],
    )
    session.out.print(
        _("{size} in all, of which {freeable} can go.").format(
            size=_megabytes(report.size_bytes), freeable=_megabytes(report.freeable_bytes)
        )
    )
    session.result(
        {
            "items": [{"key": one.key, **msgspec.to_builtins(one)} for one in report.items],
            "size_bytes": report.size_bytes,
            "freeable_bytes": report.freeable_bytes,
            "freed_bytes": freed,
            "place": msgspec.to_builtins(place),
        }
    )


_REMOVALS: dict[TrashKind, Callable[[Api, str], str]] = {
    TrashKind.DATASET: lambda api, thing: api.datasets.remove(api.datasets.get(thing).id),
    TrashKind.MODEL: lambda api, thing: api.models.remove(api.models.get(thing).id),
    TrashKind.RUN: lambda api, thing: api.runs.remove(thing),
    TrashKind.EXPORT: lambda api, thing: api.exports.remove(thing),
}


def remove(
    context: typer.Context,
    kind: Annotated[TrashKind, typer.Argument(help="What it is.")],
    thing: Thing,
    as_json: Json = False,
) -> None:
    """Move a dataset, model, run or export into the trash; `trash restore` puts it back."""
    session = session_of(context, as_json)
    entry_id = _REMOVALS[kind](session.api, thing)
    session.out.print(
        _("Removed. `trash restore {entry}` puts it back.").format(entry=entry_id), markup=False
    )
    session.result({"entry_id": entry_id})


@app.command("list")
def list_trash(context: typer.Context, as_json: Json = False) -> None:
    """List what can be put back."""
    session = session_of(context, as_json)
    found = session.api.trash.list()
    session.table(
        [_("Id"), _("What"), _("Name"), _("Removed")],
        [[one.id, one.kind.value, one.name, one.thrown_at] for one in found],
    )
    session.result({"entries": msgspec.to_builtins(found)})


@app.command()
def restore(context: typer.Context, thing: Thing, as_json: Json = False) -> None:
    """Put something back to where it was."""
    session = session_of(context, as_json)
    entry = session.api.trash.restore(thing)
    session.out.print(_("{name} is back.").format(name=entry.name), markup=False)
    session.result({"entry": msgspec.to_builtins(entry)})


@app.command()
def empty(
    context: typer.Context,
    thing: Annotated[str, typer.Argument(help="Only this one: id or name.")] = "",
    as_json: Json = False,
) -> None:
    """Delete everything in the trash, or one thing, for good."""
    session = session_of(context, as_json)
    if thing:
        session.api.trash.delete(thing)
        count = 1
    else:
        count = session.api.trash.empty()
    words = ngettext("{count} thing was deleted.", "{count} things were deleted.", count)
    session.out.print(words.format(count=count))
    session.result({"deleted": count})
