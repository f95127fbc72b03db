# SPDX-License-Identifier: Apache-2.0
"""Draws every state of the pages Datasets and Models into a folder, to be looked at.

python tests/gui/screens_datasets.py FOLDER [--scheme dark] [--scale 2] [STATE ...]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtCore import QDeadlineTimer, QItemSelectionModel, QLocale
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from engine.api.settings import Settings as SettingValues
from engine.domain.dataset import (
    ChatRow,
    DatasetInfo,
    Mapping,
    Part,
    Reject,
    Role,
    RowKind,
    SourceFile,
    TextRow,
    Turn,
)
from engine.domain.forgetting import Remaining, RemainingKind
from engine.domain.phase import Phase
from engine.domain.report import CheckResult, Report
from engine.domain.run import Failure, JobKind
from engine.domain.version import Action, VersionInfo
from engine.errors import EngineError, NoChatTemplate, UnsafeWeights
from engine.protocol.events import Failed, PhaseChanged, ProgressMade, WorkerStarted
from engine.quality.registry import CHECKS
from gui.app import Window
from gui.bridge.notices import Notices
from gui.bridge.process import collect_garbage_here
from gui.bridge.services import Services, make_services
from gui.bridge.settings import Settings
from gui.pages.datasets.documents_page import DocumentsPage
from gui.pages.datasets.forget_page import ForgetPage
from gui.pages.datasets.mapping_form import ExpressionField, MappingForm
from gui.pages.datasets.mapping_page import MappingPage
from gui.pages.datasets.row_editor import RowEditor
from gui.pages.datasets.rows_table import RowsTable
from gui.viewmodels.forgetting import ForgetRequest
from gui.viewmodels.import_requests import DocumentRequest, MappingRequest
from gui.viewmodels.row_draft import draft_of
from gui.widgets.buttons import Button, IconButton
from gui.widgets.fields import SearchField, SelectField
from gui.widgets.multi_select import MultiSelectField
from gui.widgets.page import Scroll
from gui.widgets.tabs import TabBar
from gui.widgets.text import LinkLabel
from gui.widgets.theme.install import install_theme
from gui.widgets.theme.tokens import Scheme
from gui.widgets.token_view import TokenView
from tests.fakes.api import FakeApi, FakeFacts, FakeGpu, a_dataset, a_model
from tests.fakes.coverages import a_coverage
from tests.fakes.forgetting import a_plan, a_relative
from tests.fakes.mappings import a_sample
from tests.fakes.rows import a_chat
from tests.gui.conftest import NUMBERS_LOCALE, FakePrivacy
from tests.gui.geometry import clipped_texts

QUESTIONS = (
    "Printer prints blank pages after the new toner was put in on Monday",
    "Cannot sign in with the new badge since the update, and my colleague cannot either",
    "Hello, since the update on Monday my scanner loses the connection every few minutes. "
    "Model HX-200, dock 3. I tried another cable.",
    "Label printer: wrong paper size",
    "Re: Re: Fwd: invoice copy",
    "Handheld freezes in the cold store",
    "Scale shows 0.00 kg after moving it to the other side of the hall",
    "Forklift tablet keeps restarting",
    "Badge reader blinks red",
)
ANSWER = (
    "Cause: After update 4.2 the HX-200 sleeps after 3 minutes and dock 3 does not wake it.\n"
    "Check first: Settings, Power, set Sleep to Never.\n"
    "If it stays: Install firmware 4.2.1 on the dock, then pair it again.\n"
    "Priority: Normal. Reply within 1 working day."
)
SYSTEM = "You answer tickets for Northwind support. Reply in the house form."
LONG = "Orders of the last year with a very long name that will not fit anywhere at all, second try"


def source(name: str, rows: int, rejects: int = 0, **changes: Any) -> SourceFile:
    """Return a source file."""
    values: dict[str, Any] = {
        "name": name,
        "path": f"/home/anna/Documents/exports/2026-11/{name}",
        "size_bytes": rows * 640,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "format": "jsonl",
        "shape": "openai_messages",
        "rows": rows,
        "rejects": rejects,
    }
    return SourceFile(**{**values, **changes})


def tickets(**changes: Any) -> DatasetInfo:
    """Return the dataset of most pictures."""
    values: dict[str, Any] = {
        "rows": 11_874,
        "rejects": 23,
        "duplicates": 12,
        "splits": {"train": 10_667, "eval": 1_207},
        "sources": (
            source("tickets.jsonl", 9_412, 19),
            source("tickets-2025.csv", 2_462, 4, format="csv", shape="question_answer"),
        ),
        "licence": "Internal use only",
    }
    return a_dataset(**{**values, **changes})


def fill(api: FakeApi) -> None:
    """Put datasets and models into the workspace."""
    long = a_dataset(id="d2", name=LONG, rows=1_200_000, splits={"train": 1_200_000}, rejects=2)
    text = a_dataset(
        id="d3", name="Handbook", kind=RowKind.TEXT, rows=812, splits={"train": 731, "eval": 81},
        sources=(source("handbook.txt", 812, format="text", shape="text"),),
    )  # fmt: skip
    api.datasets.all = [tickets(), long, text]
    row = [a_chat(QUESTIONS[i % 9], ANSWER, SYSTEM) for i in range(10_667)]
    api.datasets.rows[("d1", "train")] = row
    api.datasets.rows[("d1", "eval")] = row[:1_207]
    api.datasets.rows[("d2", "train")] = row[:9] * 1_000
    api.datasets.rows[("d3", "train")] = [TextRow(text=ANSWER * 12)] * 731
    api.models.all = models()


def models() -> list[Any]:
    """Return models of several kinds."""
    return [
        a_model(),
        a_model(id="m2", name="Burnish starter", path="/opt/burnish/starter", bundled=True,
                architecture="LlamaForCausalLM", parameters=4_812_032, size_bytes=9_640_000,
                context_tokens=1024),
        a_model(id="m3", name="llama-3.1-8b-base-with-a-name-that-is-far-too-long-for-a-column",
                path="/data/models/huggingface/hub/models--someone--llama/snapshots/" + "0e9" * 13,
                architecture="LlamaForCausalLM", parameters=8_030_261_248, licence="",
                has_chat_template=False, end_of_turn="", size_bytes=16_060_000_000,
                notes=("The folder also holds a file of pickled weights. It is not read.",)),
    ]  # fmt: skip


def rejects() -> list[Reject]:
    """Return rejected rows."""
    reasons = (
        (
            "empty_text",
            "The field answer holds no text.",
            '{"question": "why is it", "answer": ""}',
        ),
        ("broken_json", "This is not valid JSON.", '{"messages": [{"role": "user", "content": "I'),
        ("unknown_role", "The role narrator is none that a turn can have.", '{"messages": [{"ro'),
    )
    picked = [reasons[i % 5 % 3] for i in range(23)]
    return [
        Reject(file="tickets.jsonl" if i < 19 else "tickets-2025.csv", line=37 + 411 * i,
               reason=reason, message=message, excerpt=excerpt)
        for i, (reason, message, excerpt) in enumerate(picked)
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a state can act on."""

    api: FakeApi
    services: Services
    window: Window

    def wait(self, seconds: float = 0.35) -> None:
        """Let the background and the paint events catch up."""
        deadline = QDeadlineTimer(int(seconds * 1000))
        while not deadline.hasExpired():
            QTest.qWait(20)

    def page(self) -> QWidget:
        """Return the page that is shown."""
        page = self.window.shell.page(self.window.shell.current_page())
        assert page is not None
        return page

    def tab(self, key: str) -> None:
        """Open a tab of the dataset."""
        bar = self.page().findChild(TabBar)
        assert bar is not None
        bar.set_value(key)
        bar.chosen.emit(key)
        self.wait()


def start_import(api: FakeApi, job_id: str, name: str, *, share: float) -> None:
    """Make an import that goes on."""
    paths = [f"/home/anna/{name}", "/home/anna/more.jsonl"]
    options = {"paths": paths, "name": name}
    job = api.jobs.make(JobKind.IMPORT, name, job_id, options=options)
    job.emit(WorkerStarted(attempt=1, pid=1), PhaseChanged(phase="reading"))
    done, total = round(share * 10**8), 10**8
    job.emit(ProgressMade(done=done, total=total, unit="bytes"), at="2026-11-03T14:00:04.000Z")


def fail_import(api: FakeApi, job_id: str, name: str, failure: Failure) -> None:
    """Make an import that ended badly."""
    options = {"paths": [f"/home/anna/Documents/{name}"], "name": name}
    job = api.jobs.make(JobKind.IMPORT, name, job_id, options=options)
    job.emit(
        WorkerStarted(attempt=1, pid=1),
        Failed(code=failure.code, message=failure.message, remedy=failure.remedy,
               detail=failure.detail),
    )  # fmt: skip


NO_ROWS = Failure(
    code="no_usable_rows",
    message="None of the 412 rows could be used. The field answer holds no text. (398 times) "
    "This is not valid JSON. (14 times)",
    remedy="Look at the reasons, and change the columns or the rows.",
    detail="tickets.csv:2 empty_text\ntickets.csv:3 empty_text\ntickets.csv:4 broken_json",
)
Act = Callable[[Stage], None]


