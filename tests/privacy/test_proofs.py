# SPDX-License-Identifier: Apache-2.0
"""Nothing leaves: no socket, no packet, no question for a name, no row outside the workspace.

P1 to P8 are the numbers of docs/privacy.md. The journey that is watched has no guard at all, so
that it is the code itself that is shown not to try.
"""

from __future__ import annotations

import base64
import json
import re
import stat
import struct
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.privacy.journey import DATASET, STARTER
from tests.privacy.place import LIMIT_S, Place, secrets, sink
from tests.privacy.watched import TRACE, read_trace

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(2 * LIMIT_S)]

SAME = ("state", "steps", "train_loss", "eval_loss_before", "eval_loss_after")
_TALKS = """
import ctypes, socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53))
ctypes.CDLL(None).socket(10, 1, 0)
local = socket.socket(socket.AF_UNIX)
local.connect_ex("/run/systemd/resolve/io.systemd.Resolve")
open(sys.argv[1], "w").close()
"""


def test_watching_sees_sockets_packets_resolvers_and_files(networks: None, tmp_path: Path) -> None:
    """The instruments are tried on a program that does all that must not be done."""
    del networks
    log, left = tmp_path / "log", tmp_path / "left"
    program = [sys.executable, "-c", _TALKS, str(left)]
    subprocess.run([*sink(tmp_path), *TRACE, "-o", str(log), *program], check=True)
    seen = read_trace(log)
    assert len(seen.outward) == 2
    assert any("io.systemd.Resolve" in line for line in seen.asked)
    assert left in seen.written
    assert int((tmp_path / "packets").read_text(encoding="ascii")) >= 1


def test_p1_without_any_network_the_results_are_the_same(watched: Place, offline: Place) -> None:
    first, second = watched.results, offline.results
    for name in SAME:
        assert first["train"][name] == second["train"][name], name
    assert first["answer"]["answer"] == second["answer"]["answer"]
    weights = "adapter/adapter_model.safetensors"
    assert (watched.out / weights).read_bytes() == (offline.out / weights).read_bytes()


def test_p2_without_a_guard_no_internet_socket_is_asked_for(watched: Place) -> None:
    assert watched.seen is not None
    assert watched.seen.programs > 20
    assert watched.seen.outward == ()


def test_p2_without_a_guard_nobody_is_asked_for_a_name(watched: Place) -> None:
    assert watched.seen is not None
    assert watched.seen.asked == ()


def test_p4_without_a_guard_no_packet_is_sent(watched: Place) -> None:
    assert watched.packets == 0


# ------------------------------------------------------------------------------- P3: where data go


def test_p3_nothing_is_written_outside_workspace_and_exports(watched: Place) -> None:
    assert watched.seen is not None
    home = watched.root / "home"
    own = (home / ".config" / "burnish", home / ".cache" / "burnish")
    allowed = (watched.workspace, watched.out, *own, Path("/dev/null"))
    parents = {home / ".config", home / ".cache", watched.folder / "results.json"}
    outside = {
        one
        for one in watched.seen.written - parents
        if not any(one.is_relative_to(place) for place in allowed)
    }
    assert outside == set()


def forms(secret: str) -> tuple[bytes, ...]:
    """Return a secret as it may stand in a file: plain, wide, for an address, in base64."""
    plain = secret.encode("ascii")
    shifted = (base64.b64encode(b"x" * shift + plain)[4:-4] for shift in range(3))
    wide = (secret.encode("utf-16-le"), secret.encode("utf-16-be"))
    return (plain, *wide, quote(secret).encode("ascii"), *shifted)


def files_with_secrets(*folders: Path) -> set[Path]:
    wanted = [form for one in secrets() for form in forms(one)]
    found: set[Path] = set()
    for path in (one for folder in folders for one in folder.rglob("*") if one.is_file()):
        content = path.read_bytes()
        if any(form in content for form in wanted):
            found.add(path)
    return found


@pytest.mark.parametrize("form", range(len(forms("0" * 32))))
def test_p3_search_finds_every_form_of_a_secret(form: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"..." + forms(secrets()[3])[form] + b"...")
    assert files_with_secrets(tmp_path) == {tmp_path / "file"}


def test_p3_rows_are_in_the_workspace_and_nowhere_in_the_home(watched: Place) -> None:
    assert files_with_secrets(watched.workspace)
    assert files_with_secrets(*watched.homes) == set()


def test_p3_logs_hold_no_rows(watched: Place) -> None:
    logs = {*watched.workspace.rglob("worker.log"), *watched.workspace.rglob("*.err")}
    assert logs
    assert not logs & files_with_secrets(watched.workspace)


def test_p3_report_for_help_holds_no_rows_and_no_paths(watched: Place) -> None:
    said = json.dumps(watched.results["diagnosis"])
    assert "lora_rank" in said
    told = (*secrets(), DATASET, str(watched.root), str(Path.home()))
    assert [one for one in told if one in said] == []


# ---------------------------------------------------------------------------------- P5, P8: on disk


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps rights in access lists")
def test_p5_every_file_is_0600_and_every_folder_0700(watched: Place) -> None:
    places = (watched.workspace, watched.root / "home" / ".config" / "burnish")
    wrong = [
        f"{stat.S_IMODE(one.lstat().st_mode):o} {one}"
        for place in places
        for one in (place, *place.rglob("*"))
        if stat.S_IMODE(one.lstat().st_mode) != (0o700 if one.is_dir() else 0o600)
    ]
    assert wrong == []


def test_p8_exported_weights_tell_no_path_and_no_user_and_data_in_their_card_alone(
    watched: Place,
) -> None:
    telling = (str(watched.root), str(Path.home()), str(STARTER), DATASET, "tickets.jsonl")
    for folder in (watched.out / "adapter", watched.out / "merged"):
        for path in (one for one in folder.rglob("*") if one.is_file()):
            is_weights = path.suffix == ".safetensors"
            content = _header(path) if is_weights else path.read_bytes()
            # The card says on purpose where the data come from, under the name of the dataset.
            names = [one for one in telling if path.name != "README.md" or one != DATASET]
            told = [one for one in names if one.encode() in content]
            assert told == [], path
            assert not _has_absolute_path(content), path


def _header(path: Path) -> bytes:
    with path.open("rb") as stream:
        (size,) = struct.unpack("<Q", stream.read(8))
        return stream.read(size)


def _has_absolute_path(content: bytes) -> bool:
    return re.search(rb"[\"' ](/(home|root|tmp|var|Users)/|[A-Z]:\\\\)", content) is not None


def test_results_name_what_the_journey_did(watched: Place) -> None:
    """A journey that silently left something out would prove less than it says."""
    wanted = {"import", "train", "resume", "adapter", "merged", "answer", "copy", "privacy",
              "doctor", "diagnosis", "tokens", "preview", "check", "window"}  # fmt: skip
    assert wanted <= set(watched.results)
    assert watched.results["resume"]["state"] == "finished"
