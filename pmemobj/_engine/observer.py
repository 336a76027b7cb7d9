"""What a heap tells about its work, to whoever stands in its `Heap.checker`.

There are three of them: the checking mode (`_checking`), the recorder of the crash lab, and the log of
transactions (`_log`), which passes everything on to the one that stood there before. They have one place
because looking whether anybody is there is all that this costs while nobody is.

Offsets and sizes are bytes. An exception from a watcher is one of the operation that it is told of, so
one that only looks on must not raise any.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Watcher"]


class Watcher:
    """Hears all of it and does nothing; what a derived class wants to know it defines anew."""

    # ---- in a transaction ----

    def begun(self) -> None:
        """A transaction of libpmemobj has begun; it may be that of a single statement."""

    def entering(self) -> None:
        """The program begins a transaction next, or a level inside one (`_transaction`); the heap has the depth."""

    def leaving(self) -> None:
        """The program leaves the innermost such level next."""

    def allow(self, offset: int, size: int) -> None:
        """A range has been logged, so it may change."""

    def fill(self, offset: int, size: int) -> None:
        """A range that means nothing so far will be flushed at commit; it is not logged."""
        self.allow(offset, size)

    def allocated(self, offset: int, size: int) -> None:
        """This is a new allocation, with the header in front of it."""
        self.allow(offset, size)

    def freed(self, offset: int) -> None:
        """An allocation is given up when the transaction commits."""

    def verify(self) -> None:
        """A commit comes next, or, outside a transaction, the end of the mapping."""

    def reset(self) -> None:
        """The transaction has been committed, or rolled back: then the heap says that it is doomed."""

    # ---- outside of one ----

    def storing(self, offset: int, size: int) -> None:
        """A failure-atomic store, or one that a later one makes mean something, comes next."""

    def accept(self, offset: int, size: int) -> None:
        """These bytes have been changed and made durable."""

    def expect(self, offset: int, size: int) -> None:
        """These bytes are about to be changed by a publication."""

    def reserve(self, offset: int, size: int) -> None:
        """This memory, with the header in front of it, has been set aside for a publication."""
        self.expect(offset, size)

    def publishing(self, slot: int, size: int, freed: int) -> None:
        """A publication comes next: it replaces the word at `slot`, and frees `freed` if that is not 0."""
        self.expect(slot, size)

    def accept_expected(self) -> None:
        """What was expected has been changed."""

    def cancelled(self) -> None:
        """What was set aside has been given back."""

    def freed_now(self, offsets: Sequence[int]) -> None:
        """Garbage has been freed for good, in the middle of whatever is going on."""
