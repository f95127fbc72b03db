# SPDX-License-Identifier: Apache-2.0
"""What a worker can find out about an error that nobody raised on purpose."""

from __future__ import annotations

import errno
import re
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path

from engine.errors import EngineError, places_of
from engine.hardware.driver import DriverVersions, read_driver
from engine.hardware.gpu import GpuReport, read_gpus
from engine.launcher.endings import EndFacts, GpuFault, gpu_words, named_end

_DRIVER_LIMIT_S = 5.0
_SPEAKING = {"torch", "pynvml", "triton", "bitsandbytes"}
"""Libraries whose errors are read; what others say may hold rows."""

_NUMBERED = re.compile(r"\(os error (\d+)\)$|: [^:()]+ \((\d+)\)$")
"""How a library says the system's number without its error: those in Rust (tokenizers,
safetensors), and torch."""

_WITHOUT_NUMBER = (Exception, OSError, RuntimeError)
"""What they raise then; a class of its own, as for a wrong value, may quote a row."""

_ABSENT = "No such file or directory: "
"""safetensors says so of any file that it could not open, whatever the system said."""


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
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    text = str(error)
    if isinstance(error, FileNotFoundError) and text.startswith(_ABSENT):
        return _number_of_opening(Path(text.removeprefix(_ABSENT)))
    found = _NUMBERED.search(text) if type(error) in _WITHOUT_NUMBER else None
    if found is None:
        return None
    return int(found[2]) if found[2] else _of_the_system(int(found[1]))


def _number_of_opening(path: Path) -> int:
    """Return why a file cannot be opened; one that can be now could not a moment ago."""
    try:
        path.open("rb").close()
    except OSError as error:
        return error.errno or errno.EIO
    return errno.EIO


def _of_the_system(number: int) -> int | None:
    """Return the number that C has for one of the system's own; Windows has others."""
    return OSError(0, "", None, number).errno if sys.platform == "win32" else number


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
