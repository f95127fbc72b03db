# SPDX-License-Identifier: Apache-2.0
"""Check that the documents say what the code says: ``docs_check.py [--write]``.

Links lead somewhere; docs/errors.md has a row for every error; the tree in docs/ARCHITECTURE.md
names what is there; PROTOCOL.md knows every event and command; the user guide has a row for every
format, method, export target and page. ``--write`` makes docs/errors.md anew from the code.

A document that is not written yet is a note, no fault; a document that is there must be right.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
ERRORS_PAGE = Path("docs/errors.md")
ARCHITECTURE_PAGES = (Path("docs/ARCHITECTURE.md"), Path("ARCHITECTURE.md"))
PROTOCOL_PAGE = Path("engine/protocol/PROTOCOL.md")
USER_GUIDE = "docs/user-guide*"
TOP_FOLDERS = ("engine", "gui")

# Where a registry stands, the tuple in it, and the field that a row of the user guide shows.
REGISTRIES = (
    ("engine.formats.registry", "FORMATS", "id"),
    ("engine.methods.registry", "METHODS", "id"),
    ("engine.exporters.registry", "TARGETS", "id"),
    ("gui.navigation", "PAGES", "title"),
)

ERRORS_HEAD = """<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Made by packaging/docs_check.py --write from engine/errors. Do not edit by hand. -->
# Errors

Every error that Burnish raises on purpose has a code that never changes. The code stands in the
window (under *Details*), in the log, and in the output of a command with `--json`.

| Code | What it means | What to do |
| --- | --- | --- |
"""


@dataclass(frozen=True, kw_only=True)
class ErrorRow:
    """What docs/errors.md says of one error."""

    code: str
    meaning: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of a registry: where it is registered, and the word the user guide shows."""

    registry: str
    shown: str


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------ links


def pages(repository: Path) -> Iterator[Path]:
    """Yield every Markdown file that belongs to the repository."""
    for path in sorted(repository.rglob("*.md")):
        parts = path.relative_to(repository).parts
        if not any(part.startswith(".") or part in {"build", "dist"} for part in parts[:-1]):
            yield path


def without_code(text: str) -> str:
    """Return Markdown without its code: what looks like a link in there is none."""
    fenced = re.sub(r"^(```|~~~).*?^\1\s*$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", fenced)


def links(text: str) -> list[str]:
    """Return the targets of every link and picture in a page."""
    plain = without_code(text)
    inline = re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)", plain)
    return [*inline, *re.findall(r"<(?:img|a)\b[^>]*\b(?:src|href)=\"([^\"]+)\"", plain)]


def anchors(text: str) -> set[str]:
    """Return the anchors that a page's headings make."""
    titles = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def check_links(repository: Path) -> list[str]:
    """Every relative link leads to a file, and its anchor to a heading."""
    faults: list[str] = []
    for page in pages(repository):
        text = _text(page)
        for link in links(text):
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = (page.parent / file) if file else page
            name = page.relative_to(repository).as_posix()
            if not target.exists():
                faults.append(f"{name}: the link {link} leads nowhere")
            elif anchor and target.suffix == ".md" and anchor not in anchors(_text(target)):
                faults.append(f"{name}: the link {link} names no heading there")
    return faults


# ----------------------------------------------------------------------------------------- errors


def error_rows() -> list[ErrorRow]:
    """Read every error from the code, in the order of its definition."""
    from engine.errors import all_errors

    return [
        ErrorRow(
            code=one.code,
            meaning=(one.__doc__ or "").strip().splitlines()[0] if one.__doc__ else "",
            remedy=one.default_remedy,
        )
        for one in all_errors()
    ]


def errors_page(rows: Iterable[ErrorRow]) -> str:
    """Return the text of docs/errors.md."""
    return ERRORS_HEAD + "".join(
        f"| `{row.code}` | {row.meaning} | {row.remedy} |\n" for row in rows
    )


def check_errors(repository: Path, rows: list[ErrorRow]) -> list[str]:
    """Codes are unique, complete, and docs/errors.md is what the code makes of them."""
    codes = [row.code for row in rows]
    faults = [
        f"two errors have the code {one}" for one in sorted(set(codes)) if codes.count(one) > 1
    ]
    faults += [f"the error {row.code} says not what it means" for row in rows if not row.meaning]
    faults += [f"the error {row.code} has no remedy" for row in rows if not row.remedy]
    page = repository / ERRORS_PAGE
    if not page.is_file() or _text(page) != errors_page(rows):
        faults.append(f"{ERRORS_PAGE.as_posix()} is not what the code says: run docs_check --write")
    return faults


# ----------------------------------------------------------------------------------- architecture


