# SPDX-License-Identifier: Apache-2.0
"""What to do first with a dataset, in plain words; it forbids nothing."""

from __future__ import annotations

from gettext import gettext as _
from gettext import ngettext

from engine.domain.dataset import DatasetInfo
from engine.domain.problem import Severity
from engine.domain.report import Report
from engine.domain.split import EVAL, TRAIN

USUAL_ROWS = (500, 2000)
"""Good rows that most tasks of style or form need; Zhou et al., LIMA (2023), found 1,000 enough."""

FEW_ROWS = 50


def advice(info: DatasetInfo, report: Report | None) -> list[str]:
    """Return what to do, the most important first; empty where nothing comes to mind."""
    return [*_on_findings(report), *_on_counts(info, report)]


def _on_findings(report: Report | None) -> list[str]:
    if report is None:
        return [_("Check the rows first: faults in them cost more than anything else.")]
    from engine.quality.registry import CHECKS

    severe = [
        (one, result)
        for one in CHECKS
        for result in [report.result(one.id)]
        if result is not None and result.rows and one.severity is Severity.ERROR
    ]
    return [
        ngettext("First: {what}, {count} row.", "First: {what}, {count} rows.", result.rows).format(
            what=check.title(), count=f"{result.rows:,}"
        )
        for check, result in severe
    ]


def _on_counts(info: DatasetInfo, report: Report | None) -> list[str]:
    lines: list[str] = []
    trained, held = info.splits.get(TRAIN, 0), info.splits.get(EVAL, 0)
    fewest, most = USUAL_ROWS
    if trained < FEW_ROWS:
        lines.append(
            _("{count} rows to train are very few: the model will learn them by heart.").format(
                count=f"{trained:,}"
            )
        )
    elif trained < fewest:
        lines.append(
            _("Most tasks need {fewest} to {most} good rows to train; here are {count}.").format(
                fewest=f"{fewest:,}", most=f"{most:,}", count=f"{trained:,}"
            )
        )
    needed = report.eval_rows_needed if report is not None else 0
    if held == 0:
        lines.append(_("No row is held out, so nothing will tell whether the training helped."))
    elif held < needed:
        lines.append(
            _("{count} held-out rows are few: {needed} would give the precision you asked for. "
              "Fewer show only large differences.").format(
                count=f"{held:,}", needed=f"{needed:,}"
            )
        )  # fmt: skip
    return lines
