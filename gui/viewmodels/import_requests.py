# SPDX-License-Identifier: Apache-2.0
"""Files that wait for an answer before they are imported."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.domain.dataset import Mapping


class MappingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Files whose columns a person is asked about, and the mapping to begin with, if any."""

    paths: tuple[Path, ...]
    name: str = ""
    mapping: Mapping | None = None


class DocumentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Files that wait to be imported.

    Attributes:
        paths: The files and folders.
        name: Name of the dataset; "" for that of the first.
        is_cut: They are documents, which are cut into rows; else they hold rows.
    """

    paths: tuple[Path, ...]
    name: str = ""
    is_cut: bool = True
