# SPDX-License-Identifier: Apache-2.0
"""The page Train: choices above, the plan that follows, all settings one click away."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from gettext import gettext as _
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from PySide6.QtGui import QKeySequence, QShortcut

from engine.domain.plan import LearningAdvice
from engine.errors import EngineError
from gui.actions.add_model import ask_for_model
from gui.actions.continuing import ask_for_adapter_folder
from gui.actions.import_files import ask_for_files
from gui.actions.queue import queue_new_run
from gui.actions.recipe_files import ask_to_open_recipe, ask_to_save_recipe
from gui.actions.runs import start_run
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.train.bars import BarBanner
from gui.pages.train.choices import Choices
from gui.pages.train.goes_on import GoesOnBanner
from gui.pages.train.plan_card import PlanCard, PlanStrip
from gui.pages.train.planner import Planned, Planner
from gui.pages.train.rate_finder import RateFinder
from gui.pages.train.settings_panel import SettingsPanel
from gui.viewmodels.continuing import with_dataset
from gui.viewmodels.extra_data import ExtraData, extra_reason, extra_views
from gui.viewmodels.goals import (
    advice_view,
    changes_of,
    field_advice,
    goal_notes,
    offered_goals,
    taken_words,
)
from gui.viewmodels.plan import PlanView, plan_view
from gui.viewmodels.recipe_files import OpenedRecipe, file_name
from gui.viewmodels.settings_form import count_words, hidden_keys, summary, value_errors
from gui.viewmodels.train import (
    Draft,
    TrainArgument,
    choice_line,
    dataset_choices,
    effort_words,
    first_draft,
    model_choices,
    start_reason,
)
from gui.widgets.banner import Banner
from gui.widgets.box import Column, Panel, Reflow, Row, Stretch
from gui.widgets.buttons import Button, MenuItem
from gui.widgets.card import Disclosure
from gui.widgets.choices import Choice
from gui.widgets.fields import SearchField
from gui.widgets.page import Page
from gui.widgets.text import TextLabel

if TYPE_CHECKING:
    from engine.api.presets import Preset


class TrainPage(Page):
    """Train.

    Attributes:
        draft: The choices so far.
        planned: What the engine made of exactly this draft, or None while it is worked out.
    """

    def __init__(self, services: Services) -> None:
        super().__init__(_("New run"))
        self._services = services
        self.draft = Draft()
        self.planned: Planned | None = None
        self._view: PlanView | None = None
        self._error = ""
        self._presets: tuple[Preset, ...] = ()
        self._argument: TrainArgument | None = None
        self._is_drafted = False
        self._is_start_wanted = False
        self._planner, self._bar = Planner(services), BarBanner(services)
        self._advice: LearningAdvice | None = None
        self._hidden = hidden_keys(self.draft, None)
        self._goals: tuple[Preset, ...] = ()
        self._recipe, self._wait = (
            Button(_("Recipe"), kind="ghost", icon="file"),
            Button(_("Add to queue"), icon="clock"),
        )
        self._opened, self._goes_on = Banner(kind="success"), GoesOnBanner()
        self._start = Button(
            _("Start training"), kind="primary", icon="play", size="large", key_hint="Ctrl ↵"
        )
        self._choices = Choices()
        self._plan = PlanCard()
        self._closed = Disclosure(_("All settings"))
        self._strip = PlanStrip()
        self._rates = RateFinder(services)
        self._settings: SettingsPanel | None = None
        self._put_back = Button(_("Put all back"), kind="ghost")
        self._search = SearchField(placeholder=_("Find a setting: rank, batch, seed"))
        self._fold_up = Button(_("All settings"), kind="ghost", icon="chevron-down")
        self._count = TextLabel("", colour="text2", elide=True)
        self._arrange()
        self._connect()
        self._read_presets()

    # ------------------------------------------------------------------ arrangement

    def _arrange(self) -> None:
        self._opened.hide()
        self.header.set_actions(self._recipe, self._wait, self._start)
        self._first = Panel(
            Column(
                self._opened,
                self._goes_on,
                self._bar,
                self._choices,
                self._plan,
                self._closed,
                Stretch(),
                gap=12,
            )
        )
        titles = Row(self._fold_up, self._count, Stretch(), gap=12)
        tools = Row(Stretch(), self._put_back, gap=12)
        tools.addWidget(self._search, 2)
        head = Reflow(titles, tools, stack_below=620, stretches=(1, 1))
        self._form_room = Column(gap=0)
        self._second = Panel(Column(self._strip, head, self._form_room, Stretch(), gap=12))
        self._second.hide()
        self.add(self._first, self._second)

    def _connect(self) -> None:
        services, choices = self._services, self._choices
        self._start.clicked.connect(self._on_start)
        self._wait.clicked.connect(self._on_wait)
        QShortcut(QKeySequence("Ctrl+Return"), self, self._on_start)
        QShortcut(QKeySequence("Ctrl+Shift+Return"), self, self._on_wait)
        choices.dataset_chosen.connect(self._choose_dataset)
        choices.model_chosen.connect(self._choose_model)
        choices.extra.changed.connect(self.change_extra)
        choices.goal_chosen.connect(self._choose_goal)
        choices.passes_chosen.connect(partial(self.change, "epochs"))
        choices.advice_taken.connect(self._take_advice)
        self._rates.rate_taken.connect(partial(self.change, "learning_rate"))
        self._recipe.picked.connect(self._on_recipe)
        self._opened.dismissed.connect(self._opened.hide)
        self._goes_on.action_triggered.connect(self._begin_anew)
        choices.import_requested.connect(lambda: ask_for_files(services, parent=self))
        choices.add_model_requested.connect(lambda: ask_for_model(services, parent=self))
        self._plan.fix_requested.connect(self.change_all)
        self._plan.field_requested.connect(self.show_setting)
        self._closed.toggled.connect(self.open_settings)
        self._fold_up.clicked.connect(self.show_plan)
        self._strip.show_requested.connect(self.show_plan)
        self._put_back.clicked.connect(lambda: self._set_draft(self.draft.put_all_back()))
        self._search.textChanged.connect(self._on_search)
        self._planner.planned.connect(self._on_planned)
        self._planner.failed.connect(self._on_plan_failed)
        for signal in (services.library.datasets_changed, services.library.models_changed):
            signal.connect(self._on_library)
        services.library.loaded.connect(self._on_library)

    def show_argument(self, argument: object) -> None:
        """Begin a new draft with what was chosen elsewhere; None keeps the present one."""
        if isinstance(argument, TrainArgument):
            self._argument = argument
            self._is_drafted = False
            self._on_library()

    def page_entered(self) -> None:
        """Plan and look again: memory, disk and libraries may have changed meanwhile."""
        self._bar.look()
        self._planner.ask(self.draft)

    # ------------------------------------------------------------------ what there is to choose

    def _read_presets(self) -> None:
        services = self._services

        def read() -> list[Preset]:
            return services.api.presets.list()

        services.tasks.run(read, self._take_presets, owner=self, lane=Lane.READING)

    def _take_presets(self, outcome: Outcome[list[Preset]]) -> None:
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error)
            return
        self._presets = tuple(sorted(outcome.value, key=lambda one: one.order))
        self._on_library()

    def _offer_goals(self) -> None:
        """Offer the goals that suit the model, and what each would change."""
        model = self._services.library.model(self.draft.model_id)
        goals = offered_goals(self._presets, is_starter=model is not None and model.bundled)
        if goals != self._goals:
            self._goals = goals
            self._choices.set_goals(
                [
                    Choice(key=one.id, title=_(one.title), text=_(one.summary), icon=one.icon)
                    for one in goals
                ]
            )
        self._choices.goals.set_notes(goal_notes(self.draft, goals))

    def _on_library(self) -> None:
        library = self._services.library
        self._choices.set_datasets(dataset_choices(library.datasets))
        self._choices.set_models(model_choices(library.models))
        if not self._presets or not library.is_loaded:
            self._show_draft()
            return
        if not self._is_drafted:
            self._is_drafted = bool(library.datasets and library.models)
            draft = first_draft(
                self._argument,
                datasets=library.datasets,
                models=library.models,
                presets=self._presets,
            )
            self._set_draft(draft)
        else:
            self._set_draft(self.draft)

    # ------------------------------------------------------------------ changing the draft

    def _choose_dataset(self, key: str) -> None:
        self._set_draft(with_dataset(self.draft, key))

    def _begin_anew(self, _key: str) -> None:
        """Begin with a fresh adapter after all; what else was chosen stays."""
        self._change_with_way_back(replace(self.draft, beginning=None), _("A fresh adapter"))

    def _choose_model(self, key: str) -> None:
        self._set_draft(replace(self.draft, model_id=key))

    def change_extra(self, extra: tuple[ExtraData, ...]) -> None:
        """Set the further datasets of the draft."""
        self._set_draft(replace(self.draft, extra=extra))

    def _choose_goal(self, key: str) -> None:
        preset = next(one for one in self._presets if one.id == key)
        self._change_with_way_back(self.draft.with_preset(preset), _(preset.title))

    def _take_advice(self, values: Mapping[str, Any]) -> None:
        self._change_with_way_back(self.draft.with_values(values), _("Usual values"))

    def _change_with_way_back(self, draft: Draft, title: str) -> None:
        """Take another draft, say what changed, and offer the way back."""
        before = self.draft
        self._set_draft(draft)
        text = taken_words(title, changes_of(before, draft))
        self._services.notices.say(text, undo_text=_("Undo"), undo=partial(self._set_draft, before))

    def change(self, name: str, value: Any) -> None:
        """Set one field of the draft."""
        self._set_draft(self.draft.with_value(name, value))

    def change_all(self, values: Mapping[str, Any]) -> None:
        """Set several fields of the draft at once."""
        self._set_draft(self.draft.with_values(values))

    def _set_draft(self, draft: Draft) -> None:
        if draft != self.draft:
            self._is_drafted = True
        self.draft = draft
        self.planned = None
        self._error = ""
        if not draft.is_complete:
            self._forget_plan()
        self._show_draft()
        self._planner.ask(draft)

    def _forget_plan(self) -> None:
        """Take away what was planned for other data or another model."""
        self._view, self._advice = None, None
        if self._settings is not None:
            self._settings.show_effects({})
        self._plan.show_waiting(_("Choose data and a model; what will happen then stands here."))

    def _on_planned(self, planned: Planned) -> None:
        if planned.draft == self.draft:
            self.show_planned(planned)

    def show_planned(self, planned: Planned) -> None:
        """Show what became of the present draft."""
        self.planned, self._error = planned, ""
        self._advice = planned.plan.advice
        model = self._services.library.model(self.draft.model_id)
        facts = self._services.device.facts
        is_on_card = planned.plan.decisions["device"].value == "cuda"
        device = facts.used_card.name if is_on_card and facts and facts.used_card else ""
        self._view = plan_view(planned.plan, planned.recipe, model=model, device=device)
        self._plan.show_plan(self._view)
        if self._settings is not None:
            self._settings.show_effects(planned.effects)
        self._show_draft()
        if self._is_start_wanted:
            self._stop_waiting()
            self._on_start()

    def _on_plan_failed(self, error: EngineError) -> None:
        self._error = error.message
        self._plan.show_waiting(f"{error.message} {error.remedy}")
        self._view = None
        self._stop_waiting()
        self._show_draft()

    # ------------------------------------------------------------------ showing it

    def _show_draft(self) -> None:
        draft, library = self.draft, self._services.library
        plan = self.planned.plan if self.planned else None
        effort = effort_words(draft, plan)
        self._goes_on.show_draft(draft)
        self._choices.data.set_value(draft.dataset_id)
        self._choices.model.set_value(draft.model_id)
        choices = sum(not one.reason for one in dataset_choices(library.datasets))
        self._choices.extra.show_extra(
            extra_views(draft.extra, former=draft.former_dataset_id),
            reason=extra_reason(draft.extra, choices=choices),
        )
        self._offer_goals()
        self._choices.goals.set_value(draft.preset)
        self._choices.set_effort(draft.effective["epochs"], effort)
        self._choices.show_advice(advice_view(draft, self._advice))
        self._recipe.set_menu(self._recipe_menu())
        self._strip.show_plan(self._view, effort)
        if plan is not None:
            self._hidden = hidden_keys(draft, plan)
        count = count_words(len(draft.changed), self._hidden)
        self._closed.set_facts(count)
        self._count.set_text(count)
        self._closed.set_summary(summary(draft.effective))
        self._put_back.set_reason("" if draft.changed else _("Nothing was changed."))
        if self._settings is not None:
            self._settings.show_draft(draft, value_errors(draft), self._hidden)
            self._settings.show_advice(field_advice(draft, self._advice))
        reason = start_reason(
            draft,
            plan,
            self._error,
            has_datasets=bool(library.datasets),
            has_models=bool(library.models),
        )
        self._start.set_reason(reason)
        self._rates.show_planned(self.planned, reason)
        self._wait.set_reason(reason or ("" if self.planned else _("It is being planned.")))
        self.header.set_meta(self._meta())

    def _meta(self) -> str:
        if self._second.isHidden():
            return _("Four choices. Everything else follows from them, and can be changed below.")
        dataset = self._services.library.dataset(self.draft.dataset_id)
        model = self._services.library.model(self.draft.model_id)
        goal = next((one.title for one in self._presets if one.id == self.draft.preset), "")
        return choice_line(
            self.draft,
            dataset=dataset.name if dataset else "",
            model=model.name if model else "",
            goal=_(goal) if goal else "",
        )

    def open_settings(self) -> None:
        """Show every setting in place of the choices; the form is made at its first use."""
        if self._settings is None:
            self._settings = SettingsPanel({"learning_rate": self._rates})
            self._settings.value_changed.connect(self.change)
            self._settings.put_back_requested.connect(self._on_put_back)
            self._settings.advice_taken.connect(self._take_advice)
            self._form_room.addWidget(self._settings)
        self._first.hide()
        self._second.show()
        # It stands for the closed form alone, so it folds back by itself, untold.
        self._closed.blockSignals(True)
        self._closed.set_open(False)
        self._closed.blockSignals(False)
        self._show_draft()
        if self.planned is not None:
            self._settings.show_effects(self.planned.effects)

    def show_plan(self) -> None:
        """Show the choices and the plan again."""
        self._second.hide()
        self._first.show()
        self._show_draft()

    def _on_put_back(self, name: str) -> None:
        self._set_draft(self.draft.put_back(name))

    def _on_search(self, query: str) -> None:
        if self._settings is not None:
            self._settings.set_query(query)

    def show_setting(self, name: str) -> None:
        """Open the settings on one of them."""
        self._search.clear()
        self.open_settings()
        if self._settings is not None:
            self._settings.show_setting(name)

    # ------------------------------------------------------------------ recipe files

    def _recipe_menu(self) -> list[MenuItem | None]:
        is_ready = self.planned is not None
        return [
            MenuItem(
                key="save",
                text=_("Save recipe…"),
                enabled=is_ready,
                reason="" if is_ready else _("Choose data and a model first."),
            ),
            MenuItem(key="open", text=_("Open recipe…")),
            MenuItem(key="folder", text=_("Continue from an adapter folder…")),
        ]

    def _on_recipe(self, key: str) -> None:
        if key == "open":
            ask_to_open_recipe(self._services, parent=self, done=self.show_recipe)
        elif key == "folder":
            ask_for_adapter_folder(self._services, parent=self)
        elif self.planned is not None:
            dataset = self._services.library.dataset(self.draft.dataset_id)
            name = file_name(dataset.name if dataset else "", self.draft.preset)
            recipe = self.planned.recipe
            ask_to_save_recipe(self._services, parent=self, recipe=recipe, name=name)

    def show_recipe(self, opened: OpenedRecipe) -> None:
        """Fill in an opened recipe, and ask for what was not found here."""
        self.show_plan()
        self.show_argument(opened.argument)
        self._opened.set_kind(opened.kind)
        self._opened.set_content(opened.cause, opened.question)
        self._opened.show()

    # ------------------------------------------------------------------ starting

    def _on_start(self) -> None:
        if not self._start.isEnabled():
            return
        self._start.set_busy(_("Starting…"))
        if self.planned is None:
            self._is_start_wanted = True
        else:
            start_run(
                self._services,
                recipe=self.planned.recipe,
                beginning=self.draft.beginning,
                done=self._on_started,
            )

    def _on_wait(self) -> None:
        if self._wait.isEnabled() and self.planned is not None:
            self._wait.set_busy(_("Adding…"))
            queue_new_run(
                self._services,
                recipe=self.planned.recipe,
                beginning=self.draft.beginning,
                done=self._on_queued,
            )

    def _on_queued(self, _error: EngineError | None) -> None:
        self._wait.set_busy("")

    def _on_started(self, _error: EngineError | None) -> None:
        self._start.set_busy("")
        self._planner.ask(self.draft)

    def _stop_waiting(self) -> None:
        self._is_start_wanted = False
        self._start.set_busy("")
