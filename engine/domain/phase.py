# SPDX-License-Identifier: Apache-2.0
"""The parts of a job's work, and the words for them that every client shows."""

from __future__ import annotations

from enum import StrEnum
from gettext import gettext as _


class Phase(StrEnum):
    """What a worker is busy with; stable in the event log."""

    READING = "reading"
    WRITING = "writing"
    READING_ROWS = "reading_rows"
    LOADING_MODEL = "loading_model"
    KEEPING_WEIGHTS = "keeping_weights"
    CHECKING_BEFORE = "checking_before"
    TRAINING = "training"
    SAVING_ADAPTER = "saving_adapter"
    COPYING = "copying"
    MERGING = "merging"
    VERIFYING = "verifying"
    ANSWERING = "answering"
    COMPARING_ROWS = "comparing_rows"
    SPLITTING = "splitting"
    CHECKING_ROWS = "checking_rows"
    FIXING_ROWS = "fixing_rows"
    MEASURING_MEMORY = "measuring_memory"
    TRYING_RATES = "trying_rates"
    ASKING_BASE = "asking_base"
    ASKING = "asking"


def phase_title(phase: str) -> str:
    """Return the words for a phase; empty means that the worker is only starting.

    A phase that this version does not know, from a newer log, is named as plainly as can be.
    """
    titles: dict[str, str] = {
        "": _("Starting"),
        Phase.READING: _("Reading the files"),
        Phase.WRITING: _("Writing the dataset"),
        Phase.READING_ROWS: _("Preparing the rows"),
        Phase.LOADING_MODEL: _("Loading the model"),
        Phase.KEEPING_WEIGHTS: _("Keeping the 4-bit weights for the next time"),
        Phase.CHECKING_BEFORE: _("Checking held-out rows before training"),
        Phase.TRAINING: _("Training"),
        Phase.SAVING_ADAPTER: _("Saving and checking the adapter"),
        Phase.COPYING: _("Copying"),
        Phase.MERGING: _("Merging"),
        Phase.VERIFYING: _("Comparing with what was trained"),
        Phase.ANSWERING: _("Answering"),
        Phase.COMPARING_ROWS: _("Looking for near copies"),
        Phase.SPLITTING: _("Splitting"),
        Phase.CHECKING_ROWS: _("Checking the rows"),
        Phase.FIXING_ROWS: _("Fixing rows"),
        Phase.MEASURING_MEMORY: _("Measuring the memory of a layer"),
        Phase.TRYING_RATES: _("Trying learning rates"),
        Phase.ASKING_BASE: _("Asking the base model for text of the rows"),
        Phase.ASKING: _("Asking the trained model for text of its rows"),
    }
    return titles.get(phase, phase.replace("_", " ").capitalize())