def _go(page: str, argument: object = None) -> Act:
    def act(stage: Stage) -> None:
        stage.services.navigator.go(page, argument)
        stage.wait()

    return act


def _tab(key: str, dataset_id: str = "d1") -> Act:
    def act(stage: Stage) -> None:
        fill(stage.api)
        stage.api.datasets.rejected = rejects()
        _show(stage, "datasets", dataset_id)
        stage.tab(key)

    return act


def _show(stage: Stage, page: str, argument: object = None) -> None:
    stage.services.library.refresh()
    stage.wait()
    stage.services.navigator.go(page, argument)
    stage.wait()


def _filled(stage: Stage) -> None:
    fill(stage.api)
    _show(stage, "datasets")


def _importing(stage: Stage) -> None:
    fill(stage.api)
    start_import(stage.api, "j1", "tickets.jsonl", share=0.38)
    start_import(stage.api, "j2", LONG, share=0.0)
    _show(stage, "datasets")


def _importing_first(stage: Stage) -> None:
    start_import(stage.api, "j1", "tickets.jsonl", share=0.38)
    _show(stage, "datasets")


def _failed(stage: Stage) -> None:
    fill(stage.api)
    fail_import(stage.api, "j1", "tickets.csv", NO_ROWS)
    fail_import(stage.api, "j2", "older.csv", NO_ROWS)
    _show(stage, "datasets")


def _failed_first(stage: Stage) -> None:
    failure = Failure(
        code="format_unknown",
        message="The content of photo.dat is in none of the formats that Burnish reads.",
        remedy="Save it as JSONL, JSON, CSV, Excel, Parquet, Arrow or plain text.",
    )
    fail_import(stage.api, "j1", "photo.dat", failure)
    _show(stage, "datasets")


def _focused_token(stage: Stage) -> None:
    _tab("tokens")(stage)
    view = stage.page().findChild(TokenView)
    assert view is not None
    stage.services.api.models.preview("d1", "m1")
    view.focus_token(70)
    stage.wait(0.1)


def _tokens_counted(stage: Stage) -> None:
    stage.api.coverages.known = a_coverage()
    _tab("tokens")(stage)
    link = next(one for one in stage.page().findChildren(LinkLabel) if "packed" in one.text())
    link.click()
    stage.wait()


def _tokens_counting(stage: Stage) -> None:
    _tab("tokens")(stage)
    buttons = stage.page().findChildren(Button)
    next(one for one in buttons if one.text() == "Count all rows").click()
    stage.wait()
    job = list(stage.api.jobs.by_id.values())[-1]
    job.emit(
        WorkerStarted(attempt=1, pid=1),
        PhaseChanged(phase=Phase.READING_ROWS),
        ProgressMade(done=4_512, total=11_874, unit="rows"),
    )
    stage.wait()


