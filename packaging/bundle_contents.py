# SPDX-License-Identifier: Apache-2.0
"""What goes into the packaged program and what stays out; ``app.spec`` is built from it.

In: Burnish, Python with its whole standard library (wheels of the runtime need any of it), Qt
without what talks, and the libraries that datasets need. Out: the machine learning libraries, which
are the training runtime (docs/adr/0012-a-thin-program-and-a-runtime.md), and what no one calls.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path, PurePosixPath

REPOSITORY = Path(__file__).resolve().parent.parent
NAME = "burnish"

# Roots of the runtime: with all that they need they make up its lock.
RUNTIME_ROOTS = ("torch", "transformers", "peft", "bitsandbytes", "datasets")

# Python packages that stay out: those of the runtime that nothing torch-free imports, and what
# only developers use. A package here that the window needs after all fails the check of the bundle.
_OUTSIDE_NAMES = """
accelerate huggingface_hub hf_xet pandas sympy networkx mpmath yaml regex tqdm fsspec dill
multiprocess httpx httpx2 httpcore httpcore2 h11 anyio requests truststore triton liger_kernel
functorch torchgen
attr attrs

setuptools setuptools._distutils pip pkg_resources wheel PyInstaller pytest _pytest hypothesis
matplotlib scipy IPython PIL pyqtgraph fastparquet tkinter _tkinter readline

numpy.f2py numpy.distutils numpy.testing numpy._pyinstaller numpy.conftest
numpy._core._multiarray_tests pyarrow.conftest
phonenumbers.geodata phonenumbers.carrierdata phonenumbers.tzdata
pyarrow.flight pyarrow._flight pyarrow._s3fs pyarrow._gcsfs pyarrow._azurefs pyarrow._hdfs
pyarrow.tests pyarrow.orc pyarrow._orc pyarrow.substrait

PySide6.QtNetwork PySide6.QtDBus PySide6.QtQml PySide6.QtQuick PySide6.QtOpenGL PySide6.QtSql
PySide6.QtOpenGLWidgets PySide6.QtTest PySide6.QtConcurrent PySide6.QtDesigner PySide6.QtUiTools
PySide6.QtHelp PySide6.QtPrintSupport
"""
# Colours of old Windows consoles.
_OUTSIDE_HERE = () if sys.platform == "win32" else ("colorama",)
OUTSIDE = (*RUNTIME_ROOTS, *_OUTSIDE_NAMES.split(), *_OUTSIDE_HERE)

# Libraries of the bundle that are taken whole, since they import parts of themselves by name.
WHOLE = ("rich", "typer", "safetensors", "jinja2", "docx", "msgspec", "filelock")

# What leads to all that the window imports until its first paint.
_START = (
    *("main", "engine.launcher.frozen", "gui.bridge.qt_import", "gui.app"),
    *("engine.api.facade", "gui.pages.home.view"),
)

# Distributions whose versions the program asks for by `importlib.metadata`.
METADATA = ("PySide6-Essentials", "numpy", "pyarrow", "tokenizers", "safetensors")

# The standard library without what needs a developer or drags old system libraries in.
_NO_STANDARD = frozenset(
    {
        *("idlelib", "lib2to3", "tkinter", "_tkinter", "turtle", "turtledemo", "test", "ensurepip"),
        *("venv", "antigravity", "this", "pydoc_data", "nis", "spwd", "crypt", "ossaudiodev"),
        "readline",  # GNU Readline is under the GPL
    }
)
_PLATFORM_PLUGINS = ("libqxcb", "libqwayland", "libqoffscreen", "qwindows", "qoffscreen")
_KEPT_PLUGINS = {
    "platforms": _PLATFORM_PLUGINS,
    "platformthemes": ("libqxdgdesktopportal",),
    "imageformats": ("libqsvg", "qsvg", "libqico", "qico"),
}
_DROPPED_PLUGINS = ("egldeviceintegrations", "generic", "networkinformation", "tls", "printsupport")
_DROPPED_BINARIES = re.compile(
    # Qt beyond widgets and SVG; Arrow's ways to servers.
    r"(^|/)(lib)?Qt6(Network|EglF[sS]|Qml|Quick|Pdf|VirtualKeyboard|OpenGLWidgets|Sql|Test|Print)"
    r"|(^|/)(lib)?arrow_(python_)?(flight|s3)"
    # The system's own, which its graphics drivers need in their newest form.
    r"|(^|/)libstdc\+\+\.so|(^|/)libgcc_s\.so"
)
_DROPPED_DATA = re.compile(
    r"^PySide6/Qt/(translations|qml|resources|libexec)/|^pyarrow/(include|src|tests)/"
    r"|^pyarrow/.*\.(pxi|pxd|pyx|h)$|^numpy/.*/(tests|include)/|\.pyi$"
)


def version() -> str:
    """Return the version of Burnish."""
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


def source_date() -> int:
    """Return the moment that the build writes into what it makes: that of the release.

    Returns:
        Seconds since 1970; `SOURCE_DATE_EPOCH` of the environment goes before.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    text = (REPOSITORY / "packaging/linux/burnish.metainfo.xml").read_text(encoding="utf-8")
    found = re.search(rf'<release version="{re.escape(version())}" date="([0-9-]+)"', text)
    if found is None:
        raise ValueError(f"burnish.metainfo.xml names no release {version()}")
    return int(datetime.fromisoformat(f"{found[1]}T00:00:00+00:00").timestamp())


