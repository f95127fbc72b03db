# SPDX-License-Identifier: Apache-2.0
"""The room in which a foreign chat template runs: jinja2's immutable sandbox, with bounded work.

The sandbox keeps a template from reaching Python; it does not keep it from running or growing
without end. Three additions do: every turn of a loop, call, output and operation costs some of a
fixed budget, every text and number that a template makes is capped, and only the filters that chat
templates use are there. The clock is given, never read.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from gettext import gettext as _
from typing import Any, NoReturn, cast

from jinja2 import Environment, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

BUDGET = 1_000_000
"""Work units of one rendering: one for each step, one more for each 256 characters handled."""
TEXT_LIMIT = 16 << 20
"""Characters of any text that a template makes."""
_COUNT_LIMIT = 10_000
_NUMBER_BITS = 256
_WIDE_FORMAT = re.compile(r"\d{5}")
_FILTERS = (
    "abs",
    "batch",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
    "wordcount",
)


class TemplateTooCostly(SecurityError):
    """A template wants more work or more memory than any chat needs."""


class RefusedByTemplate(TemplateError):
    """The template itself refuses these messages, by calling raise_exception."""


class _Generation(Extension):
    """Lets `{% generation %}` blocks through; the loss mask does not need them."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        """Return the block's own content, in a scope of its own."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class _TemplateNamespace(Namespace):
    """A namespace whose attributes never reach Python's own."""

    def __setitem__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            raise SecurityError(_("Names in a namespace may not begin with an underscore."))
        super().__setitem__(name, value)


class TemplateRoom(ImmutableSandboxedEnvironment):
    """The environment of one template; not for use by two threads at once."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, *, clock: datetime) -> None:
        """Make the environment as chat templates expect it, with the time standing still."""
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[_Generation, loopcontrols],
            finalize=self.measured,
        )
        self.spent = 0
        self._clock = clock
        known = {name: self.filters[name] for name in _FILTERS} | {"tojson": _to_json}
        self.filters = {name: self._guarded(one) for name, one in known.items()}
        self.globals = {
            "range": _range,
            "namespace": _TemplateNamespace,
            "dict": _make_dict,
            "raise_exception": _refuse,
            "strftime_now": self._now,
        }

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Parse, then make every loop and macro pay and every concatenation be measured.

        Both go through attributes of the environment, which a template cannot shadow.
        """
        tree = super()._parse(source, name, filename)
        for concat in list(tree.find_all(nodes.Concat)):
            inner = nodes.Concat(concat.nodes, lineno=concat.lineno)
            measured = nodes.EnvironmentAttribute("measured")
            concat.nodes = [nodes.Call(measured, [inner], [], None, None, lineno=concat.lineno)]
        for block in tree.find_all((nodes.For, nodes.Macro, nodes.CallBlock)):
            step = nodes.ExprStmt(nodes.EnvironmentAttribute("step"), lineno=block.lineno)
            block.body.insert(0, step)
        tree.set_environment(self)
        return tree

    @property
    def step(self) -> None:
        """Take one unit from the budget: read at every turn of a loop and every call of a macro."""
        self.spent += 1
        if self.spent > BUDGET:
            raise TemplateTooCostly(_("The chat template runs without end."))

    def measured(self, value: Any) -> Any:
        """Return a value and pay for its size, unless it is larger than a template may make it."""
        if isinstance(value, str | list | tuple):
            size = len(cast("Sequence[Any]", value))
            self.spent += 1 + (size >> 8)
            if size > TEXT_LIMIT:
                raise TemplateTooCostly(_("The chat template makes too long a text."))
            if self.spent > BUDGET:
                raise TemplateTooCostly(_("The chat template runs without end."))
        elif isinstance(value, int) and value.bit_length() > _NUMBER_BITS:
            raise TemplateTooCostly(_("The chat template computes too large a number."))
        return cast("Any", value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Do an operation whose result has a bounded size."""
        if operator == "+":
            return self.measured(left + right)
        if operator == "**" and not (_is_small(left, 1 << 20) and _is_small(right, 64)):
            raise TemplateTooCostly(_("The chat template computes too large a number."))
        if operator == "%" and isinstance(left, str):
            _check_format(left, (right,))
        if operator == "*":
            _check_product(left, right)
        return self.measured(super().call_binop(context, operator, left, right))

    def call(self, context: Context, function: Any, *arguments: Any, **named: Any) -> Any:
        """Call what a template calls; methods of texts get nothing that makes them huge."""
        method = getattr(function, "__wrapped__", function)  # the sandbox wraps str.format
        owner = getattr(method, "__self__", None)
        if isinstance(owner, str):
            _check_work(method.__name__, owner, (*arguments, *named.values()))
        return self.measured(super().call(context, function, *arguments, **named))

    def _guarded(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return a filter that checks what it is given and pays for what it makes."""
        name = work.__name__.removeprefix("do_")
        first = 1 if hasattr(work, "jinja_pass_arg") else 0

        @functools.wraps(work)
        def guarded(*arguments: Any, **named: Any) -> Any:
            """Check, work, and measure the result."""
            subject = arguments[first] if len(arguments) > first else None
            _check_work(name, subject, (*arguments[first + 1 :], *named.values()))
            return self.measured(work(*arguments, **named))

        return guarded

    def _now(self, form: str) -> str:
        _check_format(form, ())
        return self._clock.strftime(form)


def _range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > _COUNT_LIMIT:
        raise TemplateTooCostly(_("The chat template counts too far."))
    return found


def _make_dict(*pairs: Any, **named: Any) -> dict[str, Any]:
    return dict(*pairs, **named)


def _refuse(message: str) -> NoReturn:
    raise RefusedByTemplate(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Return JSON as chat templates expect it: no HTML escapes, real letters."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _is_small(value: Any, limit: float) -> bool:
    return isinstance(value, int | float) and abs(value) <= limit


def _check_size(size: int) -> None:
    if size > TEXT_LIMIT:
        raise TemplateTooCostly(_("The chat template makes too long a text."))


def _check_product(left: Any, right: Any) -> None:
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, str | list | tuple) and isinstance(times, int):
            _check_size(len(cast("Sequence[Any]", sequence)) * max(times, 0))


def _check_format(form: str, values: tuple[Any, ...]) -> None:
    """Refuse a width that is written out, or given as a value, beyond what a chat needs."""
    has_star = "*" in form and any(isinstance(one, int | tuple) for one in values)
    if _WIDE_FORMAT.search(form) or has_star:
        raise TemplateTooCostly(_("The chat template pads too far."))


def _check_work(name: str, subject: Any, arguments: tuple[Any, ...]) -> None:
    """Refuse a padding, a replacement or a join whose result would be huge, before it is made."""
    if any(isinstance(one, int) and abs(one) > _COUNT_LIMIT for one in arguments):
        raise TemplateTooCostly(_("The chat template pads too far."))
    if name in ("format", "format_map"):
        _check_format(str(subject), ())
    elif name in ("replace", "translate"):
        longest = max((len(one) for one in arguments if isinstance(one, str)), default=0)
        _check_size((len(str(subject)) + 1) * longest)
    elif name == "join":
        parts: list[str] = []
        for found in (subject, *arguments):
            if isinstance(found, list | tuple):
                parts += [str(one) for one in cast("Sequence[Any]", found)]
        glue = max((len(one) for one in (subject, *arguments) if isinstance(one, str)), default=0)
        _check_size(sum(len(one) for one in parts) + glue * len(parts))
