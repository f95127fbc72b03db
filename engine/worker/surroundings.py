# SPDX-License-Identifier: Apache-2.0
"""What a worker sets up in its own process before the first heavy import."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "DISABLE_SAFETENSORS_CONVERSION": "1",
    "DO_NOT_TRACK": "1",
}
POLITE = {
    # Idle compute threads sleep instead of spinning: on a computer that somebody works at, spinning
    # threads wait for each other's time slices and a run can become a hundred times slower.
    "OMP_WAIT_POLICY": "PASSIVE",
}
FRUGAL = {
    # In bf16 on a processor, oneDNN makes a kernel for every shape of a product and keeps 1,024 of
    # them, of about 0.5 MiB each. A step needs some 30 of them, once for each layer.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128",
}
QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "BITSANDBYTES_NOWELCOME": "1",
}


def prepare(job: Path) -> None:
    """Make the process private, offline, quiet and frugal; caches go into the job's own folder.

    The libraries read these variables when they are imported, so this runs before any of them.
    """
    os.umask(0o077)
    _no_core_dumps()
    os.environ.update(OFFLINE)
    os.environ.update(POLITE)
    os.environ.update(FRUGAL)
    os.environ.update(QUIET)
    cache = str(job / "cache")
    os.environ["HF_HOME"] = cache
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
    os.environ["TRITON_CACHE_DIR"] = cache
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )


def _no_core_dumps() -> None:
    """Keep rows out of core dumps."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
