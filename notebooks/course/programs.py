"""Begin a notebook without its pools, and run the programs in scripts/."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys

import pmemobj

__all__ = ["begin_anew", "command_line", "output_of"]


def begin_anew(*paths: str) -> None:
    """Remove the pools of a notebook, in whatever state an earlier run has left them: open, or in a transaction."""
    for path in paths:
        for pool in pmemobj.open_pools():
            if pool.absolute_path == os.path.abspath(path):
                with contextlib.suppress(pmemobj.PmemError):
                    pool.abandon_transaction()
                pool.close()
        for left in (path, f"{path}-journal"):  # a program that was killed leaves its journal, too
            with contextlib.suppress(FileNotFoundError):
                (shutil.rmtree if os.path.isdir(left) else os.remove)(left)


def command_line(program: str, *arguments: str, typed: str = "") -> None:
    """Run one of the programs in scripts/ in a separate process, and print its output."""
    print(output_of(program, *arguments, typed=typed), end="")


def output_of(program: str, *arguments: str, typed: str = "") -> str:
    """Run one of the programs in scripts/ in a separate process, and return its output."""
    command = [sys.executable, f"scripts/{program}", *arguments]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr
