# SPDX-License-Identifier: Apache-2.0
"""Rules on source code that no linter knows: each takes a parsed file and returns its faults."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PRODUCT = ("engine", "gui", "main.py")
SHIPPED = (*PRODUCT, "packaging", "resources", "benchmarks")
EVERYTHING = (*SHIPPED, "tests")
VAGUE_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "manager", "managers"}
VAGUE_ENDINGS = ("Manager", "Helper", "Handler", "Utils")
CODE_RUNNING_FORMATS = {"pickle", "dill", "shelve", "marshal", "joblib", "cloudpickle"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """One Python file: its path in the repository with slashes, its text and its syntax tree."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the tree."""
        return list(ast.walk(self.tree))


def called(node: ast.Call) -> str:
    """Return the dotted name that a call names; a part that is no name is left empty."""
    parts: list[str] = []
    target: ast.expr = node.func
    while isinstance(target, ast.Attribute):
        parts.append(target.attr)
        target = target.value
    parts.append(target.id if isinstance(target, ast.Name) else "")
    return ".".join(reversed(parts))


def calls(source: Source) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call with the name that it names."""
    for node in source.nodes:
        if isinstance(node, ast.Call):
            yield called(node), node


def imported(source: Source, *, top_only: bool = False) -> Iterator[tuple[str, int]]:
    """Yield every imported dotted name with its line; of the top level only, or of all levels."""
    nodes = source.tree.body if top_only else source.nodes
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _mode(name: str, node: ast.Call) -> str:
    position = 1 if name in {"open", "io.open", "os.fdopen", "codecs.open"} else 0
    given = [word.value for word in node.keywords if word.arg == "mode"]
    given += node.args[position : position + 1]
    return str(given[0].value) if given and isinstance(given[0], ast.Constant) else "r"


def writes_outside_the_store(source: Source) -> list[str]:
    """Durable writes go through engine/store/atomicfs.py."""
    if source.path == "engine/store/atomicfs.py":
        return []
    faults: list[str] = []
    for name, node in calls(source):
        last = name.rpartition(".")[2]
        is_open = name in {"open", "io.open", "os.fdopen", "codecs.open"} or name.endswith(".open")
        mode = _mode(name, node) if is_open else ""
        is_write = re.fullmatch(r"[rwaxbt+]+", mode) is not None and bool(set(mode) & set("wax+"))
        if last in {"write_text", "write_bytes", "touch"} or is_write or name == "os.open":
            faults.append(f"{source.path}:{node.lineno} writes by {name or last}")
    return faults


def code_running_formats(source: Source) -> list[str]:
    """No format that runs code while it is read, in or out."""
    faults = [
        f"{source.path}:{line} imports {name}"
        for name, line in imported(source)
        if name.partition(".")[0] in CODE_RUNNING_FORMATS
    ]
    for name, node in calls(source):
        if name in {"torch.load", "torch.save"}:
            faults.append(f"{source.path}:{node.lineno} calls {name}")
        for word in node.keywords:
            is_true = isinstance(word.value, ast.Constant) and word.value.value is True
            if word.arg in {"allow_pickle", "trust_remote_code"} and is_true:
                faults.append(f"{source.path}:{node.lineno} passes {word.arg}=True")
    return faults


def texts_that_no_catalogue_holds(source: Source) -> list[str]:
    """A translated text is a literal: the catalogue cannot hold one that is put together first."""
    return [
        f"{source.path}:{node.lineno} translates a text that is put together"
        for name, node in calls(source)
        if name in {"_", "gettext", "ngettext", "pgettext", "mark"}
        and any(isinstance(one, ast.JoinedStr | ast.BinOp | ast.Call) for one in node.args[:2])
    ]


def qt_network(source: Source) -> list[str]:
    """Nothing that talks is imported."""
    return [
        f"{source.path}:{line} imports {name}"
        for name, line in imported(source)
        if name.startswith(("PySide6.QtNetwork", "PySide6.QtWeb"))
    ]


def vague_names(source: Source) -> list[str]:
    """Names say what a thing is."""
    path = Path(source.path)
    faults = [
        f"{source.path} has the vague name {part}"
        for part in (*path.parts[:-1], path.stem)
        if part in VAGUE_NAMES
    ]
    return faults + [
        f"{source.path}:{node.lineno} class {node.name} has a vague name"
        for node in source.nodes
        if isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE_ENDINGS)
    ]


def missing_header(source: Source) -> list[str]:
    """Every file opens with its licence, then says what it is for."""
    lines = [line for line in source.text.splitlines()[:2] if not line.startswith("#!")]
    faults: list[str] = []
    if not lines or lines[0] != "# SPDX-License-Identifier: Apache-2.0":
        faults.append(f"{source.path} does not open with its SPDX line")
    if not ast.get_docstring(source.tree):
        faults.append(f"{source.path} does not say what it is for")
    return faults


def silenced_checks(source: Source) -> list[str]:
    """A silenced check names its rule, then its reason after a dash or a second ``#``."""
    silencer = re.compile(r"#\s*(noqa|type:\s*ignore|pyright:\s*ignore)\b(.*)")
    named = re.compile(r"\s*(:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*|\[[\w, -]+\])\s+(#|--?)\s+\S+.*")
    if not silencer.search(source.text):
        return []
    comments = [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline)
        if token.type == tokenize.COMMENT
    ]
    return [
        f"{source.path}:{line} silences a check without rule and reason"
        for line, comment in comments
        if (found := silencer.search(comment)) and not named.fullmatch(found[2])
    ]


