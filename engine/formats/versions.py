# SPDX-License-Identifier: Apache-2.0
"""Versions of a dataset on disk: which rows stand where, and the rows that a change wrote.

A version is a folder `versions/<number>/` that is written once: `version.json`, `order.arrow` (for
each split its row ids in order, as stretches of consecutive ids), `tags.arrow` if any row is
tagged, and `rows.arrow` with the rows that it wrote, if any. Row ids count the rows of the import,
split after split, then those of each version in the order of their numbers. The import itself is
version 1 and has no folder.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.domain.content_hash import canonical, digest
from engine.domain.dataset import DatasetInfo, Row, RowKind
from engine.domain.version import FIRST, Action, Head, VersionInfo
from engine.errors import DocumentDamaged
from engine.formats.arrow_layout import data_file
from engine.formats.arrow_rows import RowPlace, RowWriter
from engine.formats.row_order import Order
from engine.formats.row_table import RowTable, damaged
from engine.store import atomicfs
from engine.store.checksum import encode_document
from engine.store.documents import read_document, write_document
from engine.store.layout import DatasetFolder, VersionFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyarrow import Table

    Ids = NDArray[np.int64]


def head_of(folder: DatasetFolder) -> int:
    """Return the number of the current version.

    Raises:
        DocumentDamaged: head.json cannot be read.
    """
    return read_document(folder.head, Head).version if folder.head.exists() else FIRST


def set_head(folder: DatasetFolder, number: int) -> None:
    """Make a version the current one.

    Raises:
        DiskFull: No room; the old one stays current.
    """
    write_document(folder.head, Head(version=number))


def read_version(folder: DatasetFolder, info: DatasetInfo, number: int) -> VersionInfo:
    """Return one version.

    Args:
        folder: The dataset.
        info: Its dataset.json, as the import wrote it.
        number: Which.

    Raises:
        DatasetDamaged: There is none of this number, or it cannot be read.
    """
    if number == FIRST:
        return VersionInfo(
            number=FIRST,
            parent=0,
            action=Action.IMPORTED,
            changed=info.rows,
            splits=info.splits,
            made_at=info.created_at,
        )
    try:
        return read_document(folder.version(number).info, VersionInfo)
    except DocumentDamaged as error:
        raise damaged(folder.version(number).root, error.message) from error


def read_versions(folder: DatasetFolder, info: DatasetInfo) -> list[VersionInfo]:
    """Return all versions, oldest first.

    Raises:
        DatasetDamaged: One cannot be read.
    """
    return [read_version(folder, info, one) for one in (FIRST, *version_numbers(folder))]


def version_numbers(folder: DatasetFolder) -> list[int]:
    """Return the numbers of the versions behind the first, ascending."""
    if not folder.versions.is_dir():
        return []
    return sorted(int(one.name) for one in folder.versions.iterdir() if one.name.isdigit())


def files_of_version(folder: DatasetFolder, info: DatasetInfo, number: int) -> list[Path]:
    """Return the Arrow streams whose rows the ids of a version count, in order."""
    written = [folder.version(one).rows for one in version_numbers(folder) if one <= number]
    imported = [data_file(folder.rows, split) for split in info.splits]
    return imported + [one for one in written if one.exists()]


def read_order(folder: DatasetFolder, info: DatasetInfo, number: int) -> Order:
    """Return which rows a version has.

    Raises:
        DatasetDamaged: It is missing or cannot be read.
    """
    import numpy as np

    if number != FIRST:
        version = folder.version(number)
        tags = read_ids(version.tags) if version.tags.exists() else {}
        splits = dict.fromkeys(read_version(folder, info, number).splits, np.zeros(0, np.int64))
        return Order(splits={**splits, **read_ids(version.order)}, tags=tags)
    splits: dict[str, Ids] = {}
    first = 0
    for split, count in info.splits.items():
        splits[split] = np.arange(first, first + count, dtype=np.int64)
        first += count
    return Order(splits=splits, tags={})


def open_table(
    folder: DatasetFolder, info: DatasetInfo, number: int, split: str | None
) -> RowTable:
    """Map the rows of one split of a version, or of all its splits, one after the other.

    Raises:
        DatasetDamaged: The rows are missing or not what was written.
    """
    import numpy as np

    order = read_order(folder, info, number)
    ids = order.splits[split] if split is not None else np.concatenate([*order.splits.values()])
    names = [one.name for one in info.sources]
    return RowTable(files_of_version(folder, info, number), names, ids)


class VersionWriter:
    """Writes one version into a folder that is being built; holds a batch of rows in memory.

    Attributes:
        hashes: The content hashes of the rows written so far, 16 bytes each.
    """

    def __init__(
        self, building: Path, target: VersionFolder, kind: RowKind, files: ExitStack
    ) -> None:
        """Write rows of one kind; what is still open at the end of `files` is closed."""
        self._building = building
        self._target = target
        self._kind = kind
        self._files = files
        self._rows: RowWriter | None = None
        self.hashes = bytearray()

    def add(self, row: Row, source: int, line: int, fields: str | None = None) -> None:
        """Add a row; the first gets the id behind all that exist, and each other the next.

        Args:
            row: A row of the kind.
            source: Index of its source file; -1 for a row that was written in Burnish.
            line: Where it stands there.
            fields: JSON object with what else the source said of the row, or None.

        Raises:
            DiskFull: No room.
        """
        if self._rows is None:
            stream = atomicfs.new_file(self._building / self._target.rows.name)
            self._rows = RowWriter(self._files.enter_context(stream), self._kind)
        content = canonical(row)
        found = digest(content)
        self.hashes += found
        place = RowPlace(found.hex(), source, line, fields)
        self._rows.add(row, place, size_bytes=len(content))

    def finish(self, version: VersionInfo, order: Order) -> None:
        """Write what was done, and which rows the version has.

        Raises:
            DiskFull: No room.
        """
        if self._rows is not None:
            self._rows.close()
        self._files.close()
        write_ids(self._building / self._target.order.name, order.splits)
        if order.tags:
            write_ids(self._building / self._target.tags.name, order.tags)
        atomicfs.write_file(self._building / self._target.info.name, encode_document(version))


@contextmanager
def new_version(
    folder: DatasetFolder, info: DatasetInfo, number: int
) -> Generator[VersionWriter, None, None]:
    """Build a version; at the end of the block it is complete and the current one.

    After an error nothing of it is left, and the version before stays current.

    Args:
        folder: The dataset.
        info: Its dataset.json.
        number: A new number.

    Raises:
        DiskFull: No room.
    """
    target = folder.version(number)
    atomicfs.make_folder(folder.versions)
    with atomicfs.new_folder(target.root) as building, ExitStack() as files:
        yield VersionWriter(building, target, info.kind, files)
    set_head(folder, number)


def write_version(
    folder: DatasetFolder, info: DatasetInfo, version: VersionInfo, order: Order
) -> None:
    """Write a version that has no rows of its own, and make it the current one.

    Args:
        folder: The dataset.
        info: Its dataset.json.
        version: What was done; its number is a new one.
        order: Which rows it has.

    Raises:
        DiskFull: No room; the version before stays current.
    """
    with new_version(folder, info, version.number) as writer:
        writer.finish(version, order)


def verify_versions(folder: DatasetFolder, number: int) -> None:
    """Compare everything that a version stands on, beside the import, with its manifests.

    Raises:
        DatasetDamaged: A file is missing or differs.
    """
    for one in version_numbers(folder):
        version = folder.version(one)
        if one == number or (one < number and version.rows.exists()):
            try:
                atomicfs.verify_folder(version.root)
            except DocumentDamaged as error:
                raise damaged(version.root, error.message) from error


def write_ids(path: Path, named: Mapping[str, Ids]) -> None:
    """Write lists of ids as stretches: the gap since the end of the last one, and a length."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import ipc

    tables: list[Table] = []
    for name, ids in named.items():
        starts_at = np.flatnonzero(np.diff(ids, prepend=np.int64(-2)) != 1)
        starts, lengths = ids[starts_at], np.diff(starts_at, append=len(ids))
        gaps = np.diff(starts, prepend=0)
        gaps[1:] -= lengths[:-1]
        names = pa.array([name] * len(starts), pa.string())
        tables.append(pa.table({"name": names, "gap": pa.array(gaps), "length": pa.array(lengths)}))
    table = pa.concat_tables(tables)
    options = ipc.IpcWriteOptions(compression="zstd")
    with (
        atomicfs.new_file(path) as stream,
        ipc.new_file(stream, table.schema, options=options) as writer,
    ):
        writer.write_table(table)