def build_environment() -> dict[str, str]:
    """Return the environment of what builds, in which the same source makes the same bytes."""
    return os.environ | {"PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": str(source_date())}


def standard_library() -> list[str]:
    """Return the top modules of the standard library that are taken."""
    return sorted(
        name for name in sys.stdlib_module_names if name not in _NO_STANDARD and name != "__main__"
    )


def own_modules() -> list[str]:
    """Return every module of Burnish, also those that jobs name by strings."""
    files = [path for top in ("engine", "gui") for path in (REPOSITORY / top).rglob("*.py")]
    names = [path.relative_to(REPOSITORY).with_suffix("").parts for path in sorted(files)]
    return [".".join(one[:-1] if one[-1] == "__init__" else one) for one in names]


def start_modules() -> frozenset[str]:
    """Return the modules that the window imports until its first paint.

    Raises:
        ImportError: They cannot be imported; its text says why.
    """
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {', '.join(_START)}"],
        cwd=REPOSITORY, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise ImportError(done.stderr)
    return frozenset(line.rpartition("|")[2].strip() for line in done.stderr.splitlines())


def keeps_binary(name: str) -> bool:
    """Return whether a native library that was found is kept, by its place in the bundle."""
    path = PurePosixPath(name.replace("\\", "/"))
    if "plugins" in path.parts:
        kind = path.parts[path.parts.index("plugins") + 1]
        if kind in _DROPPED_PLUGINS:
            return False
        kept = _KEPT_PLUGINS.get(kind)
        return kept is None or path.name.startswith(kept)
    return _DROPPED_BINARIES.search(path.as_posix()) is None


def unneeded(binaries: Iterable[tuple[str, str]], needs: Callable[[str], set[str]]) -> set[str]:
    """Return the native libraries that nothing needs any more once others are left out.

    Args:
        binaries: Place in the bundle and source of each library that is kept.
        needs: Returns the file names of the libraries that one links to.

    Returns:
        Places at the top of the bundle, where libraries of the system lie, that no module of
        Python and no plugin reaches.
    """
    found = {PurePosixPath(place).name: (place, source) for place, source in binaries}
    waiting = [name for name, (place, _) in found.items() if not _is_system_library(place)]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached and name in found:
            reached.add(name)
            waiting += needs(found[name][1])
    return {place for name, (place, _) in found.items() if name not in reached}


def _is_system_library(place: str) -> bool:
    path = PurePosixPath(place)
    return len(path.parts) == 1 and ".so" in path.name and not path.name.startswith("libpython")


def keeps_data(name: str) -> bool:
    """Return whether a data file that was found is kept, by its place in the bundle."""
    return _DROPPED_DATA.search(name.replace("\\", "/")) is None


def resource_files() -> list[tuple[str, str]]:
    """Return the files under ``resources/`` with their folders in the bundle, without scripts."""
    root = REPOSITORY / "resources"
    return [
        (str(path), path.parent.relative_to(REPOSITORY).as_posix())
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    ]
