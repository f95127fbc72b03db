# SPDX-License-Identifier: Apache-2.0
"""A chat template: from turns to the text that the model reads, as transformers would render it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from gettext import gettext as _
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError

from engine.chat.sandbox import RefusedByTemplate, TemplateRoom, TemplateTooCostly
from engine.errors import TemplateInvalid

Message = dict[str, Any]


class TemplateRefused(Exception):
    """The chat template does not accept these turns, e.g. a system turn or two users in a row."""


class ChatTemplate:
    """One chat template, compiled once; its clock stands still."""

    def __init__(self, source: str, *, special_tokens: Mapping[str, str], clock: datetime) -> None:
        """Compile a template.

        Args:
            source: The template as it stands in the model's folder.
            special_tokens: Texts by name, e.g. `bos_token`, which the template may write.
            clock: The time that `strftime_now` tells for the whole life of this object.

        Raises:
            TemplateInvalid: It is not a valid template, or uses what no chat template needs.
        """
        self._room = TemplateRoom(clock=clock)
        self._special_tokens = dict(special_tokens)
        self.writes_time = "strftime_now" in source
        try:
            self.literals = _literals(self._room.parse(source))
            self._template = self._room.from_string(source)
        except TemplateSyntaxError as error:
            raise TemplateInvalid(
                _("The chat template is not valid in line {line}.").format(line=error.lineno),
                detail=str(error.message),
            ) from error
        except (TemplateError, RecursionError, ValueError) as error:
            raise TemplateInvalid(
                _("The chat template cannot be read."), detail=str(error)
            ) from error

    def render(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Any] | None = None,
        add_generation_prompt: bool = False,
    ) -> str:
        """Return the text of a conversation.

        Args:
            messages: Plain mappings, see `engine.chat.messages.messages_of`.
            tools: The tools that the assistant may call, as JSON values.
            add_generation_prompt: End with what opens the assistant's answer.

        Raises:
            TemplateRefused: The template does not accept these turns.
            TemplateInvalid: The template reaches for Python, or wants too much work.
        """
        self._room.spent = 0
        try:
            return self._template.render(
                messages=messages,
                tools=tools,
                documents=None,
                add_generation_prompt=add_generation_prompt,
                **self._special_tokens,
            )
        except RefusedByTemplate as error:
            raise TemplateRefused(str(error)[:200]) from error
        except TemplateTooCostly as error:
            raise TemplateInvalid(str(error)) from error
        except (SecurityError, MemoryError) as error:
            raise TemplateInvalid(
                _("The chat template does what no chat template needs, and was stopped."),
                detail=str(error),
            ) from error
        except (
            TemplateError,
            ArithmeticError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
            AttributeError,
        ) as error:
            raise TemplateRefused(str(error)[:200]) from error


def _literals(tree: nodes.Template) -> str:
    """Return every text that a template writes itself, so that its markers can be found in it."""
    found = {node.data for node in tree.find_all(nodes.TemplateData)}
    found |= {node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str)}
    return "\0".join(sorted(found))
