# SPDX-License-Identifier: Apache-2.0
"""What every command shares: the workspace, and where results and progress are written."""

from __future__ import annotations

import sys
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from engine.api.facade import Api, open_api
from engine.api.privacy import Privacy

Json = Annotated[
    bool, typer.Option("--json", help="Write one JSON object to standard output, nothing else.")
]


class Session(msgspec.Struct, dict=True):
    """One run of the command line.

    Attributes:
        root: Workspace of `--workspace`, or None for the usual one.
        json: Results are one JSON object on standard output.
        privacy: The guard of this process, or None where it has none.
    """

    root: Path | None = None
    json: bool = False
    privacy: Privacy | None = None

    @cached_property
    def api(self) -> Api:
        """Open the workspace at its first use."""
        return open_api(self.root)

    @cached_property
    def out(self) -> Console:
        """Return the console of results: standard output, silent in JSON mode."""
        return Console(quiet=self.json, highlight=False, soft_wrap=True)

    @cached_property
    def progress(self) -> Console:
        """Return the console of progress: standard error, so that results can be piped."""
        return Console(stderr=True, highlight=False)

    def result(self, values: dict[str, Any]) -> None:
        """Write the one JSON object of this command, in JSON mode only."""
        if self.json:
            write_json(values)

    def table(self, columns: list[str], rows: list[list[str]]) -> None:
        """Write a plain table."""
        table = Table(*columns, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*row)
        self.out.print(table)


def write_json(values: dict[str, Any]) -> None:
    """Write one JSON object and a newline to standard output, as UTF-8 on every system."""
    sys.stdout.buffer.write(msgspec.json.encode(values) + b"\n")
    sys.stdout.buffer.flush()


def session_of(context: typer.Context, as_json: bool) -> Session:
    """Return the session of this command line."""
    session: Session = context.find_object(Session) or Session()
    session.json = session.json or as_json
    return session
