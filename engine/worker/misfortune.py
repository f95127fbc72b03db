# SPDX-License-Identifier: Apache-2.0
"""What a worker can find out about an error that nobody raised on purpose."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Generator

from engine.errors import EngineError, places_of
from engine.hardware.driver import DriverVersions, read_driver
from engine.hardware.gpu import GpuReport, read_gpus
from engine.launcher.endings import EndFacts, GpuFault, gpu_words, named_end

_DRIVER_LIMIT_S = 5.0
_SPEAKING = {"torch", "pynvml", "triton", "bitsandbytes"}
"""Libraries whose errors are read; what others say may hold rows."""


def named(
    error: Exception,
    *,
    slept_s: float,
    has_begun: bool,
    ask_cards: Callable[[], GpuReport] = read_gpus,
    ask_driver: Callable[[], DriverVersions] = read_driver,
) -> EngineError:
    """Return an error by its name, with what to do.

    Args:
        error: What was raised.
        slept_s: How long the computer slept a short while before, 0 for not at all.
        has_begun: The run had computed on its device before.
        ask_cards: Asks the driver for its cards.
        ask_driver: Reads the versions of the driver.
    """
    text = "\n".join(str(one) for one in _chain(error) if _is_read(one))
    words = gpu_words(text)
    report, driver = None, DriverVersions()
    if words is not None and words[1] is not GpuFault.MEMORY:
        report, driver = _in_time(ask_cards), ask_driver()
    if report is not None and report.needs_restart:
        driver = DriverVersions(loaded=driver.loaded, installed=driver.installed, is_refused=True)
    return named_end(
        EndFacts(
            error=type(error).__name__,
            text=text,
            errno=_number(error),
            places=places_of(error),
            slept_s=slept_s,
            driver=driver,
            cards=None if report is None else len(report.gpus),
            has_begun=has_begun,
        )
    )


def _number(error: Exception) -> int | None:
    """Return the system's number of an error; libraries have memory errors of their own."""
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    return error.errno if isinstance(error, OSError) else None


def _chain(error: BaseException) -> Generator[BaseException, None, None]:
    """Yield an error and what it came from."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _is_read(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) or type(error).__module__.split(".")[0] in _SPEAKING


def _in_time(ask_cards: Callable[[], GpuReport]) -> GpuReport | None:
    """Return what the driver answers, or None where it does not: it may hang with its card."""
    found: list[GpuReport] = []
    thread = threading.Thread(target=lambda: found.append(ask_cards()), daemon=True)
    thread.start()
    thread.join(_DRIVER_LIMIT_S)
    return found[0] if found else None
