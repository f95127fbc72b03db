# SPDX-License-Identifier: Apache-2.0
"""Feeds an importer bytes that coverage guides (atheris): no crash, no unnamed error, no hang.

python tests/fuzz/importers.py FORMAT [SECONDS]

For hands, not for the suite: `pip install -e .[fuzz]` first, on Linux. It begins with the samples
of the contract tests. An error that is named (`EngineError`) is a verdict; everything else is a
bug, and libFuzzer writes the bytes that caused it to the current folder.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

with atheris.instrument_imports(include=["engine.formats", "engine.domain"]):
    from engine.errors import EngineError
    from engine.formats.reading import shaped_rows
    from engine.formats.registry import FORMATS

from tests.contract.test_formats import SAMPLES

LONGEST_BYTES = 16_384
SLOWEST_S = 10


def ignore(_done: int) -> None:
    """Take no notice of progress."""


def main() -> int:
    """Fuzz one format."""
    name, seconds = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "60"
    used = next(one for one in FORMATS if one.id == name)
    with tempfile.TemporaryDirectory() as folder:
        path, corpus = Path(folder) / "input", Path(folder) / "corpus"
        corpus.mkdir()
        for number, sample in enumerate(SAMPLES[name]):
            (corpus / str(number)).write_bytes(sample)

        def once(data: bytes) -> None:
            """Read these bytes to their end."""
            path.write_bytes(data)
            try:
                for _row in shaped_rows(path, used, ignore):
                    pass
            except EngineError:
                return

        limits = [f"-max_total_time={seconds}", f"-timeout={SLOWEST_S}"]
        atheris.Setup([sys.argv[0], *limits, f"-max_len={LONGEST_BYTES}", str(corpus)], once)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