def _tokens_problem(stage: Stage) -> None:
    stage.api.models.problems = {0: "unreadable_text", 3: "unreadable_text"}
    _tab("tokens")(stage)


def _tokens_refused(stage: Stage) -> None:
    stage.api.models.preview_error = NoChatTemplate("Qwen3-4B has no chat template.")
    _tab("tokens")(stage)


def _tokens_no_model(stage: Stage) -> None:
    fill(stage.api)
    stage.api.models.all = []
    _show(stage, "datasets", "d1")
    stage.tab("tokens")


def _health(stage: Stage) -> None:
    results = {
        "leakage": 2, "exact_copies": 12, "personal_data": 96, "contradicting_answers": 8,
        "language": 341, "end_blanks": 27,
    }  # fmt: skip
    languages = {"en": 10_921, "unknown": 612, "de": 298, "nl": 43}
    stage.api.reports.report = Report(
        version=1,
        checked_at="2026-11-03T14:00:00.000Z",
        duration_s=3.2,
        rows=11_874,
        near_similarity=0.8,
        eval_rows_needed=385,
        results=tuple(
            CheckResult(
                check=one.id,
                rows=results.get(one.id, 0),
                tally=languages if one.id == "language" else {},
            )
            for one in CHECKS
        ),
    )
    _tab("health")(stage)
    stage.wait(0.6)


def _health_below(stage: Stage) -> None:
    """Show the end of the findings."""
    _health(stage)
    areas = stage.page().findChildren(Scroll)
    for area in areas * 2:
        area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
        stage.wait(0.1)


def _rows_groups(stage: Stage) -> None:
    """Show the rows of a finding by group, from both parts."""
    groups = {0: 0, 9: 0, 10_667: 0, 1: 1, 10: 1, 10_668: 1, 10_677: 1, 2: 2, 10_669: 2}
    stage.api.row_views.within = {"leakage": list(groups)}
    stage.api.row_views.groups = groups
    _health(stage)
    links = stage.page().findChildren(LinkLabel)
    next(one for one in links if one.accessibleName().startswith("Show: Copies across")).click()
    stage.wait(0.5)


def _rows_filter(stage: Stage) -> None:
    """Open the list of findings, two of them chosen, above the rows."""
    _health(stage)
    stage.tab("rows")
    stage.wait(0.3)
    field = stage.page().findChildren(MultiSelectField)[0]
    field.set_values(("check:exact_copies:", "check:language:"))
    stage.wait(0.2)
    menu = field.menu()
    menu.setActiveAction(menu.actions()[3])
    # A list is a window of its own, which is not in the picture of this one.
    picture = QLabel(stage.window.shell)
    picture.setPixmap(menu.grab())
    picture.adjustSize()
    picture.move(field.mapTo(stage.window.shell, field.rect().bottomLeft()))
    picture.show()


def _split_by_group(stage: Stage) -> None:
    """Open the Split tab with the rule that keeps groups together."""
    stage.api.datasets.fields = ["customer", "day"]
    _tab("split")(stage)
    fields = stage.page().findChildren(SelectField)
    field = next(one for one in fields if one.accessibleName() == "Rule")
    field.set_value("group")
    field.chosen.emit("group")
    stage.wait(0.1)


