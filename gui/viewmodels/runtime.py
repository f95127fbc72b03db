# SPDX-License-Identifier: Apache-2.0
"""The training libraries of the packaged program in words."""

from __future__ import annotations

from gettext import gettext as _

import msgspec

from engine.api.runtimes import (
    RuntimeFit,
    RuntimeView,
    other_version_remedy,
    other_version_words,
)


class RuntimeWords(msgspec.Struct, frozen=True, kw_only=True):
    """What to say of the training libraries.

    Attributes:
        kind: Of the sign beside it.
        title: Whether they are there.
        text: What that means.
        facts: Name, value and unit of what is installed.
        remove_reason: Why they cannot be removed here, or "".
    """

    kind: str
    title: str
    text: str
    facts: tuple[tuple[str, str, str], ...]
    remove_reason: str


def runtime_words(view: RuntimeView) -> RuntimeWords:
    """Return what to say of the runtime that a worker would get now."""
    if view.fit is RuntimeFit.MISSING:
        return RuntimeWords(
            kind="warning",
            title=_("The training libraries are not installed"),
            text=missing_words(),
            facts=(),
            remove_reason=_("There is nothing to remove."),
        )
    is_ours = view.fit is RuntimeFit.FITS
    return RuntimeWords(
        kind="success" if is_ours else "warning" if view.is_usable else "danger",
        title=_("The training libraries are installed") if is_ours else _other_version_title(),
        text=view.folder if is_ours else f"{other_version_words(view)} {other_version_remedy()}",
        facts=_facts(view),
        remove_reason=""
        if view.is_removable
        else _("They belong to the system; remove them with its package manager."),
    )


def missing_words() -> str:
    """Return what works without the libraries, and how they are added."""
    return _(
        "Datasets and the history of runs work without them. To train, choose the file "
        "burnish-runtime-….tar.zst that belongs to this version, or a folder with its wheels. "
        "No network is needed."
    )


class RuntimeNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What the window says at its start of the training libraries.

    Attributes:
        kind: Of the banner.
        cause: What is the matter.
        consequence: What that means.
        action: Text of the button that leads to where it is changed.
    """

    kind: str
    cause: str
    consequence: str
    action: str


def runtime_notice(view: RuntimeView) -> RuntimeNotice | None:
    """Return what the window says at its start; None where all is well."""
    if view.fit is RuntimeFit.FITS:
        return None
    if view.fit is RuntimeFit.MISSING:
        return RuntimeNotice(
            kind="info",
            cause=_("Training is not possible yet."),
            consequence=_(
                "The training libraries are not installed. Datasets and history work without them."
            ),
            action=_("Add them…"),
        )
    return RuntimeNotice(
        kind="warning",
        cause=_other_version_title() + ".",
        consequence=other_version_words(view),
        action=_("Change them…"),
    )


def _other_version_title() -> str:
    return _("The training libraries belong to another version of Burnish")


def _facts(view: RuntimeView) -> tuple[tuple[str, str, str], ...]:
    driver = _("{version} or newer").format(version=view.minimum_driver)
    return (
        (_("Variant"), _variant(view.variant), ""),
        (_("PyTorch"), view.torch, ""),
        *(((_("NVIDIA driver"), driver, ""),) if view.minimum_driver else ()),
    )


def unpacking_words(done: int, of: int) -> str:
    """Return how far an installation is; behind the last library it is compiled and tried."""
    if done + 1 >= of:
        return _("Compiling and trying the libraries. This takes some minutes.")
    return _("Library {done} of {count}").format(done=done + 1, count=of)


def _variant(variant: str) -> str:
    if variant == "cpu":
        return _("Processor")
    version = variant.removeprefix("cu")
    return _("NVIDIA card, CUDA {version}").format(version=f"{version[:-1]}.{version[-1:]}")
