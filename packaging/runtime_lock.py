# SPDX-License-Identifier: Apache-2.0
"""Write the lock of a training runtime anew: ``runtime_lock.py cpu|cu130 [--index URL]``.

pip resolves what the roots need, within ``constraints.txt``, without installing anything, and each
wheel that it chose becomes a line with its SHA-256. A runtime is built, and one that a person
brings along is accepted, only from these very wheels. Needs pip 24 or newer and a network.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast
from urllib.parse import unquote

from bundle_contents import REPOSITORY, RUNTIME_ROOTS

LOCKS = REPOSITORY / "resources" / "runtime"
CONSTRAINTS = REPOSITORY / "packaging" / "constraints.txt"

# Roots beyond RUNTIME_ROOTS, and the oldest NVIDIA driver line that the libraries run with: for
# CUDA 13.0 that of its release notes, table 3.
VARIANTS: Mapping[str, tuple[tuple[str, ...], int]] = {
    "cpu": ((), 0),
    "cu130": (("liger-kernel",), 580),
}

HEAD = """# SPDX-License-Identifier: Apache-2.0
# variant: {variant}
# minimum driver: {driver}
# Made by packaging/runtime_lock.py. Do not edit by hand.
"""


def lock_text(variant: str, report: Mapping[str, object]) -> str:
    """Return the text of a lock.

    Args:
        variant: `cpu` or a CUDA line.
        report: What `pip install --dry-run --report` wrote.
    """
    lines: list[str] = []
    for one in cast("list[Mapping[str, Mapping[str, object]]]", report["install"]):
        metadata, source = one["metadata"], one["download_info"]
        hashes = cast("Mapping[str, Mapping[str, str]]", source["archive_info"])["hashes"]
        wheel = unquote(str(source["url"]).rpartition("/")[2])
        pin = f"{str(metadata['name']).lower().replace('_', '-')}=={metadata['version']}"
        lines.append(f"{pin} --hash=sha256:{hashes['sha256']}  # {wheel}\n")
    driver = VARIANTS[variant][1]
    return HEAD.format(variant=variant, driver=driver) + "".join(sorted(lines))


def resolve(variant: str, index: str) -> Mapping[str, object]:
    """Ask pip which wheels it would install.

    Raises:
        CalledProcessError: pip found no set of wheels; what it said is on standard error.
    """
    roots = [pinned(name) for name in (*RUNTIME_ROOTS, *VARIANTS[variant][0])]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
        command += ["--ignore-installed", "--only-binary", ":all:", "--report", str(report)]
        command += ["-c", str(CONSTRAINTS), *(["--extra-index-url", index] if index else [])]
        subprocess.run([*command, *roots], check=True)
        return cast("Mapping[str, object]", json.loads(report.read_text(encoding="utf-8")))


def pinned(name: str) -> str:
    """Return the line of the constraints that pins a package."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return next(line.strip() for line in lines if line.partition("==")[0].lower() == name)


def main(arguments: Sequence[str]) -> int:
    """Write one lock."""
    parser = argparse.ArgumentParser(prog="runtime_lock.py")
    parser.add_argument("variant", choices=tuple(VARIANTS))
    parser.add_argument("--index", default="", help="a further index, for the builds of PyTorch")
    parser.add_argument("--report", type=Path, default=None, help="a report of pip, made already")
    options = parser.parse_args(arguments)
    report = (
        resolve(options.variant, options.index)
        if options.report is None
        else json.loads(options.report.read_text(encoding="utf-8"))
    )
    LOCKS.mkdir(parents=True, exist_ok=True)
    path = LOCKS / f"{options.variant}.lock"
    path.write_text(lock_text(options.variant, report), encoding="utf-8", newline="\n")
    sys.stdout.write(f"{path} is written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