def global_statements(source: Source) -> list[str]:
    """A module keeps no state that its functions change."""
    return [
        f"{source.path}:{node.lineno} changes module state: {', '.join(node.names)}"
        for node in source.nodes
        if isinstance(node, ast.Global)
    ]


def environment_outside_the_worker(source: Source) -> list[str]:
    """The environment of the machine-learning stack is set by the worker, nowhere else."""
    if not source.path.startswith("engine/") or source.path.startswith("engine/worker/"):
        return []
    return [
        f"{source.path}:{node.lineno} sets an environment variable"
        for node in source.nodes
        if isinstance(node, ast.Assign | ast.Delete)
        for target in node.targets
        if isinstance(target, ast.Subscript) and ast.unparse(target.value) == "os.environ"
    ] + [
        f"{source.path}:{node.lineno} calls {name}"
        for name, node in calls(source)
        if name in {"os.putenv", "os.environ.update", "os.environ.setdefault", "os.environ.pop"}
    ]


def heavy_imports_of_main(source: Source) -> list[str]:
    """main.py starts three programs, so its top imports nothing but the standard library."""
    if source.path != "main.py":
        return []
    return [
        f"{source.path}:{line} imports {name}"
        for name, line in imported(source, top_only=True)
        if name.partition(".")[0] not in sys.stdlib_module_names
    ]


Rule = Callable[[Source], list[str]]

RULES: tuple[tuple[Rule, tuple[str, ...]], ...] = (
    (writes_outside_the_store, PRODUCT),
    (code_running_formats, SHIPPED),
    (texts_that_no_catalogue_holds, PRODUCT),
    (qt_network, EVERYTHING),
    (vague_names, EVERYTHING),
    (missing_header, EVERYTHING),
    (silenced_checks, EVERYTHING),
    (global_statements, SHIPPED),
    (environment_outside_the_worker, PRODUCT),
    (heavy_imports_of_main, PRODUCT),
)


def sources(repository: Path, places: tuple[str, ...]) -> Iterator[Source]:
    """Yield the Python files of some folders and files of a repository."""
    for place in places:
        path = repository / place
        files = [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))
        for file in files:
            if file.is_file():
                name = file.relative_to(repository).as_posix()
                yield Source(path=name, text=file.read_text(encoding="utf-8"))
