# SPDX-License-Identifier: Apache-2.0
"""The two halves of the NVIDIA driver, from files as the driver leaves them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.hardware.driver import DriverVersions, read_driver

CLOSED = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\n"
    "GCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)\n"
)
OPEN = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  560.35.03  Release Build  "
    "(dvs-builder@U16)  Fri Aug 16 21:22:33 UTC 2024\n"
)


def lay(root: Path, loaded: str, *installed: str) -> DriverVersions:
    kernel, folder = root / "version", root / "lib"
    kernel.write_text(loaded, encoding="utf-8")
    folder.mkdir()
    for one in ("libnvidia-ml.so.1", "libcuda.so.999.1", *installed):
        (folder / one).touch()
    return read_driver(kernel, [folder, root / "missing"])


@pytest.mark.parametrize(("text", "version"), [(CLOSED, "535.183.01"), (OPEN, "560.35.03")])
def test_loaded_version_is_read(tmp_path: Path, text: str, version: str) -> None:
    found = lay(tmp_path, text)
    assert (found.loaded, found.installed, found.differ) == (version, "", False)


def test_same_versions_fit(tmp_path: Path) -> None:
    assert not lay(tmp_path, OPEN, "libnvidia-ml.so.560.35.03").differ


def test_updated_library_does_not_fit_the_loaded_kernel(tmp_path: Path) -> None:
    found = lay(tmp_path, CLOSED, "libnvidia-ml.so.535.183.01", "libnvidia-ml.so.560.35.03")
    assert (found.loaded, found.installed) == ("535.183.01", "560.35.03")
    assert found.differ


def test_word_of_the_drivers_own_library_counts(tmp_path: Path) -> None:
    assert read_driver(tmp_path / "none", [tmp_path], is_refused=True).differ


def test_computer_without_a_driver_has_no_versions(tmp_path: Path) -> None:
    assert read_driver(tmp_path / "none", [tmp_path]) == DriverVersions()