def _asked(*, kind: str = "", text: str = "", is_below: bool = False) -> Act:
    """Return an act that shows the page which asks what columns mean."""

    def act(stage: Stage) -> None:
        fill(stage.api)
        stage.api.mappings.found = a_sample(
            [
                {
                    "ticket": 4_000 + number,
                    "subject": question,
                    "description": f"Since Monday: {question.lower()}.",
                    "user": {"name": "M. Weber", "site": "Hall 3"},
                    "reply": ANSWER if number != 2 else "",
                }
                for number, question in enumerate(QUESTIONS)
            ],
            proposal=Mapping(
                kind=RowKind.CHAT,
                parts=(
                    Part(target="system", value=SYSTEM),
                    Part(target="user", value="{subject}"),
                    Part(target="assistant", value="{reply}"),
                ),
            ),
            confidence=0.0,
            reason="No field has a name that Burnish knows.",
        )
        request = MappingRequest(paths=(Path("/data/exports/tickets-2026.csv"),))
        stage.services.navigator.go("datasets", request)
        stage.wait(0.4)
        form = stage.page().findChildren(MappingForm)[0]
        if kind:
            form.set_draft(replace(form.draft(), form=kind))
            form.changed.emit()
        if text:
            form.findChildren(ExpressionField)[1].set_text(text)
        stage.wait(0.5)
        if is_below:
            for area in stage.page().findChildren(MappingPage)[0].findChildren(Scroll):
                area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
            stage.wait(0.2)

    return act


def _mapped_source(stage: Stage) -> None:
    """Show a source file whose columns a person has mapped."""
    fill(stage.api)
    parts = (Part(target="user", value="{subject}\n{body}"), Part(target="assistant", value="{a}"))
    mapped = source(
        "tickets-2026.csv", 2_462, 4, format="csv", shape="mapping", confidence=0.98,
        reason="A person chose which columns are which part of a row.",
        mapping=Mapping(kind=RowKind.CHAT, parts=parts),
    )  # fmt: skip
    stage.api.datasets.all[0] = tickets(sources=(mapped,))
    _show(stage, "datasets", "d1")
    stage.tab("source")


def _documents(stage: Stage) -> None:
    fill(stage.api)
    stage.api.documents.are_all = True
    _show(stage, "datasets")
    paths = (Path("/home/anna/handbook.docx"), Path("/home/anna/scan.pdf"))
    stage.services.navigator.go("datasets", DocumentRequest(paths=paths))
    stage.wait(0.4)


def _documents_counted(stage: Stage) -> None:
    _documents(stage)
    (field,) = stage.page().findChildren(DocumentsPage)[0].findChildren(SelectField)
    field.set_value(field.itemData(1))
    field.chosen.emit(field.value())
    stage.wait(0.4)


def _rows_found(stage: Stage) -> None:
    _tab("rows")(stage)
    _search_field(stage).setText("dock")
    stage.wait(0.5)
    table = stage.page().findChildren(RowsTable)[0]
    for row in (1, 2, 4):
        table.selectionModel().select(
            table.model().index(row, 0),
            QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows,
        )
    stage.wait(0.1)


def _search_field(stage: Stage) -> SearchField:
    fields = stage.page().findChildren(SearchField)
    return next(one for one in fields if one.accessibleName() == "Find in the rows")


def _rows_nothing(stage: Stage) -> None:
    _tab("rows")(stage)
    _search_field(stage).setText("nothing is like this")
    stage.wait(0.5)


def _rows_edit(stage: Stage) -> None:
    _tab("rows")(stage)
    buttons = stage.page().findChildren(IconButton)
    next(one for one in buttons if one.accessibleName() == "Edit the row (Enter, F2)").click()
    stage.wait(0.2)


def _rows_edit_tool(stage: Stage) -> None:
    call = '[{"id":"a1B2c3D4e","type":"function","function":{"name":"stock","arguments":"{}"}}]'
    row = ChatRow(
        messages=(
            Turn(role=Role.USER, content="How many cartridges are left?", name="Jane"),
            Turn(role=Role.ASSISTANT, content="", tool_calls=call),
            Turn(role=Role.TOOL, content="4", name="stock", tool_call_id="a1B2c3D4e"),
            Turn(role=Role.ASSISTANT, content="Four."),
        )
    )
    _rows_edit(stage)
    (editor,) = stage.page().findChildren(RowEditor)
    editor.start("Row 1", draft_of(row))
    stage.wait(0.2)


