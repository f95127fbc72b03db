# SPDX-License-Identifier: Apache-2.0
"""Arrow is set up without pandas, and still gives a pandas object to who asks for one."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from engine.formats.arrow_start import start_arrow
start_arrow()
import numpy, pyarrow
pyarrow.array(numpy.arange(3)).take(pyarrow.array([0]))
assert "pandas" not in sys.modules, "pandas was loaded"
assert pyarrow.default_memory_pool().backend_name == "system"
assert len(pyarrow.table({"a": [1, 2]}).to_pandas()) == 2
"""


def test_arrow_in_a_new_process_loads_pandas_only_when_asked() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], check=True, timeout=60)
