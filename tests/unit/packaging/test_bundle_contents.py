# SPDX-License-Identifier: Apache-2.0
"""What goes into the packaged program."""

from __future__ import annotations

from datetime import UTC, datetime, time

import bundle_contents as contents
import pytest


@pytest.mark.parametrize(
    "name",
    [
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/plugins/platforms/libqwayland.so",
        "PySide6/Qt/plugins/imageformats/libqsvg.so",
        "PySide6/Qt/plugins/iconengines/libqsvgicon.so",
        "PySide6/Qt/lib/libQt6Core.so.6",
        "pyarrow/libarrow_substrait.so.2600",
        "libssl.so.3",
    ],
)
def test_keeps_binary_of_the_window_and_of_datasets(name: str) -> None:
    assert contents.keeps_binary(name)


@pytest.mark.parametrize(
    "name",
    [
        "PySide6/Qt/plugins/platforms/libqvnc.so",
        "PySide6/Qt/plugins/platformthemes/libqgtk3.so",
        "PySide6/Qt/plugins/tls/libqopensslbackend.so",
        "PySide6/Qt/lib/libQt6Network.so.6",
        "libQt6Network.so.6",
        "pyarrow/libarrow_flight.so.2600",
        "pyarrow/libarrow_s3.so.2600",
        "libstdc++.so.6",
    ],
)
def test_keeps_binary_not_of_what_talks_or_belongs_to_the_system(name: str) -> None:
    assert not contents.keeps_binary(name)


def test_unneeded_names_the_system_libraries_that_only_left_out_parts_needed() -> None:
    links = {
        "/x/_ssl.so": {"libssl.so.3"},
        "/x/libssl.so.3": {"libcrypto.so.3"},
        "/x/libgtk-3.so.0": {"libcairo.so.2"},
    }
    binaries = [
        ("python3.11/lib-dynload/_ssl.so", "/x/_ssl.so"),
        ("libssl.so.3", "/x/libssl.so.3"),
        ("libcrypto.so.3", "/x/libcrypto.so.3"),
        ("libgtk-3.so.0", "/x/libgtk-3.so.0"),
        ("libcairo.so.2", "/x/libcairo.so.2"),
        ("libpython3.11.so.1.0", "/x/libpython3.11.so.1.0"),
    ]
    unneeded = contents.unneeded(binaries, lambda path: links.get(path, set()))
    assert unneeded == {"libgtk-3.so.0", "libcairo.so.2"}


def test_own_modules_hold_those_that_jobs_name_by_strings() -> None:
    assert {"engine.train.sft_qlora", "engine.api.importing", "gui.pages"} <= set(
        contents.own_modules()
    )


def test_resource_files_hold_the_starter_and_no_script() -> None:
    files = dict(contents.resource_files())
    assert any(name.endswith("starter/model/model.safetensors") for name in files)
    assert not [name for name in files if name.endswith(".py")]


def test_source_date_is_that_of_the_release_or_what_the_environment_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    released = datetime.fromtimestamp(contents.source_date(), UTC)
    assert released.time() == time(0)
    text = (contents.REPOSITORY / "packaging/linux/burnish.metainfo.xml").read_text("utf-8")
    assert f'version="{contents.version()}" date="{released.date()}"' in text
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "12")
    assert contents.build_environment()["SOURCE_DATE_EPOCH"] == "12"


def test_source_date_of_a_version_without_a_release_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setattr(contents, "version", lambda: "98.0.0")
    with pytest.raises(ValueError, match=r"98\.0\.0"):
        contents.source_date()