def _history(stage: Stage) -> None:
    actions = ((Action.IMPORTED, 11_874), (Action.FIXED, 11_862), (Action.SPLIT, 11_862))
    stage.api.versions.all = [
        VersionInfo(
            number=number, parent=number - 1, action=action, changed=12,
            splits={"train": rows}, made_at="2026-11-03T14:00:00.000Z",
        )
        for number, (action, rows) in enumerate(actions, start=1)
    ]  # fmt: skip
    _tab("history")(stage)
    stage.wait(0.3)


def _question(stage: Stage) -> None:
    _tab("rows")(stage)
    cast("Any", stage.page())._one._act("remove")
    stage.wait(0.1)


def _make(key: str) -> Act:
    def act(stage: Stage) -> None:
        _tab("rows")(stage)
        cast("Any", stage.page())._one._act(key)
        stage.wait(0.1)

    return act


def _rename(stage: Stage) -> None:
    _tab("rows")(stage)
    cast("Any", stage.page())._one._act("rename")
    stage.wait(0.1)


def _forget(act: Act) -> Act:
    """Ask whether a dataset shall be forgotten, and do something there."""

    def ask(stage: Stage) -> None:
        fill(stage.api)
        _show(stage, "datasets", ForgetRequest(dataset_id="d1", name="Support tickets"))
        stage.wait(0.2)
        act(stage)
        stage.wait(0.2)

    return ask


def _forget_now(stage: Stage) -> None:
    stage.page().findChildren(ForgetPage)[0]._name.setText("Support tickets")
    stage.page().findChildren(ForgetPage)[0]._forget.click()
    stage.wait(1.0)


def _forget_below(stage: Stage) -> None:
    for area in stage.page().findChildren(ForgetPage)[0].findChildren(Scroll):
        area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())


def _forget_blocked(stage: Stage) -> None:
    blocker = "Support tickets 4 is using this dataset: stop it, or wait until it has ended."
    stage.api.forgetting.made = a_plan(blockers=(blocker,), rewritten=(), related=())
    request = ForgetRequest(dataset_id="d1", name="Support tickets")
    stage.page().findChildren(ForgetPage)[0].show_request(request)


def _forget_long(stage: Stage) -> None:
    name = "Every ticket of the last eleven years, sorted by hand, second try"
    related = (a_relative(id="d2", name=name), a_relative(id="d3", name=name, is_in_trash=True))
    path = "/media/backup/" + "a-folder-with-a-long-name/" * 5 + "x" * 90 + ".jsonl"
    source = Remaining(kind=RemainingKind.SOURCE, name="x", path=path)
    stage.api.forgetting.made = a_plan(removed=(), related=related, remaining=(source,))
    request = ForgetRequest(dataset_id="d1", name=name)
    stage.page().findChildren(ForgetPage)[0].show_request(request)


def _refuse(error: EngineError) -> Act:
    def act(stage: Stage) -> None:
        fill(stage.api)
        _show(stage, "models")
        path = Path("/data/models/old-gpt")
        cast("Any", stage.page())._list._refuse(path, error)
        stage.wait(0.1)

    return act


def _model(model_id: str) -> Act:
    def act(stage: Stage) -> None:
        fill(stage.api)
        stage.api.models.all[0] = a_model(path=str(Path.cwd()))
        _show(stage, "models", model_id)

    return act


def _models(stage: Stage) -> None:
    fill(stage.api)
    _show(stage, "models")


