# SPDX-License-Identifier: Apache-2.0
"""Steps to versions that do not exist, to test with: no version of a workspace has followed yet."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from engine.store import atomicfs
from engine.store.layout import Layout
from engine.store.migrations import Step

OLD, SECOND = b"first", b"second"
FILES = ("datasets/one.txt", "models/two.txt")


def write_old(layout: Layout) -> None:
    """Write the files of version 1."""
    for name in FILES:
        atomicfs.write_file(layout.root / name, OLD)


def a_document(layout: Layout) -> bytes:
    """Return what the first of the files holds."""
    return (layout.root / FILES[0]).read_bytes()


def _rewrite(
    layout: Layout, files: Path, *, old: bytes, new: bytes, names: tuple[str, ...]
) -> None:
    for name in names:
        target = files / name
        target.parent.mkdir(parents=True, exist_ok=True)
        content = (layout.root / name).read_bytes()
        atomicfs.write_file(target, content.replace(old, new), durable=False)


STEP = Step(write=partial(_rewrite, old=OLD, new=SECOND, names=FILES))
THIRD = Step(write=partial(_rewrite, old=SECOND, new=b"third", names=FILES[:1]))
