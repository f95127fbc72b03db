# SPDX-License-Identifier: Apache-2.0
"""What the window says of the training libraries, at its start and in the settings."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.api.runtimes import RuntimeFit, RuntimeView
from gui.viewmodels.runtime import runtime_notice, runtime_words
from tests.fakes.runtimes import INSTALLED


def test_notice_of_libraries_that_fit_is_none() -> None:
    assert runtime_notice(INSTALLED) is None


@pytest.mark.parametrize(
    ("view", "kind", "consequence"),
    [
        (RuntimeView(), "info", "not installed"),
        (replace(INSTALLED, fit=RuntimeFit.OTHER_VERSION), "warning", "may differ"),
        (replace(INSTALLED, fit=RuntimeFit.UNUSABLE), "warning", "nothing can be trained"),
    ],
)
def test_notice_says_what_is_the_matter_and_leads_to_where_it_is_changed(
    view: RuntimeView, kind: str, consequence: str
) -> None:
    notice = runtime_notice(view)
    assert notice is not None
    assert (notice.kind, consequence in notice.consequence) == (kind, True)
    assert notice.action


@pytest.mark.parametrize(
    ("fit", "kind"),
    [
        (RuntimeFit.FITS, "success"),
        (RuntimeFit.OTHER_VERSION, "warning"),
        (RuntimeFit.UNUSABLE, "danger"),
    ],
)
def test_words_carry_the_sign_of_how_they_fit(fit: RuntimeFit, kind: str) -> None:
    words = runtime_words(replace(INSTALLED, fit=fit))
    assert words.kind == kind
    assert [name for name, _value, _unit in words.facts] == ["Variant", "PyTorch", "NVIDIA driver"]
