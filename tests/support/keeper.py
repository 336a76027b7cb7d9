"""A process that has a pool open, as long as a test wants."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from conftest import PATIENCE, child_environment

_PROGRAM = """
import sys, pmemobj
pool = pmemobj.open(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def keeping(path: str) -> Iterator[int]:
    """While the block runs, another process has the pool at `path` open; the value is the number of that process."""
    keeper = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment()
    )
    try:
        assert keeper.stdout and keeper.stdout.readline() == b"open\n"
        yield keeper.pid
    finally:
        keeper.communicate(timeout=PATIENCE)
