# SPDX-License-Identifier: Apache-2.0
"""Makes the enumerations of Qt in a quarter of the time that Python's own way takes.

PySide makes 300 of them with 4,200 members until the window is there, each by the functional form
of `enum`, which changes the class several times for each member: a fifth of the window's start.
Here a class is made at once of what `enum` gives one without members, and the members are added
to it. The result is the same (`tests/contract/test_qt_enums.py` compares each of Qt), and a Python
that makes enumerations otherwise keeps its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from enum import KEEP, Enum, EnumType, Flag, IntEnum, IntFlag
from inspect import currentframe
from typing import Any, cast

_MAKES = "_create_"
"""The method of `EnumType` that makes a class of a name and members."""

_PROBE = (
    *(("A", 1), ("B", 2), ("AGAIN", 1), ("BOTH", 3), ("NONE", 0), ("C", 8), ("EARLY", 4)),
    *(("ALL", -1), ("BUT_A", -2)),
)
"""Members in the relations to each other that those of Qt have."""


def make_enums_quickly() -> None:
    """Have enumerations of the form that PySide asks for made quickly from now on."""
    usual = getattr(EnumType, _MAKES, None)
    if usual is None:  # it is an inner matter of Python, and may go away
        return
    kinds = _kinds(usual)
    if kinds is None:
        return

    def make(base: Any, class_name: str, names: Any, **named: Any) -> Any:
        kind, module = kinds.get(base), named.pop("module", None) or _module_that_asks()
        if kind is not None and kind.takes(names, named):
            return kind.make(class_name, names, module)
        return usual(base, class_name, names, module=module, **named)

    setattr(EnumType, _MAKES, make)


def _kinds(usual: Callable[..., type[Enum]]) -> dict[type[Enum], _Kind] | None:
    """Return what makes the classes of each base; None where Python makes them otherwise."""
    try:
        kinds = {base: _Kind(base, usual) for base in (Enum, IntEnum, Flag, IntFlag)}
        is_as_usual = all(kind.makes_as_usual(usual) for kind in kinds.values())
    except (AttributeError, KeyError, TypeError):
        return None
    return kinds if is_as_usual else None


def _module_that_asks() -> str | None:
    """Return the module whose code called a base, as Python does it for the place of a class."""
    frame = currentframe()
    for _ in range(3):  # this function, the one that makes, and `EnumType.__call__`
        frame = frame and frame.f_back
    return frame and frame.f_globals.get("__name__")


class _Kind:
    """Makes the classes of one base."""

    def __init__(self, base: type[Enum], usual: Callable[..., type[Enum]]) -> None:
        empty = usual(base, "Empty", (), boundary=KEEP)
        self._base = base
        self._entries = dict(vars(empty))
        self._taken = {"mro", ""}.union(*map(vars, empty.__mro__))
        self._is_flag, self._is_int = issubclass(base, Flag), issubclass(base, int)

    def makes_as_usual(self, usual: Callable[..., type[Enum]]) -> bool:
        """Return whether this Python gives a class and its members what is expected here."""
        ours = self.make("Probe", _PROBE, __name__)
        return described(ours) == described(usual(self._base, "Probe", _PROBE, boundary=KEEP))

    def takes(self, members: Any, named: dict[str, Any]) -> bool:
        """Return whether a class is asked for as PySide does it, without a member that needs more.

        Args:
            members: What was given as the members, in whichever form.
            named: The other values that were given.
        """
        others = named.get("qualname") or named.get("type")
        if named.get("boundary") is not KEEP or others or not isinstance(members, list):
            return False
        pairs = cast("list[tuple[str, object]]", members)
        return all(
            type(pair) is tuple
            and type(pair[1]) is int
            and pair[0] not in self._taken
            and not pair[0].startswith("_")
            for pair in pairs
        )

    def make(self, name: str, members: Sequence[tuple[str, int]], module: str | None) -> Any:
        """Return the class; a member with a value that is there already is another name."""
        order: list[str] = []
        by_name: dict[str, Enum] = {}
        by_value: dict[int, Enum] = {}
        # Lists of its own for each class, those that are not filled here too.
        entries: dict[str, Any] = {key: _copied(one) for key, one in self._entries.items()}
        entries |= {"_member_names_": order, "_member_map_": by_name, "__module__": module}
        entries["_value2member_map_"] = by_value
        made: Any = type.__new__(EnumType, name, (self._base,), entries)
        for key, value in members:
            member: Any = by_value.get(value)
            if member is None:
                member = int.__new__(made, value) if self._is_int else object.__new__(made)
                has = cast("dict[str, Any]", vars(member))
                has["_value_"], has["_name_"] = value, key
                has["__objclass__"], has["_sort_order_"] = made, len(order)
                by_value[value] = member
                if not self._is_flag or _is_one_bit(value):
                    order.append(key)
            by_name[key] = member
            type.__setattr__(made, key, member)
        if self._is_flag:
            _tell_bits(made, [value for _, value in members])
        entries.get("_hashable_values_", []).extend(by_value)  # since Python 3.13.1
        return made


def _copied(value: object) -> object:
    return copy(value) if type(value) in (list, dict) else value


def _is_one_bit(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


def _tell_bits(made: Any, values: list[int]) -> None:
    """Tell a class of flags which bits it has, and in which order its members are listed."""
    mask = ones = 0
    for value in values:
        mask |= value
        ones |= value if _is_one_bit(value) else 0
    bits = {"_flag_mask_": mask, "_singles_mask_": ones, "_all_bits_": 2 ** mask.bit_length() - 1}
    for key, value in bits.items():
        type.__setattr__(made, key, value)
    listed = [member.value for member in made]
    if listed != sorted(listed):
        type.__setattr__(made, "_iter_member_", made._iter_member_by_def_)


def described(made: type[Enum]) -> dict[str, object]:
    """Return all that a class of members has, in a form in which two such classes compare."""

    def plain(value: Any) -> object:
        if isinstance(value, made):
            return {key: plain(one) for key, one in vars(value).items()}
        if isinstance(value, dict):
            return [(key, plain(one)) for key, one in cast("dict[object, Any]", value).items()]
        return "its class" if value is made else getattr(value, "__func__", value)

    return {key: plain(value) for key, value in vars(made).items() if key != "__module__"}
