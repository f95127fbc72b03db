# SPDX-License-Identifier: Apache-2.0
"""What a proof says of what it found: silence where the promise holds, one finding per breach."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.api.jobs import Jobs
from engine.api.proof_report import report, role_words, save_report, verdict
from engine.api.proofs import Proof, Proofs, Role, findings
from engine.domain.problem import Severity
from engine.domain.run import JobKind
from engine.launcher.identity import Identity
from engine.launcher.keeper import tell_keeper
from engine.launcher.probe import Outcome, ProbeAnswer, Try
from engine.store import atomicfs
from engine.store.documents import read_document, write_document
from engine.store.workspace import open_workspace
from tests.fakes.proofs import ANSWER, FOLDER, HOLDS, OWN, WINDOW, WORKER

OPENED = Try(name="tcp", outcome=Outcome.OPENED)


def with_worker(**network: object) -> Proof:
    changed = replace(WORKER, network=replace(WORKER.network, **network))
    return replace(HOLDS, processes=(WINDOW, changed))


def test_promise_that_holds_has_no_findings() -> None:
    assert findings(HOLDS) == []
    assert "the kernel refuses it" in verdict(HOLDS)


@pytest.mark.parametrize(
    ("proof", "code", "severity"),
    [
        (
            replace(HOLDS, answer=replace(ANSWER, guarded=(OPENED,))),
            "network_reached",
            Severity.ERROR,
        ),
        (
            replace(HOLDS, answer=replace(ANSWER, inherited=(OPENED,))),
            "filter_not_inherited",
            Severity.ERROR,
        ),
        (with_worker(outward=("TCP",)), "sockets_open", Severity.ERROR),
        (with_worker(has_filter=False), "worker_without_filter", Severity.ERROR),
        (
            replace(HOLDS, answer=replace(ANSWER, has_filter=False, refusal="not Linux")),
            "no_kernel_filter",
            Severity.WARNING,
        ),
        (
            replace(HOLDS, own=replace(OWN, kernel_filter_active=False)),
            "no_filter_here",
            Severity.WARNING,
        ),
        (
            replace(HOLDS, answer=replace(ANSWER, works_locally=False)),
            "probe_blind",
            Severity.WARNING,
        ),
        (
            replace(HOLDS, processes=(WINDOW, replace(WORKER, refused=2))),
            "network_refused",
            Severity.WARNING,
        ),
        (
            replace(HOLDS, folders=(replace(FOLDER, open_entries=2),)),
            "readable_by_others",
            Severity.WARNING,
        ),
    ],
)
def test_each_breach_is_found_alone_and_told_in_the_report(
    proof: Proof, code: str, severity: Severity
) -> None:
    (found,) = findings(proof)
    assert (found.code, found.severity) == (code, severity)
    assert any(found.message in text for text in report(proof).sections[0].texts)
    assert verdict(proof) != verdict(HOLDS)
    assert ("does not hold" in verdict(proof)) == (severity is Severity.ERROR)


class Cells(HTMLParser):
    """Collects the texts of cells, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_report_as_a_page_runs_nothing_and_loads_nothing(tmp_path: Path) -> None:
    odd = replace(WORKER, name="<script>alert(1)</script> | pipe")
    save_report(replace(HOLDS, processes=(odd,)), tmp_path / "proof.html")
    page = Cells()
    text = (tmp_path / "proof.html").read_text(encoding="utf-8")
    page.feed(text)
    assert page.tags <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "tr", "th",
        "td", "pre",
    }  # fmt: skip
    assert "Worker: <script>alert(1)</script> | pipe" in page.texts
    assert "http" not in text.replace("http-equiv", "")


def test_report_as_markdown_keeps_names_inside_their_cells(tmp_path: Path) -> None:
    odd = replace(WORKER, name="a | b\n# c")
    save_report(replace(HOLDS, processes=(odd,)), tmp_path / "proof.md")
    text = (tmp_path / "proof.md").read_text(encoding="utf-8")
    assert "a \\| b # c" in text
    assert "\n# c" not in text


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_folders_count_what_others_can_read(tmp_path: Path) -> None:
    layout = open_workspace(tmp_path / "w", now=datetime.now(UTC))
    proofs = Proofs(layout, ask=lambda: ANSWER)
    assert proofs.folders()[0].open_entries == 0
    (layout.root / "left.txt").touch(mode=0o640)
    (layout.root / "left.txt").chmod(0o640)
    (layout.root / "link").symlink_to("/etc/passwd")
    workspace = proofs.folders()[0]
    assert workspace.open_entries == 1
    assert workspace.entries > 3


def test_folders_are_counted_while_a_worker_removes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = open_workspace(tmp_path / "w", now=datetime.now(UTC))
    going = layout.jobs / "j1" / "checkpoints" / "ck-000001"
    going.mkdir(parents=True)
    look = os.scandir

    def vanishing(path: str | Path) -> object:
        if Path(path) == going and going.exists():
            going.rmdir()
        return look(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert Proofs(layout).folders()[0].entries >= 7
    assert not going.exists()


def test_keeper_of_the_queue_is_listed_and_one_that_is_gone_is_not(tmp_path: Path) -> None:
    layout = open_workspace(tmp_path / "w", now=datetime.now(UTC))
    atomicfs.make_folder(layout.queue.root)
    proofs = Proofs(layout, ask=lambda: ANSWER)
    assert [one.role for one in proofs.processes(OWN, Role.WINDOW)] == [Role.WINDOW]
    tell_keeper(layout)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as helper:
        _window, keeper, *others = proofs.processes(OWN, Role.WINDOW)
        helper.communicate(b"\n")
    assert (keeper.role, keeper.network.pid) == (Role.KEEPER, os.getpid())
    assert (Role.HELPER, helper.pid) in [(one.role, one.network.pid) for one in others]
    words = {role_words(one) for one in (keeper, *others)}
    assert words == {"Keeper of the queue", "Helper of the keeper of the queue"}
    own = read_document(layout.queue.keeper, Identity)
    write_document(layout.queue.keeper, replace(own, started_at_s=own.started_at_s - 60))
    assert [one.role for one in proofs.processes(OWN, Role.WINDOW)] == [Role.WINDOW]


def test_proof_lists_the_asking_process_and_asks_once(tmp_path: Path) -> None:
    layout = open_workspace(tmp_path / "w", now=datetime.now(UTC))
    Jobs(layout).create(JobKind.IMPORT, "never started", "tests.fakes.entries:quick", {})
    asked: list[ProbeAnswer] = []

    def ask() -> ProbeAnswer:
        asked.append(ANSWER)
        return ANSWER

    made = Proofs(layout, ask=ask).prove(replace(OWN, attempts=3), Role.COMMAND_LINE)
    (asking,) = made.processes
    assert (asking.role, asking.refused) == (Role.COMMAND_LINE, 3)
    assert asked == [ANSWER]
