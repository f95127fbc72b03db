# SPDX-License-Identifier: Apache-2.0
"""The training libraries of the packaged program in words."""

from __future__ import annotations

from dataclasses import dataclass
from gettext import gettext as _
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.api.runtimes import RuntimeView


@dataclass(frozen=True, kw_only=True)
class RuntimeWords:
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
    if not view.id:
        return RuntimeWords(
            kind="warning",
            title=_("The training libraries are not installed"),
            text=missing_words(),
            facts=(),
            remove_reason=_("There is nothing to remove."),
        )
    driver = _("{version} or newer").format(version=view.minimum_driver)
    return RuntimeWords(
        kind="success",
        title=_("The training libraries are installed"),
        text=view.folder,
        facts=(
            (_("Variant"), _variant(view.variant), ""),
            (_("PyTorch"), view.torch, ""),
            *(((_("NVIDIA driver"), driver, ""),) if view.minimum_driver else ()),
        ),
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


def missing_notice() -> tuple[str, str]:
    """Return what the window says at its start where there are no libraries."""
    return (
        _("Training is not possible yet."),
        _("The training libraries are not installed. Datasets and history work without them."),
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
