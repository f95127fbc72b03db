# SPDX-License-Identifier: Apache-2.0
"""Checks of who speaks when: empty turns, order of roles, first and last turn."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING

from engine.domain.dataset import Role, RowKind
from engine.domain.problem import Severity
from engine.quality.batch import ROLE_CODES, TurnBatch
from engine.quality.check import Check
from engine.quality.row_local import Hits, RowLocalPass

if TYPE_CHECKING:
    from numpy import bool_, int64
    from numpy.typing import NDArray

_SYSTEM, _USER, _ASSISTANT, _TOOL = (
    ROLE_CODES[role] for role in (Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.TOOL)
)
_TALK = (RowKind.CHAT, RowKind.PREFERENCE, RowKind.RATED)


def _follows(batch: TurnBatch) -> NDArray[bool_]:
    """Return which texts have a text of the same conversation before them."""
    import numpy as np

    same = (batch.rows[1:] == batch.rows[:-1]) & (batch.parts[1:] == batch.parts[:-1])
    return np.concatenate([[False], same]) if len(batch.rows) else np.empty(0, np.bool_)


def _before(batch: TurnBatch) -> NDArray[int64]:
    """Return the role before each text, -1 where it is the first of its conversation."""
    import numpy as np

    return np.where(_follows(batch), np.roll(batch.roles, 1), -1)


# -------------------------------------------------------------------------------------- empty


def _look_for_empty(batch: TurnBatch) -> list[Hits]:
    from pyarrow import compute

    blank = compute.equal(compute.binary_length(compute.utf8_trim_whitespace(batch.texts)), 0)
    mask = blank.to_numpy(zero_copy_only=False) & ~batch.has_calls
    roles = (_USER, _ASSISTANT, _SYSTEM, _TOOL)
    return [
        Hits(rows=batch.rows[mask & (batch.roles == role)], label=label)
        for label, role in enumerate(roles)
    ]


EMPTY = Check(
    id="empty_turns",
    title=lambda: _("Empty turns"),
    why=lambda: _(
        "A turn without text teaches nothing; an empty answer teaches the model to say nothing."
    ),
    severity=Severity.WARNING,
    kinds=_TALK,
    begin=lambda _settings: RowLocalPass(
        ("empty_user", "empty_assistant", "empty_system", "empty_tool"), _look_for_empty
    ),
    fix="drop_empty_turns",
)

# -------------------------------------------------------------------------------------- order

_ORDER_LABELS = ("unknown_role", "late_system", "two_users", "two_assistants", "tool_without_call")


def _look_for_order(batch: TurnBatch) -> list[Hits]:
    roles, before = batch.roles, _before(batch)
    masks = (
        roles < 0,
        (roles == _SYSTEM) & (before >= 0),
        (roles == _USER) & (before == _USER),
        (roles == _ASSISTANT) & (before == _ASSISTANT),
        (roles == _TOOL) & (before != _ASSISTANT) & (before != _TOOL) & (batch.parts == 0),
    )
    return [Hits(rows=batch.rows[mask], label=label) for label, mask in enumerate(masks)]


ORDER = Check(
    id="role_order",
    title=lambda: _("Turns in an unusual order"),
    why=lambda: _(
        "Most chat templates expect a system turn only at the start, then user and assistant in "
        "turn, and the result of a tool behind the turn that called it. Some refuse anything "
        "else, others write it in a way the model never saw. (Only roles are compared here.)"
    ),
    severity=Severity.WARNING,
    kinds=_TALK,
    begin=lambda _settings: RowLocalPass(_ORDER_LABELS, _look_for_order),
)

# ----------------------------------------------------------------------------- first and last


def _rows_with(batch: TurnBatch, role: int) -> NDArray[bool_]:
    """Return, for each row of the batch, whether one of its texts has a role."""
    import numpy as np

    has = np.zeros(batch.count, np.bool_)
    has[batch.rows[batch.roles == role] - batch.first_row] = True
    return has


def _look_for_first(batch: TurnBatch) -> list[Hits]:
    import numpy as np

    told = batch.roles != _SYSTEM
    rows, roles = batch.rows[told], batch.roles[told]
    is_first = np.concatenate([[True], rows[1:] != rows[:-1]]) if len(rows) else told[:0]
    return [Hits(rows=rows[is_first & (roles == _ASSISTANT)])]


def _look_for_last(batch: TurnBatch) -> list[Hits]:
    import numpy as np

    if not len(batch.rows):
        return []
    is_last = np.concatenate([batch.rows[1:] != batch.rows[:-1], [True]])
    has_answer = _rows_with(batch, _ASSISTANT)[batch.rows - batch.first_row]
    return [
        Hits(rows=batch.rows[is_last & has_answer & (batch.roles == role)], label=label)
        for label, role in enumerate((_USER, _TOOL, _SYSTEM))
    ]


def _look_for_none(batch: TurnBatch) -> list[Hits]:
    import numpy as np

    return [Hits(rows=batch.first_row + np.flatnonzero(~_rows_with(batch, _ASSISTANT)))]


FIRST = Check(
    id="assistant_first",
    title=lambda: _("The assistant speaks first"),
    why=lambda: _(
        "Nobody asked, so the model learns to talk without a question. Several templates refuse "
        "a conversation that does not begin with the user."
    ),
    severity=Severity.WARNING,
    kinds=(RowKind.CHAT,),
    begin=lambda _settings: RowLocalPass(("assistant_first",), _look_for_first),
    fix="drop_leading_assistant",
)

LAST = Check(
    id="trailing_turn",
    title=lambda: _("The last turn has no answer"),
    why=lambda: _(
        "Only answers are trained. What stands behind the last answer costs time and teaches "
        "nothing."
    ),
    severity=Severity.NOTE,
    kinds=(RowKind.CHAT,),
    begin=lambda _settings: RowLocalPass(
        ("trailing_user", "trailing_tool", "trailing_system"), _look_for_last
    ),
    fix="cut_trailing_turns",
)

NONE = Check(
    id="no_assistant",
    title=lambda: _("No answer at all"),
    why=lambda: _("No turn of the row is the assistant's, so there is nothing to train."),
    severity=Severity.ERROR,
    kinds=(RowKind.CHAT,),
    begin=lambda _settings: RowLocalPass(("no_assistant",), _look_for_none),
    fix="leave_out",
)
