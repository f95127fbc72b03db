# SPDX-License-Identifier: Apache-2.0
"""Making a training runtime of wheels: whole and exact, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from engine.errors import (
    Cancelled,
    EngineError,
    FileMissing,
    FileUnreadable,
    RuntimeUnsuitable,
    WheelChanged,
)
from engine.launcher import runtime as runtimes
from engine.launcher import wheelhouse
from engine.launcher.runtime import Runtime
from engine.launcher.wheelhouse import Lock, install_runtime, run_heeding
from engine.store.atomicfs import verify_folder
from tests.builders.wheels import NAMES, TAG, write_wheelhouse


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    return tmp_path / "usb stick" / "wheels"


@pytest.fixture
def lock(wheels: Path) -> Lock:
    return write_wheelhouse(wheels)


def install(source: Path, target: Path, *locks: Lock) -> Runtime:
    return install_runtime(source, target, locks, try_it=lambda _folder: None)


def tar_of(folder: Path, target: Path) -> Path:
    with tarfile.open(target, "w") as archive:
        archive.add(folder, arcname="burnish-runtime")
    return target


def zstd_of(folder: Path, target: Path) -> Path:
    plain = tar_of(folder, target.with_suffix(".plain"))
    target.write_bytes(pa.compress(plain.read_bytes(), codec="zstd", asbytes=True))
    return target


def as_folder(folder: Path, _target: Path) -> Path:
    return folder


@pytest.mark.parametrize("packed", [as_folder, tar_of, zstd_of])
def test_install_of_a_whole_wheelhouse_makes_a_runtime_that_verifies(
    packed: Callable[[Path, Path], Path], wheels: Path, lock: Lock, tmp_path: Path
) -> None:
    source = packed(wheels, tmp_path / "runtime.tar")
    told: list[tuple[int, int]] = []
    tried: list[bool] = []
    made = install_runtime(
        source,
        tmp_path / "home" / "runtime",
        [lock],
        try_it=lambda folder: tried.append((folder / runtimes.FILE_NAME).is_file()),
        tell=lambda done, of: told.append((done, of)),
    )
    assert (made.variant, made.minimum_driver, made.torch) == ("cu130", 580, "1.0")
    assert made.is_usable()
    assert tried == [True]
    assert told == [(0, 3), (1, 3), (2, 3)]
    files = verify_folder(made.root).files
    inside = runtimes.PACKAGES.as_posix()
    assert {f"{inside}/{name}/__init__.py" for name in NAMES} <= files.keys()
    assert f"{inside}/torch_more.py" in files
    assert [name for name in files if name.startswith(f"{inside}/torch/__pycache__/")]
    assert not [name for name in files if "scripts" in name]
    assert [path.name for path in made.root.parent.iterdir()] == ["runtime"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such permission")
def test_install_leaves_programs_of_a_wheel_programs(
    wheels: Path, lock: Lock, tmp_path: Path
) -> None:
    made = install(wheels, tmp_path / "runtime", lock)
    subprocess.run([made.site_packages / "torch/bin/tool"], check=True)
    assert (made.site_packages / "torch/__init__.py").stat().st_mode & 0o777 == 0o600


def test_install_takes_the_last_lock_that_is_whole(
    wheels: Path, lock: Lock, tmp_path: Path
) -> None:
    other = write_wheelhouse(
        tmp_path / "other", variant="cpu", tag=f"{runtimes.python_tag()}-other"
    )
    assert install(wheels, tmp_path / "runtime", other, lock).variant == "cu130"


def flip_a_byte(wheels: Path) -> None:
    wheel = next(wheels.glob("numpy*"))
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2] ^= 1
    wheel.write_bytes(bytes(content))


def lose_one(wheels: Path) -> None:
    next(wheels.glob("numpy*")).unlink()


def lose_all(wheels: Path) -> None:
    for wheel in wheels.glob("*.whl"):
        wheel.unlink()


@pytest.mark.parametrize(
    ("harm", "error", "words"),
    [
        (flip_a_byte, WheelChanged, f"numpy-1.0-{TAG}.whl"),
        (lose_one, RuntimeUnsuitable, "1 are missing"),
        (lose_all, RuntimeUnsuitable, "3 are missing"),
    ],
)
def test_install_of_a_harmed_wheelhouse_leaves_the_old_runtime(
    harm: Callable[[Path], None],
    error: type[EngineError],
    words: str,
    wheels: Path,
    lock: Lock,
    tmp_path: Path,
) -> None:
    old = install(wheels, tmp_path / "home" / "runtime", lock)
    harm(wheels)
    with pytest.raises(error, match=words):
        install(wheels, old.root, lock)
    assert runtimes.read_runtime(old.root) == old
    verify_folder(old.root)
    assert [path.name for path in old.root.parent.iterdir()] == ["runtime"]


def test_install_of_wheels_for_another_python_names_both(lock: Lock, tmp_path: Path) -> None:
    write_wheelhouse(tmp_path / "others", tag="cp399-cp399-linux_x86_64")
    with pytest.raises(RuntimeUnsuitable, match=f"cp399.*{runtimes.python_tag()}"):
        install(tmp_path / "others", tmp_path / "runtime", lock)


def test_install_by_a_lock_for_another_python_is_refused(tmp_path: Path) -> None:
    other = write_wheelhouse(tmp_path / "others", tag="cp399-cp399-linux_x86_64")
    with pytest.raises(RuntimeUnsuitable, match="cp399"):
        install(tmp_path / "others", tmp_path / "runtime", other)


def test_install_that_fails_its_trial_is_not_kept(wheels: Path, lock: Lock, tmp_path: Path) -> None:
    def fail(_folder: Path) -> None:
        raise RuntimeUnsuitable("it does not work")

    with pytest.raises(RuntimeUnsuitable, match="it does not work"):
        install_runtime(wheels, tmp_path / "home" / "runtime", [lock], try_it=fail)
    assert not list((tmp_path / "home").iterdir())


@pytest.mark.parametrize("after", [0, 1, 4, 7])
@pytest.mark.parametrize("packed", [as_folder, zstd_of])
def test_install_that_is_stopped_leaves_the_old_runtime(
    after: int,
    packed: Callable[[Path, Path], Path],
    wheels: Path,
    lock: Lock,
    tmp_path: Path,
) -> None:
    old = install(wheels, tmp_path / "home" / "runtime", lock)
    source = packed(wheels, tmp_path / "runtime.tar")
    asked: list[bool] = []

    def heed() -> None:
        asked.append(True)
        if len(asked) > after:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        install_runtime(source, old.root, [lock], try_it=lambda _folder: heed(), heed=heed)
    assert runtimes.read_runtime(old.root) == old
    verify_folder(old.root)
    assert [path.name for path in old.root.parent.iterdir()] == ["runtime"]


def test_process_that_nobody_wants_any_more_is_ended(tmp_path: Path) -> None:
    asked: list[bool] = []

    def heed() -> None:
        asked.append(True)
        if len(asked) > 2:
            raise Cancelled("Stopped.")

    words = [sys.executable, "-c", "import time; time.sleep(600)"]
    began = time.monotonic()
    with pytest.raises(Cancelled):
        run_heeding(words, env=os.environ, heed=heed)
    assert time.monotonic() - began < 60


def test_install_from_nowhere_or_nonsense_says_so(lock: Lock, tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        install(tmp_path / "nowhere", tmp_path / "runtime", lock)
    nonsense = tmp_path / "notes.txt"
    nonsense.write_text("no archive at all", encoding="utf-8")
    with pytest.raises(FileUnreadable):
        install(nonsense, tmp_path / "home" / "runtime", lock)
    assert not list((tmp_path / "home").iterdir())


def test_install_writes_no_name_that_an_archive_chooses(
    wheels: Path, lock: Lock, tmp_path: Path
) -> None:
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as packed:
        packed.add(wheels, arcname="../../outside")
        link = tarfile.TarInfo("../../evil")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        packed.addfile(link)
    install(archive, tmp_path / "deep" / "home" / "runtime", lock)
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "evil").exists()


def test_compile_all_compiles_without_looking_at_the_source_again(tmp_path: Path) -> None:
    module = tmp_path / runtimes.PACKAGES / "one.py"
    module.parent.mkdir(parents=True)
    module.write_text("ONE = 1\n", encoding="utf-8")
    wheelhouse.compile_all(tmp_path)
    (compiled,) = (module.parent / "__pycache__").iterdir()
    assert compiled.read_bytes()[4:8] == b"\x01\x00\x00\x00"  # PEP 552: hashed, unchecked


def test_compile_all_does_not_tell_where_it_was_done(tmp_path: Path) -> None:
    module = tmp_path / runtimes.PACKAGES / "one.py"
    module.parent.mkdir(parents=True)
    module.write_text("def where():\n    return where.__code__.co_filename\n", encoding="utf-8")
    wheelhouse.compile_all(tmp_path)
    (compiled,) = (module.parent / "__pycache__").iterdir()
    assert str(tmp_path).encode() not in compiled.read_bytes()
    code = "import one; print(one.where())"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=module.parent, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == str(module)
