# SPDX-License-Identifier: Apache-2.0
"""The findings of checks as Arrow files, one for each check that found something."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.formats.row_table import damaged
from engine.store import atomicfs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyarrow import Array

    Ids = NDArray[np.int64]


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of one check.

    Attributes:
        ids: Ids of rows, int64 of shape (findings,).
        groups: Their groups, -1 for none.
        labels: Their kinds, strings, empty for none.
    """

    ids: Ids
    groups: Ids
    labels: Array


def write_findings(folder: Path, check_id: str, found: Findings) -> None:
    """Write the findings of one check into a folder that is being built.

    Raises:
        DiskFull: No room.
    """
    import pyarrow as pa
    from pyarrow import ipc

    columns = {
        "id": pa.array(found.ids),
        "group": pa.array(found.groups),
        "label": found.labels,
    }
    table = pa.table(columns)
    options = ipc.IpcWriteOptions(compression="zstd")
    with (
        atomicfs.new_file(folder / f"{check_id}.arrow") as stream,
        ipc.new_file(stream, table.schema, options=options) as writer,
    ):
        writer.write_table(table)


def read_findings(folder: Path, check_id: str) -> Findings:
    """Return the findings of one check; none where it found nothing.

    Raises:
        DatasetDamaged: They cannot be read.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import ipc

    path = folder / f"{check_id}.arrow"
    if not path.exists():
        none = np.zeros(0, np.int64)
        return Findings(ids=none, groups=none, labels=pa.array([], pa.string()))
    try:
        with path.open("rb") as stream:
            table = ipc.open_file(stream).read_all()
        return Findings(
            ids=table.column("id").to_numpy(),
            groups=table.column("group").to_numpy(),
            labels=table.column("label").combine_chunks(),
        )
    except (pa.ArrowException, OSError, KeyError) as error:
        raise damaged(path, str(error)) from error
