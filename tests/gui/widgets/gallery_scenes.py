# SPDX-License-Identifier: Apache-2.0
"""The scenes of the gallery: the screens of the design, made of the widgets with fixed texts."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from gui.widgets.banner import Banner
from gui.widgets.box import Column, Flow, Gap, Hairline, Panel, Reflow, Row, Stretch
from gui.widgets.buttons import Action, Button, IconButton, MenuItem
from gui.widgets.card import Card, Disclosure, SoftBlock, StepNumber
from gui.widgets.chip import Badge, Chip
from gui.widgets.choices import Choice, ChoiceCards, SegmentedControl, Switch
from gui.widgets.drop_zone import DropZone
from gui.widgets.empty import EmptyState, Skeleton
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.fields import Field, NumberField, PathField, SearchField, SelectField, TextField
from gui.widgets.lists import CategoryList, RowData, RowList
from gui.widgets.memory import MemoryBar, MemoryPart
from gui.widgets.page import Page, SideColumn
from gui.widgets.picker import ObjectPicker, PickerOption
from gui.widgets.progress import Progress, RunProgress, Zone, ZoneMeter
from gui.widgets.rows import (
    BarRow,
    FindingRow,
    JobRow,
    NameValue,
    NameValues,
    SectionTitle,
    WarningRow,
)
from gui.widgets.setting_row import SettingHeader, SettingRow
from gui.widgets.shell import Command, MenuSpec, NavItem, Shell
from gui.widgets.slider import Slider
from gui.widgets.table import Cell, DataTable
from gui.widgets.table import Column as TableColumn
from gui.widgets.tabs import TabBar
from gui.widgets.text import BigNumber, IconLabel, LinkLabel, TextLabel
from gui.widgets.token_view import Token, TokenLegend, TokenSection, TokenView

PARTS = (
    MemoryPart(key="o", name="Other programs", low_gb=1.1, high_gb=1.1, role="other"),
    MemoryPart(key="w", name="Model, 4-bit", low_gb=2.6, high_gb=2.6, role="weights"),
    MemoryPart(key="a", name="Adapter", low_gb=0.3, high_gb=0.3, role="adapter"),
    MemoryPart(key="p", name="Optimizer", low_gb=0.4, high_gb=0.4, role="optimizer"),
    MemoryPart(key="x", name="Working memory", low_gb=5.1, high_gb=7.4, role="activations"),
    MemoryPart(key="r", name="Safety margin", low_gb=1.0, high_gb=1.0, role="reserve"),
)


def memory_bar(*, folded: bool = False) -> MemoryBar:
    bar = MemoryBar(folded=folded)
    bar.set_plan(
        24.0,
        PARTS,
        headline="This run needs 9.4 to 11.7 GB",
        total_text="24.0 GB on the card",
        free_text="11.2 GB stays free",
    )
    return bar


def home_page() -> Page:
    page = Page("Welcome to Burnish", role="welcome")
    page.header.set_meta("Fine-tune a language model on your own data, on your own computer.")
    card = Card(padding=24)
    card.add(
        Row(StepNumber(1, current=True), TextLabel("Try it now", colour="accent_text"), Stretch()),
        TextLabel("Train your first model in a minute", role="heading"),
        TextLabel(
            "The starter model (6 MB) learns to turn free text into a ticket form, from 200 "
            "sample rows, on this computer’s processor. You see it before and after.",
            colour="text2",
            wrap=True,
        ),
        Row(
            Button("Start the one-minute run", kind="primary", icon="play", size="large"),
            Button("What will happen", kind="ghost"),
            Stretch(),
        ),
    )
    card.add_rule()
    card.add(Row(StepNumber(2), TextLabel("Drop your files", role="label"), Stretch()))
    card.add(Row(Button("Browse for data…", icon="file"), Stretch()))
    zone = DropZone(
        title="Drop a dataset or a model folder anywhere in this window",
        text="or press Ctrl V to paste a path",
    )
    page.add(Column(card, zone, gap=24))
    side = SideColumn()
    side.add_title("This computer")
    side.add(
        NameValue("Graphics card", "NVIDIA RTX 4090", icon="graphics-card", second="driver 560"),
        Hairline(),
        NameValue("Memory on card", "24.0 GB", icon="memory", second="22.9 GB free"),
        Hairline(),
        NameValue("Free on disk", "212 GB", icon="disk", second="workspace 0.1 GB"),
    )
    ready = SoftBlock(kind="success")
    ready.add(
        Row(
            IconLabel("status-ok", role="success", size=20),
            TextLabel("Ready to fine-tune", role="label"),
            Stretch(),
        ),
        TextLabel("Up to about 14 billion parameters in 4-bit.", wrap=True),
        Row(LinkLabel("How this is worked out"), Stretch()),
    )
    side.add(Gap(8), ready)
    page.set_side(side, 296)
    page.body.addStretch(1)
    return page


def _words(text: str, *, trained: bool) -> list[Token]:
    tokens = []
    for i, word in enumerate(text.split(" ")):
        shown = word if i == 0 else f" {word}"
        tokens.append(Token(text=shown, id=27_700 + len(tokens), trained=trained))
    return tokens


def _special(text: str, *, trained: bool = False) -> Token:
    return Token(text=text, id=151_644, trained=trained, special=True)


def _turn(role: str, title: str, text: str, *, trained: bool = False) -> TokenSection:
    tokens = [_special("<|im_start|>"), Token(text=role, id=8948, trained=False)]
    tokens.append(Token(text="\n", id=198, trained=False))
    for line in text.split("\n"):
        tokens += _words(line, trained=trained)
        tokens.append(Token(text="\n", id=198, trained=trained))
    tokens.pop()
    tokens.append(_special("<|im_end|>", trained=trained))
    return TokenSection(role=role, title=title, tokens=tuple(tokens))


def token_sections() -> list[TokenSection]:
    answer = (
        "Cause: After update 4.2 the HX-200 sleeps after 3 minutes and dock 3 does not wake it.\n"
        "Check first: Settings, Power, set Sleep to Never.\n"
        "If it stays: Install firmware 4.2.1 on the dock, then pair it again.\n"
        "Priority: Normal. Reply within 1 working day."
    )
    return [
        _turn(
            "system",
            "System",
            "You answer tickets for Northwind support. Reply in the house form.",
        ),
        _turn(
            "user",
            "User",
            "Hello, since the update on Monday my scanner loses the connection every few minutes. "
            "Model HX-200, dock 3. I tried another cable.",
        ),
        _turn("assistant", "Assistant", answer, trained=True),
    ]


def datasets_page() -> Page:
    page = Page("Support tickets", scroll=False)
    page.header.set_back("Datasets")
    page.header.set_chip("Ready, 2 things to look at", "warning", "status-warning")
    page.header.set_meta("Version 3 · 11,874 rows · 3.87 million tokens · from tickets.csv")
    page.header.set_actions(
        Button("Export a copy…", kind="ghost"),
        Button("Train with this dataset", kind="primary", icon="train"),
    )
    tabs = TabBar(name="Parts of the dataset")
    tabs.set_tabs([("r", "Rows"), ("w", "What will be trained"), ("h", "Health"), ("s", "Split")])
    tabs.set_badge("h", 2)
    tabs.set_value("w")
    page.set_tabs(tabs)
    rows = RowList(name="Rows")
    titles = ("Printer prints blank pages after the update", "Cannot sign in with the new badge")
    flags = {4: "e-mail"}
    rows.set_source(
        11_874,
        lambda i: RowData(
            key=str(i),
            title=titles[i % 2] if i != 2 else "Scanner loses the connection",
            left=str(15 + i),
            right=f"{100 + i * 13 % 900} tokens",
            flag=flags.get(i, ""),
        ),
    )
    rows.set_current_index(2)
    left = Column(SearchField(placeholder="Filter, or tokens>2000"), gap=8, margins=(24, 16, 12, 8))
    left.addWidget(rows, 1)
    page.set_left(Panel(left))
    view = TokenView()
    view.set_sections(token_sections())
    walk = Row(TextLabel("Row 17", role="section"), TextLabel("of 11,874", colour="text2"))
    walk.add(IconButton("chevron-left", "Previous row"), IconButton("chevron-right", "Next row"))
    walk.add(Stretch())
    head = Reflow(walk, TokenLegend(), stack_below=480)
    page.set_body_margins(24, 12, 16, 4)
    page.body.add(head)
    page.body.addWidget(view, 1)
    view.focus_token(50)
    page.set_side(_row_side(), 264)
    return page


def _row_side() -> SideColumn:
    side = SideColumn()
    side.add_title("This row")
    bar = Progress(name="Share trained")
    bar.set_share(0.55)
    facts = NameValues()
    facts.set_rows([("Share trained", "55", "%"), ("Special tokens", "8")])
    side.add(BigNumber("70", "of 127 tokens are trained"), bar, facts)
    side.add(NameValue("Answer ends the turn", "Yes", colour="success"))
    side.add_rule()
    side.add_title("All rows")
    rest = NameValues()
    rest.set_rows([("Trained tokens", "1.36", "million"), ("Rows cut at 2,048", "212")])
    side.add(rest)
    side.add_rule()
    side.add(BarRow("German", "83 %", 0.83), BarRow("English", "14 %", 0.14))
    return side


def health_page() -> Page:
    page = Page("Support tickets")
    page.add(SectionTitle("Two things to look at before training", meta="checked in 41 s"))
    for kind, title, number, unit, link in (
        ("warning", "Personal data in the text", "108", "places", "Review"),
        ("warning", "Answers longer than the row length", "212", "rows", "Choose"),
        ("success", "Exact copies", "12", "rows", "Show"),
        ("info", "Languages", "3", "", "Show"),
    ):
        sentence = "96 e-mail addresses, 12 phone numbers. The search may miss some."
        page.add(
            FindingRow(
                icon_kind=kind,
                title=title,
                text=sentence,
                number=number,
                unit=unit,
                links=[(link, link)],
            )
        )
    for key, words in (("a", "set"), ("b", "done"), ("c", "failed")):
        job = JobRow(key, "tickets-2026-with-a-long-name.jsonl")
        job.set_progress(0.4, "1,204,113 of 3,000,000 rows, 12 s left")
        if words == "done":
            job.set_done("11,874 rows imported")
        if words == "failed":
            job.set_failed("The file ends in the middle of a row.")
        page.add(job)
    page.body.addStretch(1)
    return page


def train_page() -> Page:
    page = Page("New run")
    page.header.set_meta("Four choices. Everything else follows from them.")
    page.header.set_actions(
        Button("Save as preset", kind="ghost"),
        Button("Start training", kind="primary", icon="play", key_hint="Ctrl ↵", size="large"),
    )
    data = ObjectPicker(name="Data", icon="datasets", placeholder="Choose a dataset")
    data.set_options(
        [
            PickerOption(
                key="1",
                name="Support tickets",
                facts="version 3 · 11,874 rows · 3.87 million tokens",
                chip="Ready",
                chip_kind="success",
            )
        ]
    )
    data.set_value("1")
    model = ObjectPicker(name="Model", icon="models", placeholder="Choose a model")
    goal = ChoiceCards(name="Goal")
    goal.set_choices(
        [
            Choice(
                key="style",
                title="Learn a style or form",
                text="Answer the way your examples do. Best with 100 rows or more.",
                icon="form",
            ),
            Choice(
                key="follow",
                title="Follow instructions better",
                text="Broader and slower. Mix in general examples to forget less.",
                icon="chat",
            ),
            Choice(
                key="know",
                title="Know my documents",
                text="Tuning is weak at facts. Burnish compares it with retrieval.",
                icon="book",
                enabled=False,
                reason="Needs a dataset of plain text.",
            ),
        ]
    )
    goal.set_value("style")
    effort = Slider(name="Effort", stops=7)
    effort.set_value(2)
    quick = TextLabel("Quick, 12 min", role="small", elide=True)
    line = Row(TextLabel("Effort", role="label"), quick, gap=18)
    line.addWidget(effort, 1)
    slow = TextLabel("Thorough, 1 h 25 min", role="small", elide=True)
    line.add(slow, TextLabel("3 passes", role="value"))
    pickers = Reflow(Field("Data", data), Field("Model", model), stretches=(1, 1))
    page.add(pickers, Column(TextLabel("Goal", role="label"), goal), line, _plan_card())
    settings = Disclosure("All settings")
    settings.set_facts("41 settings, 2 changed by you")
    settings.set_summary("Rank 16 · learning rate 2e-4 · batch 4 × 8 · length 2,048")
    page.add(settings)
    return page


def _plan_card() -> Card:
    card = Card()
    fits = Chip("Fits with 11.2 GB to spare", kind="success", icon="check")
    head = Row(TextLabel("Plan", role="section"), fits, Stretch())
    card.add(Reflow(head, Button("Measure exactly, 15 s", size="small")), memory_bar())
    card.add_rule(padding=0)
    card.add(
        WarningRow(
            strong="212 rows are longer than 2,048 tokens.",
            text="Their answers would be cut.",
            actions=[
                Action(key="r", text="Raise to 3,072 (+1.4 GB)"),
                Action(key="s", text="Skip them", kind="ghost"),
            ],
        )
    )
    return card


def settings_page() -> Page:
    page = Page("New run")
    page.add(Row(TextLabel("Fits with 11.2 GB to spare", role="label"), memory_bar(folded=True)))
    groups = CategoryList(name="Groups")
    groups.set_items(
        [("all", "All", 41), ("", "", None), ("l", "Learning", 9), ("a", "Adapter", 7)]
    )
    groups.set_value("l")
    rows = Column(SettingHeader("Learning"), gap=0)
    for row in _setting_rows():
        rows.add(row)
    rows.addStretch(1)
    page.add(Reflow(Column(groups, Stretch()), rows, gap=24, stack_below=700, stretches=(0, 1)))
    return page


def _setting_rows() -> list[SettingRow]:
    def number(unit: str, value: float, decimals: int = 0) -> NumberField:
        field = NumberField(name=unit, minimum=0, maximum=100_000, decimals=decimals, unit=unit)
        field.set_value(value)
        return field

    curve = SelectField(name="Curve")
    curve.set_options([("c", "Cosine"), ("l", "Linear")])
    switch = Switch(name="Early stopping")
    switch.setChecked(True)
    specs: list[tuple[str, str, QWidget, str]] = [
        ("Passes over the data", "num_epochs", number("passes", 3), "2"),
        ("Learning rate", "learning_rate", number("", 0.0002, 6), "0.0002"),
        ("Learning rate curve", "lr_scheduler", curve, "Cosine"),
        ("Rows at once", "micro_batch_size", number("rows", 4), "4"),
        ("Batches per step", "grad_accum_steps", number("batches", 8), "8"),
        ("Stop when it stops helping", "early_stopping", switch, "on"),
        ("Cards to share the work", "num_gpus", number("card", 1), "1"),
    ]
    rows = [
        SettingRow(
            key=key,
            title=title,
            technical=key,
            text="How often each row is seen. More can mean copying.",
            editor=editor,
            suggested=suggested,
            effect="none",
        )
        for title, key, editor, suggested in specs
    ]
    rows[0].set_changed(True)
    rows[0].set_effect("+ 12 min")
    rows[3].set_error("Must be at least 1.")
    rows[6].set_reason("This computer has one card.")
    return rows


def _charts() -> tuple[QWidget, QWidget, QWidget, QWidget]:
    from gui.widgets.charts.line_chart import LineChart
    from gui.widgets.charts.small_chart import SmallChart

    noise = random.Random(7)
    steps = list(range(621))
    loss = [1.2 + 1.2 * math.exp(-s / 90) + noise.gauss(0, 0.09) for s in steps]
    checks = list(range(0, 601, 50))
    chart = LineChart(title="Loss", x_name="Step")
    chart.set_points(steps, loss)
    chart.set_held_out(checks, [1.34 + 0.97 * math.exp(-s / 110) for s in checks])
    chart.set_best(550, 1.346, "Best so far 1.34", "held out, step 550")
    chart.set_total(1000)
    chart.set_to_come_text("380 steps to come")
    rate = SmallChart(title="Learning rate", series="s1")
    rate.set_points(steps, [0.0002 * min(s / 50, 1 - s / 2000) for s in steps])
    ahead = list(range(621, 1001, 20))
    rate.set_future(ahead, [0.0002 * (1 - s / 2000) * (1000 - s) / 380 for s in ahead])
    rate.set_current("0.000069")
    speed = SmallChart(title="Speed", series="s3")
    speed.set_points(steps, [5100 + noise.gauss(0, 60) for _ in steps])
    speed.set_current("5,103", "tokens/s")
    memory = SmallChart(title="Memory on card", series="s4")
    memory.set_points(steps, [min(s, 11.2) for s in steps])
    memory.set_current("11.2", "of 24.0 GB")
    memory.set_top(24.0)
    for small in (rate, speed, memory):
        small.set_total(1000)
    return chart, rate, speed, memory


def runs_page() -> Page:
    page = Page("support-v3")
    page.header.set_back("Runs")
    page.header.set_chip("Training", "accent", dot=True)
    page.header.set_meta("Run 7 · Qwen3-4B · Support tickets, version 3 · 4-bit adapter, rank 16")
    stop, pause = Button("Stop", icon="stop"), Button("Pause", icon="pause")
    for button in (stop, pause):
        button.set_menu([MenuItem(key="a", text="Finish this step, keep the result")])
    page.header.set_actions(stop, pause, Button("Try it now", kind="primary", icon="chat"))
    run = RunProgress()
    run.set_progress(620, 1000)
    run.set_checkpoints([200, 400, 600, 800])
    run.set_words("about 14 min left, done around 16:05", "22 min 41 s so far")
    run.set_now("Training. Next is the held-out check at step 650. Checkpoint 600 was saved.")
    tabs = TabBar(name="Parts of the run")
    tabs.set_tabs([("c", "Charts"), ("t", "Table"), ("l", "Log")])
    chart, rate, speed, memory = _charts()
    others = Column(rate, Hairline(), speed, Hairline(), memory, Stretch(), gap=6)
    line = Reflow(chart, others, gap=40, stack_below=700, stretches=(65, 35))
    banner = Banner()
    banner.set_content(
        "The held-out loss was best at step 550.",
        "If it does not fall by step 700, stopping early loses little.",
        [Action(key="s", text="Stop at the best step")],
    )
    page.add(run)
    page.body.addLayout(line, 1)
    page.add(banner)
    page.set_tabs(tabs)
    return page


def states_page() -> Page:
    page = Page("States")
    error = ErrorPanel()
    error.set_error(
        ErrorText(
            title="Not enough GPU memory",
            cause="A batch of long rows needed about 1.8 GB more than the card has.",
            safe="Your work up to step 200 is saved and verified. Nothing else was changed.",
            remedy="Continue with shorter rows, or with smaller batches.",
            code="GPU-OOM",
            details="CUDA out of memory. Tried to allocate 1.8 GiB.",
        ),
        [
            Action(key="go", text="Continue with 3,072", kind="primary"),
            Action(key="other", text="Other choices…", kind="ghost"),
        ],
    )
    error.set_choices(
        "Continue from step 200 with",
        [
            Choice(
                key="a",
                title="Rows of at most 3,072 tokens",
                text="0.6 GB to spare, 0.2 % of rows are cut",
                note="Suggested",
            ),
            Choice(key="b", title="Batch 2 × 16 instead of 4 × 8", text="2.0 GB less, slower"),
        ],
    )
    over = MemoryBar()
    worse = [*PARTS[:4], MemoryPart(key="x", name="Working memory", low_gb=19.6, high_gb=21.4,
                                    role="activations")]  # fmt: skip
    over.set_plan(24.0, worse, total_text="24.0 GB, the card", over_text="+1.8 GB")
    error.set_picture(over)
    empty = EmptyState(icon="export")
    empty.set_content(
        "Nothing exported yet",
        "A run leaves Burnish as an adapter, a merged model or a GGUF file. Each is checked to "
        "answer as the run did.",
        Action(key="x", text="Export run 7…", icon="export"),
        Action(key="y", text="What the formats are for"),
    )
    skeleton = Skeleton()
    skeleton.start()
    skeleton.timer.setInterval(0)
    warning = Banner(kind="warning")
    warning.set_content("The disk has room for about 3 more checkpoints.", "", dismissable=False)
    right = Column(skeleton, warning)
    right.addWidget(empty, 1)
    page.body.addLayout(Reflow(error, right, gap=24, stack_below=700, stretches=(1, 1)), 1)
    return page


def controls_page() -> Page:
    from PySide6.QtWidgets import QCheckBox, QRadioButton

    page = Page("Controls")
    blocked = Button("Start training", kind="primary", icon="play")
    blocked.set_reason("Choose a dataset first.")
    busy = Button("Stop", icon="stop")
    busy.set_busy("Stopping…")
    page.add(
        Flow(
            Button("Start training", kind="primary", icon="play"),
            Button("Measure exactly"),
            Button("Save as preset", kind="ghost"),
            Button("Delete", kind="danger"),
            blocked,
            busy,
        )
    )
    name = TextField(name="Name")
    name.setText("support-v4")
    wrong = TextField(name="Name")
    path = PathField(name="Folder")
    check, off, radio = QCheckBox("Check the file after export"), QCheckBox("Off"), QRadioButton()
    check.setChecked(True)
    off.setEnabled(False)
    radio.setText("Adapter only, 212 MB")
    radio.setChecked(True)
    field = Field("Name of the run", wrong, hint="Letters and numbers.")
    field.set_error("There is a run of this name.")
    meter = ZoneMeter(name="Forgetting")
    meter.set_zones(
        [
            Zone(text="low", until=0.25, role="success"),
            Zone(text="noticeable", until=0.6, role="warning"),
            Zone(text="strong", until=1.0, role="danger"),
        ]
    )
    meter.set_share(0.14)
    segments = SegmentedControl(name="Measure")
    segments.set_parts([("e", "Exact answer"), ("f", "Right form"), ("l", "Held-out loss")])
    switch = Switch(name="Switch")
    left = Column(Field("Name", name), field, Field("Folder", path), gap=12)
    left.add(Flow(check, radio, off), Flow(segments, switch, Badge(3)), meter)
    left.addStretch(1)
    row = Reflow(left, _runs_table(), gap=32, stack_below=700, stretches=(1, 1))
    page.body.addLayout(row, 1)
    return page


def _runs_table() -> DataTable:
    table = DataTable(name="Runs")
    table.set_columns(
        [
            TableColumn(key="run", title="Run", stretch=True),
            TableColumn(key="state", title="State", width=110),
            TableColumn(key="loss", title="Held-out loss", width=110, right=True),
            TableColumn(key="time", title="Time", width=80, right=True),
        ]
    )
    rows: list[list[str | Cell]] = [
        ["support-v3", Cell(text="Training", icon="runs"), "1.34", Cell(text="23", sub="min")],
        ["support-v2", Cell(text="Finished", icon="status-ok", colour="success"), "1.41", "38 min"],
        ["a-very-long-name-of-a-run-that-does-not-fit", "Stopped", "1.58", "11 min"],
    ]
    table.set_rows(rows)
    table.set_current(0)
    return table


PAGES: dict[str, Callable[[], QWidget]] = {
    "home": home_page,
    "datasets": datasets_page,
    "health": health_page,
    "train": train_page,
    "settings": settings_page,
    "runs": runs_page,
    "states": states_page,
    "controls": controls_page,
}


def shell(page: str) -> Shell:
    nav = [
        NavItem(key="home", text="Home", icon="home"),
        NavItem(key="datasets", text="Datasets", icon="datasets"),
        NavItem(key="models", text="Models", icon="models"),
        NavItem(key="train", text="Train", icon="train", gap_before=True),
        NavItem(key="runs", text="Runs", icon="runs"),
        NavItem(key="export", text="Export", icon="export"),
    ]
    window = Shell(
        nav=nav,
        settings=NavItem(key="settings", text="Settings", icon="settings"),
        page_factory=lambda key: PAGES[key](),
    )
    window.set_menus(
        [MenuSpec(title=title, commands=COMMANDS) for title in ("File", "Edit", "View", "Help")]
    )
    window.set_commands(COMMANDS)
    window.set_badge("runs", 1)
    window.set_privacy(True, "Offline, verified", "no network use since start")
    window.set_job("support-v3", 0.62, "14 min left")
    window.set_device("RTX 4090", 11.2 / 24, "11.2 of 24.0 GB", "71 °C")
    window.show_page(page)
    return window


COMMANDS = (
    Command(
        key="stop",
        text="Stop and keep the result",
        group="Run 7, support-v3",
        detail="finishes step 621 first",
        icon="stop",
        keys="Ctrl+Shift+.",
    ),
    Command(key="best", text="Stop at the best step", group="Run 7, support-v3", icon="flag"),
    Command(
        key="early",
        text="Stop when it stops helping",
        group="Settings",
        detail="early_stopping, now on",
        icon="train",
    ),
    Command(
        key="export",
        text="Stop the export",
        group="Export",
        icon="export",
        enabled=False,
        reason="No export is running",
    ),
)
