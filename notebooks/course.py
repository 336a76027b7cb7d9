"""What all notebooks of the course share: how an exercise answers, and how a run begins.

A check looks at what the learner made (a value, a class, a pool) or tries it; it knows no list of answers. It prints
one line, so that a notebook in which nothing was solved yet runs from top to bottom, and nbval compares that line.
"""

from __future__ import annotations

import os
import shutil

import pmemobj

__all__ = ["begin_anew", "not_yet", "right"]


def right(text: str) -> None:
    """Say that an exercise is solved, and what was found out."""
    print(f"✓ right: {text}")


def not_yet(text: str) -> None:
    """Say what an exercise still lacks: a hint, never the answer."""
    print(f"✗ not yet: {text}")


def begin_anew(*names: str) -> None:
    """Remove what an earlier run of a notebook has left: pools, open or closed, and other files of these names."""
    for name in names:
        for pool in pmemobj.open_pools():
            if pool.absolute_path == os.path.abspath(name) or (os.path.lexists(name) and pool.is_at(name)):
                pool.abandon_transaction()
                pool.close()
        if os.path.isdir(name):
            shutil.rmtree(name)
        elif os.path.lexists(name):
            os.unlink(name)