def tree_lines(text: str) -> list[str]:
    """Return the lines of the annotated tree: the first code block that has a top folder in it."""
    for block in re.findall(r"^```\w*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        if any(re.match(r"(engine|gui)/", line) for line in block.splitlines()):
            return block.splitlines()
    return []


def tree_paths(lines: Iterable[str]) -> Iterator[str]:
    """Yield the path that each line of a tree names; two spaces of indent are one level down."""
    above: list[str] = []
    for line in lines:
        found = re.match(r"( *)([\w.\-]+(?:/[\w.\-]+)*/?)(?=\s|$)", line)
        if not found or not ("/" in found[2] or "." in found[2]):
            continue
        level = len(found[1]) // 2
        above = [*above[:level], found[2].rstrip("/")]
        yield "/".join(above)


def check_architecture(repository: Path) -> list[str]:
    """The tree names nothing that is not there, and every package of engine and gui."""
    page = next((one for one in ARCHITECTURE_PAGES if (repository / one).is_file()), None)
    if page is None:
        return []
    named = set(tree_paths(tree_lines(_text(repository / page))))
    faults = [
        f"{page.as_posix()}: the tree names {one}, which is not there"
        for one in sorted(named)
        if not (repository / one).exists()
    ]
    packages = {
        init.parent.relative_to(repository).as_posix()
        for top in TOP_FOLDERS
        for init in repository.glob(f"{top}/*/__init__.py")
    }
    return faults + [f"{page.as_posix()}: the tree lacks {one}" for one in sorted(packages - named)]


# -------------------------------------------------------------------------- protocol and registries


def protocol_kinds() -> list[str]:
    """Read every kind of event and command from the code."""
    from engine.protocol.commands import COMMANDS
    from engine.protocol.events import EVENTS

    return [kind for kind, _ in (*EVENTS, *COMMANDS)]


def check_protocol(repository: Path, kinds: Iterable[str]) -> list[str]:
    """PROTOCOL.md has a row for every kind."""
    page = repository / PROTOCOL_PAGE
    text = _text(page) if page.is_file() else ""
    return [
        f"{PROTOCOL_PAGE.as_posix()} has no row for {kind}"
        for kind in kinds
        if not re.search(rf"^\| `{re.escape(kind)}` \|", text, flags=re.MULTILINE)
    ]


def registry_entries() -> list[Entry]:
    """Read every entry of every registry that is there."""
    entries: list[Entry] = []
    for module, name, field in REGISTRIES:
        if (REPOSITORY / Path(*module.split("."))).with_suffix(".py").is_file():
            registered = getattr(importlib.import_module(module), name)
            entries += [Entry(registry=name, shown=str(getattr(one, field))) for one in registered]
    return entries


def user_guide(repository: Path) -> str:
    """Return the whole text of the user guide; empty where there is none."""
    places = list(repository.glob(USER_GUIDE))
    files = [file for one in places for file in ([one] if one.is_file() else one.rglob("*.md"))]
    return "\n".join(_text(file) for file in sorted(files))


def check_user_guide(repository: Path, entries: Iterable[Entry]) -> list[str]:
    """Every entry of a registry is named in a table of the user guide."""
    text = user_guide(repository)
    if not text:
        return []
    cells = {
        cell.strip().strip("`*")
        for line in text.splitlines()
        if line.startswith("|")
        for cell in line.split("|")
    }
    return [
        f"the user guide has no row for {entry.shown} ({entry.registry})"
        for entry in entries
        if entry.shown not in cells
    ]


# -------------------------------------------------------------------------------------------- main


def notes(repository: Path) -> list[str]:
    """Name the documents that are not written yet."""
    absent: list[str] = []
    if not any((repository / page).is_file() for page in ARCHITECTURE_PAGES):
        absent.append(ARCHITECTURE_PAGES[0].as_posix())
    if not user_guide(repository):
        absent.append("docs/user-guide")
    return [f"note: {page} is not written yet" for page in absent]


def main(arguments: list[str]) -> int:
    """Write or check, print every fault, and return 1 where there is one."""
    sys.path.insert(0, str(REPOSITORY))
    rows = error_rows()
    if "--write" in arguments:
        (REPOSITORY / ERRORS_PAGE).parent.mkdir(exist_ok=True)
        (REPOSITORY / ERRORS_PAGE).write_text(errors_page(rows), encoding="utf-8", newline="\n")
    faults = [
        *check_links(REPOSITORY),
        *check_errors(REPOSITORY, rows),
        *check_architecture(REPOSITORY),
        *check_protocol(REPOSITORY, protocol_kinds()),
        *check_user_guide(REPOSITORY, registry_entries()),
    ]
    lines = [*notes(REPOSITORY), *(f"FAILED: {fault}" for fault in faults)]
    sys.stdout.write("".join(f"{line}\n" for line in lines) or "documents: all agree\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