STATES: dict[str, Act] = {
    "datasets-empty": _go("datasets"),
    "datasets-filled": _filled,
    "datasets-importing": _importing,
    "datasets-importing-first": _importing_first,
    "datasets-failed": _failed,
    "datasets-failed-first": _failed_first,
    "dataset-rows": _tab("rows"),
    "dataset-rows-long": _tab("rows", "d2"),
    "documents": _documents,
    "documents_counted": _documents_counted,
    "dataset-rows-found": _rows_found,
    "dataset-rows-groups": _rows_groups,
    "dataset-rows-filter": _rows_filter,
    "dataset-rows-nothing": _rows_nothing,
    "dataset-rows-edit": _rows_edit,
    "dataset-rows-edit-tool": _rows_edit_tool,
    "dataset-rows-text": _tab("rows", "d3"),
    "dataset-tokens": _focused_token,
    "dataset-tokens-text": _tab("tokens", "d3"),
    "dataset-tokens-counted": _tokens_counted,
    "dataset-tokens-counting": _tokens_counting,
    "dataset-tokens-problem": _tokens_problem,
    "dataset-tokens-refused": _tokens_refused,
    "dataset-tokens-no-model": _tokens_no_model,
    "dataset-rejects": _tab("rejects"),
    "dataset-rejects-none": _tab("rejects", "d3"),
    "dataset-health": _health,
    "dataset-health-below": _health_below,
    "dataset-health-unchecked": _tab("health"),
    "dataset-history": _history,
    "dataset-export": _make("export"),
    "dataset-sample": _make("sample"),
    "dataset-merge": _make("merge"),
    "dataset-split": _tab("split"),
    "dataset-split-long": _tab("split", "d2"),
    "dataset-split-group": _split_by_group,
    "dataset-source": _tab("source"),
    "dataset-source-mapped": _mapped_source,
    "dataset-remove": _question,
    "dataset-rename": _rename,
    "dataset-forget": _forget(lambda _stage: None),
    "dataset-forget-below": _forget(_forget_below),
    "dataset-forget-blocked": _forget(_forget_blocked),
    "dataset-forget-long": _forget(_forget_long),
    "dataset-forgotten": _forget(_forget_now),
    "mapping": _asked(),
    "mapping-below": _asked(is_below=True),
    "mapping-wrong": _asked(kind="rated"),
    "mapping-long": _asked(text="{subject}\n\n" + "{description} ({user.name}) " * 9),
    "models-empty": _go("models"),
    "models-filled": _models,
    "models-refused": _refuse(
        UnsafeWeights(
            "old-gpt holds its weights only as pytorch_model.bin, a form that can run code when it "
            "is loaded. Burnish does not open it.",
            detail="pytorch_model.bin",
        )
    ),
    "model": _model("m1"),
    "model-long": _model("m3"),
}


def draw(name: str, act: Act, folder: Path, scheme: Scheme, scale: float) -> Path:
    """Draw one state and return the picture."""
    app = QApplication(["screens"])
    collect_garbage_here(app)
    QLocale.setDefault(QLocale(NUMBERS_LOCALE))
    look = install_theme(app, scheme=scheme, text_scale=scale, font_px=13)
    api = FakeApi()
    api.machine.current = FakeFacts(gpus=(FakeGpu(),))
    notices = Notices()
    services = make_services(
        cast("Any", api),
        settings=Settings(
            folder / "settings.json", SettingValues(scheme=scheme.value, text_scale=scale), notices
        ),
        notices=notices,
        privacy=cast("Any", FakePrivacy()),
    )
    window = Window(services, look)
    window.open("home")
    window.shell.resize(1280, 800)
    window.start()
    stage = Stage(api=api, services=services, window=window)
    stage.wait(0.2)
    act(stage)
    sys.stdout.writelines(f"  {fault}\n" for fault in clipped_texts(window.shell))
    picture = folder / f"{name}-{scheme.value}-{scale:g}.png"
    window.shell.grab().save(str(picture))
    services.close()
    return picture


def main() -> None:
    """Draw what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("states", nargs="*")
    parser.add_argument("--scheme", default="light")
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_intermixed_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if len(options.states) == 1:
        name = options.states[0]
        picture = draw(name, STATES[name], options.folder, Scheme(options.scheme), options.scale)
        sys.stdout.write(f"{picture}\n")
        return
    for name in options.states or STATES:
        # Each in a process of its own: a window is made for the whole life of its process.
        given = [str(options.folder), name, "--scheme", options.scheme]
        subprocess.run(
            [sys.executable, __file__, *given, "--scale", str(options.scale)], check=True
        )


if __name__ == "__main__":
    main()
