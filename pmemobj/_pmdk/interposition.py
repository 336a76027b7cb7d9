"""Interposition: what a flush by libpmemobj means is decided here, for each pool by itself.

libpmemobj makes stores durable through nine functions of libpmem. When it is loaded, its table of addresses is changed,
so that it calls the functions of the C module `_interposer` instead. These look at the address: in a pool that was
opened with a policy, they do what the policy says; for everything else, they call libpmem.

Without the C module, or with a libpmemobj whose table cannot be changed, there are no policies: every pool
works through libpmem's own functions, and `problem` tells why.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

from pmemobj.errors import LibraryError

_interposer: ModuleType | None
try:
    from pmemobj._pmdk import _interposer  # type: ignore[attr-defined,no-redef]
except ImportError:
    _interposer = None

#: The policies. libpmem's own functions are called:
PASS: Final = 0
#: Nothing is flushed, since the memory is RAM, which outlives the process.
MEMORY: Final = 1
#: Nothing is flushed, but the changed cache lines are noted, to be gathered at each commit.
JOURNAL: Final = 2

_native: ModuleType | None = None
_problem: str | None = None


def patch() -> None:
    """Redirect the calls of libpmemobj, which has just been loaded. Nothing happens at a further call."""
    global _native, _problem
    if _problem is not None:
        return
    if _interposer is None:
        _problem = "the C module that takes libpmem's place was not built on this machine"
        return
    _problem = str(_interposer.patch())
    if not _problem:
        _native = _interposer


def problem() -> str:
    """Why there are no policies; an empty string where there are. To be called when libpmemobj is loaded."""
    return _problem or ""


def module() -> Any:
    """The C module, for what it can do without libpmemobj; None if it was not built."""
    return _interposer


def native() -> Any:
    """The C module, for callers that have a pool with a policy."""
    assert _native is not None, "no pool has a policy"
    return _native


class Opened:
    """What became of the opening of a pool.

    Attributes:
        base: The address of the pool that got the policy; 0 for none.
    """

    __slots__ = ("base",)

    def __init__(self) -> None:
        self.base = 0


@contextmanager
def opening(policy: int, reserve: int) -> Iterator[Opened]:
    """Give a policy to the pool that this thread lets libpmemobj create or open in the block.

    Args:
        policy: One of the policies; with `PASS` nothing happens.
        reserve: How many bytes a growing pool may grow to; for others, 0 is enough.
    """
    opened = Opened()
    if _native is None or policy == PASS:
        yield opened
        return
    _native.begin_opening(policy, reserve)
    try:
        yield opened
    finally:
        opened.base = _native.end_opening()


@contextmanager
def laid_over(pages: bytes) -> Iterator[None]:
    """Let libpmemobj see other contents of some pages in the files that this thread opens copy-on-write in the block.

    Args:
        pages: For each page its device, inode and offset, as words, and its 4096 bytes.

    Raises:
        LibraryError: the functions in the place of libpmem's are missing.
    """
    if not pages:
        yield
        return
    if _problem:
        raise LibraryError(
            "look at a pool with its journal, and change neither",
            _problem,
            "open the pool once with pmemobj.open(), which replays the journal",
        )
    native().overlay(pages)
    try:
        yield
    finally:
        native().overlay(None)


def release(base: int) -> None:
    """Forget the policy of the pool that was mapped at an address."""
    if _native is not None and base:
        _native.release(base)
