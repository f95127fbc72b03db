# SPDX-License-Identifier: Apache-2.0
"""What this program is: its version and those of the libraries beside it."""

from __future__ import annotations

LIBRARIES = (
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "safetensors",
    "tokenizers",
    "pyarrow",
)
"""Without any of these nothing can be trained; by the names under which they are imported."""


def program_version() -> str:
    """Return the version of Burnish; empty where it runs from its source folder."""
    return version_of("burnish")


def version_of(name: str) -> str:
    """Return the version of an installed library without importing it; empty where it is absent."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""
