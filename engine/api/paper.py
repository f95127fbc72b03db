# SPDX-License-Identifier: Apache-2.0
"""A report for people as values, written as Markdown or as one HTML page without any script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import msgspec

from engine.store import atomicfs

_WIDEST_COLUMN = 40
"""Letters; a longer cell stands out rather than to push its whole column away."""
HTML_SUFFIXES = (".html", ".htm")
_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1c1d22}"
    "table{border-collapse:collapse;margin:.5rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;"
    "border-bottom:1px solid #d9dae0}"
    "h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}pre{white-space:pre-wrap}"
)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a report.

    Attributes:
        title: Its heading.
        texts: Paragraphs.
        columns: Heads of its table, none where it has no table.
        rows: Cells of the table.
        lines: Lines that are shown as they are, such as a log.
    """

    title: str
    texts: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[str, ...] = ()


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report.

    Attributes:
        title: Its heading.
        sections: Its parts in order.
    """

    title: str
    sections: tuple[Section, ...]


def save_paper(paper: Paper, path: Path) -> None:
    """Write a report: as HTML where the name ends like that, else as Markdown.

    Raises:
        DiskFull: No room.
        NotWritable: The place refuses to be written.
    """
    is_html = path.suffix.lower() in HTML_SUFFIXES
    text = as_html(paper) if is_html else as_markdown(paper)
    atomicfs.write_file(path, text.encode("utf-8", "backslashreplace"))


def as_markdown(paper: Paper) -> str:
    """Return a report as Markdown that is pleasant to read as it stands."""
    blocks = [f"# {_line(paper.title)}"]
    for section in paper.sections:
        blocks.append(f"## {_line(section.title)}")
        blocks.extend(_line(text) for text in section.texts)
        if section.columns:
            blocks.append("\n".join(_markdown_table(section)))
        if section.lines:
            blocks.append("\n".join(f"    {_line(one)}" for one in section.lines))
    return "\n\n".join(blocks) + "\n"


def _markdown_table(section: Section) -> list[str]:
    """Return the lines of a table; all columns but the last stand below each other in letters."""
    rows = [[_cell(one) for one in row] for row in (section.columns, *section.rows)]
    widths = [
        max((len(one) for one in column if len(one) <= _WIDEST_COLUMN), default=0)
        for column in list(zip(*rows, strict=True))[:-1]
    ]
    rows.insert(1, [*("-" * max(width, 3) for width in widths), "---"])
    return [f"| {' | '.join(_padded(row, widths))} |" for row in rows]


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]


def _cell(text: str) -> str:
    return _line(text).replace("\\", "\\\\").replace("|", "\\|")


def _line(text: str) -> str:
    """Return a text that cannot begin a new line, and so no new part, of the report."""
    return " ".join(text.splitlines()) if len(text.splitlines()) > 1 else text.rstrip("\n")


def as_html(paper: Paper) -> str:
    """Return a report as one page that loads nothing and runs nothing."""
    parts = [f"<h1>{escape(paper.title)}</h1>"]
    for section in paper.sections:
        parts.append(f"<h2>{escape(section.title)}</h2>")
        parts.extend(f"<p>{escape(text)}</p>" for text in section.texts)
        if section.columns:
            parts.append(_html_table(section))
        if section.lines:
            parts.append(f"<pre>{escape(chr(10).join(section.lines))}</pre>")
    head = (
        '<meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(paper.title)}</title><style>{_STYLE}</style>"
    )
    body = "\n".join(parts)
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _html_table(section: Section) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in section.columns)
    rows = "\n".join(
        f"<tr>{''.join(f'<td>{escape(one)}</td>' for one in row)}</tr>" for row in section.rows
    )
    return f"<table>\n<tr>{head}</tr>\n{rows}\n</table>"
