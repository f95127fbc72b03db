# SPDX-License-Identifier: Apache-2.0
"""Makes Excel workbooks out of plain rows, or out of any XML in place of a sheet."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPES = (
    f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" '
    'ContentType="application/xml"/></Types>'
)


def sheet_xml(body: str) -> str:
    """Return a sheet with these rows as XML."""
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'


def cell_xml(reference: str, value: object) -> str:
    """Return one cell."""
    if isinstance(value, bool):
        return f'<c r="{reference}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{reference}"><v>{value}</v></c>'
    return f'<c r="{reference}" t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


def table_xml(rows: Sequence[Mapping[str, object]]) -> str:
    """Return a sheet with a header and these rows as XML."""
    lines = [list(rows[0]) if rows else [], *(list(row.values()) for row in rows)]
    body = "".join(
        f'<row r="{number}">'
        + "".join(cell_xml(f"{chr(65 + at)}{number}", value) for at, value in enumerate(line))
        + "</row>"
        for number, line in enumerate(lines, start=1)
    )
    return sheet_xml(body)


def workbook(tables: Sequence[Sequence[Mapping[str, object]]]) -> bytes:
    """Return a workbook with a sheet for each table."""
    return workbook_of([table_xml(rows) for rows in tables])


def workbook_of(sheets: Sequence[str | bytes], more: Mapping[str, str] | None = None) -> bytes:
    """Return a workbook with sheets of this XML, and further files of the archive."""
    numbers = range(1, len(sheets) + 1)
    named = "".join(f'<sheet name="S{one}" sheetId="{one}" r:id="r{one}"/>' for one in numbers)
    relations = "".join(
        f'<Relationship Id="r{one}" Type="{_OFFICE}/worksheet" Target="worksheets/s{one}.xml"/>'
        for one in numbers
    )
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{named}'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f"{relations}</Relationships>",
        **{f"xl/worksheets/s{at}.xml": one for at, one in enumerate(sheets, start=1)},
        **(more or {}),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


_DOCUMENT = "urn:oasis:names:tc:opendocument:xmlns"
SPREADSHEET = "application/vnd.oasis.opendocument.spreadsheet"


def open_cell(value: object, repeated: int = 1) -> str:
    """Return one cell of an OpenDocument spreadsheet."""
    kind = "string"
    if isinstance(value, bool):
        kind, value = "boolean", str(value).lower()
    elif isinstance(value, int | float):
        kind = "float"
    name = {"string": "string-value", "boolean": "boolean-value"}.get(kind, "value")
    shown = escape(str(value), {'"': "&quot;"})
    return (
        f'<table:table-cell office:value-type="{kind}" office:{name}="{shown}" '
        f'table:number-columns-repeated="{repeated}"><text:p>{shown}</text:p></table:table-cell>'
    )


def open_row(cells: str, repeated: int = 1) -> str:
    """Return a row of cells."""
    return f'<table:table-row table:number-rows-repeated="{repeated}">{cells}</table:table-row>'


def open_blank(repeated: int) -> str:
    """Return so many cells without anything, as the rest of a row is written."""
    return f'<table:table-cell table:number-columns-repeated="{repeated}"/>'


def open_workbook(tables: Sequence[Sequence[Mapping[str, object]]]) -> bytes:
    """Return an OpenDocument spreadsheet with a sheet for each table, blank to its last corner."""
    sheets: list[str] = []
    for rows in tables:
        lines = [list(rows[0]) if rows else [], *(list(row.values()) for row in rows)]
        body = "".join(
            open_row("".join(map(open_cell, line)) + open_blank(16_384 - len(line)))
            for line in lines
        )
        sheets.append(body + open_row(open_blank(16_384), 1_048_576 - len(lines)))
    return open_workbook_of(sheets)


def open_workbook_of(
    sheets: Sequence[str], more: Mapping[str, str | bytes] | None = None, *, kind: str = SPREADSHEET
) -> bytes:
    """Return an OpenDocument spreadsheet with sheets of this XML, and further or other files."""
    named = "".join(
        f'<table:table table:name="S{number}">{one}</table:table>'
        for number, one in enumerate(sheets)
    )
    spaces = " ".join(f'xmlns:{one}="{_DOCUMENT}:{one}:1.0"' for one in ("office", "table", "text"))
    files: dict[str, str | bytes] = {
        "mimetype": kind,
        "content.xml": f"<office:document-content {spaces}><office:body><office:spreadsheet>{named}"
        "</office:spreadsheet></office:body></office:document-content>",
        "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{_DOCUMENT}:manifest:1.0"/>',
        **(more or {}),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()
