# SPDX-License-Identifier: Apache-2.0
"""Print the shape of the Python code: how long files and functions are, how much is typed.

Usage: ``code_shape.py [--check] FOLDER_OR_FILE...`` (default: engine gui).

Quality shows in the tail (p99 and the longest), not in the median. Reference values, measured the
same way: qutebrowser 9/31/66 lines (function p50/p90/p99), Anki's Qt layer 6/26/62, pygls 1/16/49,
TRL 19/86/345.

With ``--check`` the exit status is 1 where a bar is missed: p99 <= 45 lines, longest function
<= 80, longest file <= 500, every function annotated, every public function of engine documented.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

P99_LINES, LONGEST_FUNCTION, LONGEST_FILE = 45, 80, 500
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One function: where it stands, its length, and whether it is typed and documented."""

    where: str
    lines: int
    annotated: bool
    documented: bool
    public: bool


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What was measured: every function, and every file's length in lines."""

    functions: list[Measured]
    file_lines: dict[Path, int]

    @property
    def lengths(self) -> list[int]:
        """Return the function lengths in lines, sorted."""
        return sorted(one.lines for one in self.functions)

    @property
    def untyped(self) -> list[str]:
        """Return where functions lack annotations."""
        return [one.where for one in self.functions if not one.annotated]

    @property
    def undocumented(self) -> list[str]:
        """Return where public functions of the engine lack a docstring."""
        return [
            one.where
            for one in self.functions
            if one.public and not one.documented and one.where.startswith("engine")
        ]


def is_annotated(node: Function) -> bool:
    """Return whether the result and every parameter but self and cls carry a type."""
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    arguments += [one for one in (node.args.vararg, node.args.kwarg) if one]
    return node.returns is not None and all(
        one.annotation is not None or one.arg in {"self", "cls"} for one in arguments
    )


def measure_file(path: Path) -> list[Measured]:
    """Measure every function in one file."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return [
        Measured(
            where=f"{path.as_posix()}:{node.lineno} {node.name}",
            lines=(node.end_lineno or node.lineno) - node.lineno + 1,
            annotated=is_annotated(node),
            documented=ast.get_docstring(node) is not None,
            public=not node.name.startswith("_"),
        )
        for node in ast.walk(tree)
        if isinstance(node, Function)
    ]


def measure(places: list[Path]) -> Shape:
    """Measure every Python file in the folders and files."""
    files = sorted(
        path
        for place in places
        for path in ([place] if place.suffix == ".py" else place.rglob("*.py"))
        if path.is_file()
    )
    return Shape(
        functions=[one for path in files for one in measure_file(path)],
        file_lines={path: len(path.read_text(encoding="utf-8").splitlines()) for path in files},
    )


def quantile(sorted_values: list[int], share: float) -> int:
    """Return the value below which the share (0..1) of sorted values lies; 0 for an empty list."""
    if not sorted_values:
        return 0
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def report(shape: Shape) -> str:
    """Return the table."""
    lengths, lines = shape.lengths, shape.file_lines
    p50, p90, p99 = (quantile(lengths, share) for share in (0.5, 0.9, 0.99))
    text = [f"files {len(lines)}, lines {sum(lines.values())}, functions {len(lengths)}"]
    text.append(f"function lines: p50 {p50}, p90 {p90}, p99 {p99}")
    longest = sorted(shape.functions, key=lambda one: -one.lines)[:8]
    text += [f"  {one.lines:4d} lines  {one.where}" for one in longest]
    biggest = sorted(lines.items(), key=lambda item: -item[1])[:5]
    text += [f"  {count:4d} lines  {path.as_posix()}" for path, count in biggest]
    for title, places in (
        ("not annotated", shape.untyped),
        ("public engine functions without a docstring", shape.undocumented),
    ):
        text += [f"{title}: {len(places)}", *(f"  {place}" for place in places[:8])]
    return "\n".join(text)


def missed(shape: Shape) -> list[str]:
    """Return one line for every bar that is missed."""
    lengths = shape.lengths
    p99, longest = quantile(lengths, 0.99), max(lengths, default=0)
    biggest = max(shape.file_lines.values(), default=0)
    bars = [
        (p99 > P99_LINES, f"p99 of function lines is {p99}, over {P99_LINES}"),
        (longest > LONGEST_FUNCTION, f"a function has {longest} lines, over {LONGEST_FUNCTION}"),
        (biggest > LONGEST_FILE, f"a file has {biggest} lines, over {LONGEST_FILE}"),
        (bool(shape.untyped), f"{len(shape.untyped)} functions are not annotated"),
        (bool(shape.undocumented), f"{len(shape.undocumented)} public functions lack a docstring"),
    ]
    return [text for is_missed, text in bars if is_missed]


def main(arguments: list[str]) -> int:
    """Print the table and, with --check, judge it."""
    named = [Path(one) for one in arguments if not one.startswith("--")]
    shape = measure(named or [Path("engine"), Path("gui")])
    sys.stdout.write(report(shape) + "\n")
    faults = missed(shape) if "--check" in arguments else []
    sys.stdout.write("".join(f"FAILED: {fault}\n" for fault in faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