def read_ids(path: Path) -> dict[str, Ids]:
    """Return the lists of ids that `write_ids` wrote; empty lists are not among them.

    Raises:
        DatasetDamaged: The file is missing or is no such file.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import ipc

    try:
        with path.open("rb") as stream:
            table = ipc.open_file(stream).read_all()
        names = np.array(table.column("name").to_pylist(), dtype=object)
        gaps = table.column("gap").to_numpy()
        lengths = table.column("length").to_numpy()
    except (pa.ArrowException, OSError, KeyError) as error:
        raise damaged(path, str(error)) from error
    found: dict[str, Ids] = {}
    for name in dict.fromkeys(names.tolist()):
        mine = names == name
        found[name] = _ids_of(gaps[mine], lengths[mine])
    return found


def _ids_of(gaps: Ids, lengths: Ids) -> Ids:
    """Return the ids that stretches stand for."""
    import numpy as np

    ends = np.cumsum(gaps + lengths)
    offsets = np.repeat(ends - np.cumsum(lengths), lengths)
    return np.arange(int(lengths.sum()), dtype=np.int64) + offsets


def iter_rows(folder: DatasetFolder, split: str, version: int) -> Iterator[tuple[str, Row]]:
    """Yield the content hash (hex) and the row of every row of a split, in their fixed order.

    Everything is compared with its manifest before the first row.

    Raises:
        DatasetDamaged: A file is missing, or differs from what was written.
    """
    try:
        info = read_document(folder.info, DatasetInfo)
    except DocumentDamaged as error:
        raise damaged(folder.info, error.message) from error
    for one in info.splits:
        verify_file(folder, data_file(folder.rows, one))
    verify_versions(folder, version)
    table = open_table(folder, info, version, split)
    try:
        yield from table.rows()
    finally:
        table.close()


def verify_file(folder: DatasetFolder, file: Path, *, by_content: bool = True) -> None:
    """Compare one file of a dataset with its manifest.

    Args:
        folder: The dataset.
        file: One of its files.
        by_content: False compares only the size, which costs nothing.

    Raises:
        DatasetDamaged: It is missing or differs.
    """
    try:
        entries = atomicfs.read_manifest(folder.root).files
    except DocumentDamaged as error:
        raise damaged(file, error.message) from error
    entry = entries.get(file.relative_to(folder.root).as_posix())
    if entry is None or not file.is_file() or file.stat().st_size != entry.size_bytes:
        raise damaged(file, "size")
    if by_content and atomicfs.sha256_of(file) != entry.sha256:
        raise damaged(file, "sha256")
