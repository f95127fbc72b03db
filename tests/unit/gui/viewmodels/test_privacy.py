# SPDX-License-Identifier: Apache-2.0
"""The page Privacy in words: nothing is claimed that was not looked up."""

from __future__ import annotations

from engine.api.privacy import PrivacyState
from gui.viewmodels.privacy import other_folders_words, privacy_view


def state(*, active: bool, attempts: int = 0) -> PrivacyState:
    return PrivacyState(
        is_verified=active and not attempts,
        kernel_filter_active=active,
        attempts=attempts,
        title="A title",
        sentence="some words",
    )


def test_privacy_with_the_filter_claims_what_the_kernel_does() -> None:
    view = privacy_view(state(active=True))
    assert view.kind == "success"
    assert view.sentence == "Some words."
    assert view.sure[0].startswith("The operating system refuses internet connections")


def test_privacy_without_the_filter_claims_nothing_of_the_kernel() -> None:
    view = privacy_view(state(active=False))
    assert view.kind == "info"
    assert not any("operating system" in one for one in view.sure)
    assert any("Parts that are not Python" in one for one in view.unsure)


def test_privacy_after_an_attempt_warns_and_counts_it() -> None:
    view = privacy_view(state(active=True, attempts=1))
    assert view.kind == "warning"
    assert view.unsure[0].startswith("1 attempt was refused, the last one by ")


def test_folders_of_others_are_only_read() -> None:
    assert "only read" in other_folders_words()
