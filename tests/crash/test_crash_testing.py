"""`pmemobj.testing`, used as a test of a program's own class would use it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

# The crash lab is never compiled.
pytestmark = pytest.mark.once

pytest.importorskip("pmemobj.crash._native", reason="there is no recorder without a C compiler or off x86-64 Linux")

TESTS = """
import pmemobj

class Account(pmemobj.PersistentObject):
    def __init__(self):
        self.balance = 100
        self.booked = 0

    def book(self, amount):
        with self._p_mm.transaction():
            self.balance -= amount
            self.booked += amount

    def book_carelessly(self, amount):
        self.balance -= amount
        self.booked += amount

def whole(pool):
    return pool.root.balance + pool.root.booked == 100

def test_right(crash_pool, crash_explore):
    crash_pool.root = crash_pool.new(Account)
    assert crash_explore(lambda: crash_pool.root.book(10), whole).complete

def test_wrong(crash_pool, crash_explore):
    crash_pool.root = crash_pool.new(Account)
    crash_explore(lambda: crash_pool.root.book_carelessly(10), whole)

def test_raises(crash_pool, crash_explore):
    crash_explore(lambda: 1 / 0)
"""


def test_the_fixtures_pass_what_is_right_and_fail_what_is_not(
    scratch: object, run_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    run = (
        "import sys, pathlib, pytest\n"
        "pathlib.Path('test_own.py').write_text(sys.argv[1])\n"
        "sys.exit(pytest.main(['-q', '-p', 'pmemobj.testing', '-p', 'no:cacheprovider', '--rootdir=.', 'test_own.py']))\n"
    )
    done = run_python(run, TESTS, check=False)
    assert "2 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "smallest counterexample" in done.stdout and "test_own.py:15" in done.stdout
    assert "ZeroDivisionError" in done.stdout
