# SPDX-License-Identifier: Apache-2.0
"""Each check of the documents finds what it is there to find."""

from __future__ import annotations

from pathlib import Path

import docs_check
import pytest
from docs_check import Entry, ErrorRow

REPOSITORY = Path(__file__).resolve().parents[3]
ROWS = [ErrorRow(code="disk_full", meaning="The disk is full.", remedy="Make room.")]
TREE = "# A\n\n```\nmain.py     entry\nengine/     no Qt\n  store/    files\ngui/        Qt\n```\n"


def write(folder: Path, name: str, text: str = "") -> None:
    """Write a file of a small repository."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


# ---- links


@pytest.mark.parametrize(
    "text",
    [
        "[a](b.md)",
        "[a](b.md#two-words)",
        "[a](#one)\n# One",
        "![a](b.md)",
        '<img src="b.md">',
        "[a](https://burnish.invalid/x)",
        "`[a](nowhere.md)`",
        "```\n[a](nowhere.md)\n```",
    ],
)
def test_links_that_lead_somewhere_pass(tmp_path: Path, text: str) -> None:
    write(tmp_path, "a.md", text)
    write(tmp_path, "b.md", "# Two words\n")
    assert docs_check.check_links(tmp_path) == []


@pytest.mark.parametrize(
    "text",
    ["[a](nowhere.md)", "![a](shots/x.png)", '<img src="x.png">', "[a](b.md#three)", "[a](#none)"],
)
def test_link_that_leads_nowhere_is_a_fault(tmp_path: Path, text: str) -> None:
    write(tmp_path, "docs/a.md", text)
    write(tmp_path, "docs/b.md", "# Two words\n")
    assert len(docs_check.check_links(tmp_path)) == 1


def test_links_of_installed_libraries_are_not_ours(tmp_path: Path) -> None:
    write(tmp_path, ".venv/lib/README.md", "[a](nowhere.md)")
    assert docs_check.check_links(tmp_path) == []


# ---- errors


def test_errors_page_made_from_the_code_passes(tmp_path: Path) -> None:
    write(tmp_path, "docs/errors.md", docs_check.errors_page(ROWS))
    assert docs_check.check_errors(tmp_path, ROWS) == []


def test_errors_page_that_is_missing_or_old_is_a_fault(tmp_path: Path) -> None:
    assert len(docs_check.check_errors(tmp_path, ROWS)) == 1
    write(tmp_path, "docs/errors.md", docs_check.errors_page([]))
    assert len(docs_check.check_errors(tmp_path, ROWS)) == 1


@pytest.mark.parametrize(
    "rows",
    [
        [*ROWS, *ROWS],
        [ErrorRow(code="a", meaning="", remedy="b")],
        [ErrorRow(code="a", meaning="b", remedy="")],
    ],
)
def test_errors_that_are_double_or_incomplete_are_a_fault(
    tmp_path: Path, rows: list[ErrorRow]
) -> None:
    write(tmp_path, "docs/errors.md", docs_check.errors_page(rows))
    assert len(docs_check.check_errors(tmp_path, rows)) == 1


# ---- architecture


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    for name in ("main.py", "engine/__init__.py", "engine/store/__init__.py", "gui/__init__.py"):
        write(tmp_path, name)
    return tmp_path


def test_tree_that_names_what_is_there_passes(small_tree: Path) -> None:
    write(small_tree, "docs/ARCHITECTURE.md", TREE)
    assert docs_check.check_architecture(small_tree) == []


def test_tree_that_names_what_is_not_there_is_a_fault(small_tree: Path) -> None:
    write(small_tree, "docs/ARCHITECTURE.md", TREE.replace("gui/  ", "gui/\n  charts/  "))
    assert docs_check.check_architecture(small_tree) == [
        "docs/ARCHITECTURE.md: the tree names gui/charts, which is not there"
    ]


def test_tree_without_a_package_is_a_fault(small_tree: Path) -> None:
    write(small_tree, "docs/ARCHITECTURE.md", TREE)
    write(small_tree, "engine/formats/__init__.py")
    assert docs_check.check_architecture(small_tree) == [
        "docs/ARCHITECTURE.md: the tree lacks engine/formats"
    ]


def test_architecture_page_without_a_tree_lacks_every_package(small_tree: Path) -> None:
    write(small_tree, "docs/ARCHITECTURE.md", "# A\n")
    assert len(docs_check.check_architecture(small_tree)) == 1


# ---- protocol and registries


def test_protocol_with_a_row_for_each_kind_passes(tmp_path: Path) -> None:
    write(tmp_path, "engine/protocol/PROTOCOL.md", "| Kind | |\n| `stop` | end |\n")
    assert docs_check.check_protocol(tmp_path, ["stop"]) == []


def test_protocol_without_a_kind_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, "engine/protocol/PROTOCOL.md", "| `stopped` | it stopped, see `stop` |\n")
    assert len(docs_check.check_protocol(tmp_path, ["stop"])) == 1


def test_user_guide_with_a_row_for_each_entry_passes(tmp_path: Path) -> None:
    write(tmp_path, "docs/user-guide/data.md", "| `jsonl` | JSON lines |\n")
    entries = [Entry(registry="FORMATS", shown="jsonl")]
    assert docs_check.check_user_guide(tmp_path, entries) == []


def test_user_guide_without_an_entry_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, "docs/user-guide.md", "We read `jsonl`.\n\n| `csv` | tables |\n")
    entries = [Entry(registry="FORMATS", shown="jsonl")]
    assert len(docs_check.check_user_guide(tmp_path, entries)) == 1


def test_documents_that_are_not_written_yet_are_notes(tmp_path: Path) -> None:
    assert docs_check.check_architecture(tmp_path) == []
    assert docs_check.check_user_guide(tmp_path, [Entry(registry="FORMATS", shown="csv")]) == []
    assert len(docs_check.notes(tmp_path)) == 2


# ---- the repository itself


def test_documents_of_the_repository_agree_with_the_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert docs_check.main([]) == 0, capsys.readouterr().out
