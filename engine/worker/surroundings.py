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


CACHES = (
    "HF_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "XDG_CACHE_HOME", "TMPDIR", "TEMP",
    "TMP",
)  # fmt: skip
"""Variables that name folders for caches and temporary files."""

_USER_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")
"""Where `getpass.getuser` looks, in this order."""

_MMAP_THRESHOLD = -3
"""`M_MMAP_THRESHOLD` of glibc's malloc.h."""

_OWN_PAGES_BYTES = 1 << 20
"""Tensors of this size are given back to the system when they are freed. glibc would raise the
limit to 32 MiB by itself, and keep most of what a step freed in pieces: the peak of a run of 4,096
tokens was a quarter higher, for 2 % less processor time (benchmarks/planner_benchmark.py)."""


def prepare(job: Path) -> None:
    """Make the process private, offline, quiet and frugal; caches go into the job's own folder.

    The libraries read these variables when they are imported, so this runs before any of them.
    """
    os.umask(0o077)
    _no_core_dumps()
    _give_memory_back()
    os.environ.update(OFFLINE)
    os.environ.update(POLITE)
    os.environ.update(FRUGAL)
    os.environ.update(QUIET)
    _stay_at_home(job / "cache")
    _have_a_name()
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )


def _stay_at_home(cache: Path) -> None:
    """Let libraries keep caches and temporary files in the job's own folder, closed to others."""
    cache.mkdir(mode=0o700, exist_ok=True)
    for name in CACHES:
        os.environ[name] = str(cache)


def _have_a_name() -> None:
    """Answer what torch asks at its import: the user's name, from the environment if it is there.

    Else it asks the system, which may ask another process or computer for it (nscd, LDAP).
    """
    if not any(os.environ.get(name) for name in _USER_NAMES):
        os.environ[_USER_NAMES[0]] = "user"


def _no_core_dumps() -> None:
    """Keep rows out of core dumps."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _give_memory_back() -> None:
    """Keep freed tensors out of the process, where the C library is glibc and can be told so."""
    if sys.platform != "linux":
        return
    import ctypes

    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_MMAP_THRESHOLD, _OWN_PAGES_BYTES)
