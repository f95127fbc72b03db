# SPDX-License-Identifier: Apache-2.0
"""What a worker sets up in its own process before the first heavy import."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from engine.domain.recipe import Recipe
from engine.store.caches import CACHE_VARIABLE, cache_folder, compile_cache
from engine.store.documents import read_document

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
NO_COMPILER = {
    # bitsandbytes asks torch to compile functions that no job of ours calls, when it is imported.
    # The compiler would be loaded for it at every start: a second, and 35 MiB.
    "TORCHDYNAMO_DISABLE": "1",
}
"""Is taken away again where a run asks for compiled layers."""

COMPILED = {
    "TRITON_CACHE_DIR": "triton",
    "TRITON_HOME": "triton-home",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TORCH_EXTENSIONS_DIR": "torch-extensions",
    "PYTORCH_KERNEL_CACHE_PATH": "torch-kernels",
    "CUDA_CACHE_PATH": "cuda",
    "NUMBA_CACHE_DIR": "numba",
}
"""Variables that name folders of compiled code, with the folder below `engine.store.caches`: it is
made of the libraries alone, takes minutes to make again, and serves every run."""

CACHES = (
    "HF_HOME", "HF_MODULES_CACHE", "HF_DATASETS_CACHE", "TORCH_HOME", "MPLCONFIGDIR",
    "PIP_CACHE_DIR", "XDG_CACHE_HOME", "TMPDIR", "TEMP", "TMP",
)  # fmt: skip
"""Variables that name folders for other caches and for temporary files, which may hold rows."""

_USER_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")
"""Where `getpass.getuser` looks, in this order."""

_MMAP_THRESHOLD = -3
"""`M_MMAP_THRESHOLD` of glibc's malloc.h."""

_OWN_PAGES_BYTES = 1 << 20
"""Tensors of this size are given back to the system when they are freed. glibc would raise the
limit to 32 MiB by itself, and keep most of what a step freed in pieces: the peak of a run of 4,096
tokens was a quarter higher, for 2 % less processor time (benchmarks/planner_benchmark.py)."""


def prepare(job: Path) -> None:
    """Make the process private, offline, quiet and frugal; nothing is kept in the user's home.

    Compiled code goes into Burnish's cache folder, all else into the job's own.

    The libraries read these variables when they are imported, so this runs before any of them.
    """
    os.umask(0o077)
    _no_core_dumps()
    _give_memory_back()
    os.environ.update(OFFLINE)
    os.environ.update(POLITE)
    os.environ.update(FRUGAL)
    os.environ.update(QUIET)
    os.environ.update(NO_COMPILER)
    _keep_compiled()
    _stay_at_home(job / "cache")
    _have_a_name()
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )


def let_compile(recipe: Path) -> None:
    """Let torch compile, where a job has a recipe and that asks for compiled layers.

    Raises:
        EngineError: The recipe cannot be read.
    """
    if recipe.is_file() and read_document(recipe, Recipe).compile_layers:
        for name in NO_COMPILER:
            os.environ.pop(name, None)


def _keep_compiled() -> None:
    """Let libraries keep compiled code where the next run finds it."""
    # Before the user's cache folder gets another name below, for what this worker starts.
    os.environ[CACHE_VARIABLE] = str(cache_folder())
    root = compile_cache()
    for name, folder in COMPILED.items():
        os.environ[name] = str(root / folder)


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
