# SPDX-License-Identifier: Apache-2.0
"""All training methods, in the order in which they are offered."""

from __future__ import annotations

from gettext import gettext as _

from engine.errors import WrongUsage
from engine.methods import sft_lora, sft_qlora
from engine.methods.method import Method

METHODS: tuple[Method, ...] = (sft_qlora.METHOD, sft_lora.METHOD)


def method(method_id: str) -> Method:
    """Return a method by its id.

    Raises:
        WrongUsage: There is none of this id.
    """
    for one in METHODS:
        if one.id == method_id:
            return one
    raise WrongUsage(
        _("There is no training method {name}.").format(name=method_id),
        remedy=_("Choose one of: {known}.").format(known=", ".join(one.id for one in METHODS)),
    )
