"""What all notebooks of the course share: how one begins, how a program is run, how an exercise answers.

A check looks at what the learner made (a value, a class, a pool) or tries it; it knows no list of answers. It prints
one line, so that a notebook in which nothing was solved yet runs from top to bottom, and nbval compares that line.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pmemobj

__all__ = ["begin_anew", "command_line", "exercise", "not_yet", "output_of", "right"]


def right(text: str) -> None:
    """Say that an exercise is solved, and what was found out."""
    print(f"✓ right: {text}")


def not_yet(text: str) -> None:
    """Say what an exercise still lacks: a hint, never the answer."""
    print(f"✗ not yet: {text}")


def exercise(check: Callable[..., None]) -> Callable[..., None]:
    """Make a function a check that never raises: an error, which is the learner's, becomes a hint."""

    @functools.wraps(check)
    def checked(*arguments: Any) -> None:
        if any(isinstance(each, pmemobj.PersistentObjectPool) and each.in_transaction for each in arguments):
            return not_yet("a transaction is open; end it first: %pmem_abort")
        try:
            return check(*arguments)
        except Exception as error:
            return not_yet(f"{type(error).__name__}: {error}")

    return checked


def begin_anew(*paths: str) -> None:
    """Remove the pools of a notebook, whatever an earlier run has left of them: open, or in a transaction."""
    for path in paths:
        for pool in pmemobj.open_pools():
            if pool.absolute_path == os.path.abspath(path):
                with contextlib.suppress(pmemobj.PmemError):
                    pool.abandon_transaction()
                pool.close()
        with contextlib.suppress(FileNotFoundError):
            (shutil.rmtree if os.path.isdir(path) else os.remove)(path)


def command_line(program: str, *arguments: str, typed: str = "") -> None:
    """Run one of the programs in scripts/ in a process of its own, and show what it prints."""
    print(output_of(program, *arguments, typed=typed), end="")


def output_of(program: str, *arguments: str, typed: str = "") -> str:
    """The same, as a text."""
    command = [sys.executable, f"scripts/{program}", *arguments]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr
