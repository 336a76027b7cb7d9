"""What a heap tells about its work to its observer, the object in `Heap.observer`.

There are three observers: the checking mode (`checker`), the recorder of the crash lab, and the history of
transactions (`pool.log`), which passes everything on to the observer that was there before. All share one attribute, so
that a heap without an observer pays for one comparison only.

Offsets and sizes are bytes. An exception from an observer is raised by the operation that it is told of, so an observer
that only records must not raise any.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Observer"]


class Observer:
    """Is told everything and does nothing; a derived class overrides the methods for what it needs."""

    # ---- in a transaction ----

    def begun(self) -> None:
        """A transaction of libpmemobj has begun; it may be that of a single statement."""

    def entering(self) -> None:
        """The program will begin a transaction, or a level inside one (`Transaction`); the heap knows the depth."""

    def leaving(self) -> None:
        """The program will leave the innermost level that it began."""

    def allow(self, offset: int, size: int) -> None:
        """These bytes have been snapshotted, so they may change."""

    def fill(self, offset: int, size: int) -> None:
        """These bytes mean nothing so far, so they are not snapshotted; the commit will flush them."""
        self.allow(offset, size)

    def allocated(self, offset: int, size: int) -> None:
        """A new allocation has these bytes, the header in front of it included."""
        self.allow(offset, size)

    def freed(self, offset: int) -> None:
        """An allocation will be freed when the transaction commits."""

    def verify(self) -> None:
        """A commit will follow, or, outside a transaction, the end of the mapping."""

    def reset(self) -> None:
        """The transaction has been committed, or rolled back: then `Heap.doomed` is set."""

    # ---- outside of one ----

    def storing(self, offset: int, size: int) -> None:
        """A failure-atomic store to these bytes will follow, or a store that means nothing before a later one."""

    def accept(self, offset: int, size: int) -> None:
        """These bytes have been changed and made durable."""

    def expect(self, offset: int, size: int) -> None:
        """A publication will change these bytes."""

    def reserve(self, offset: int, size: int) -> None:
        """These bytes, with the header in front of the memory, have been reserved for a publication."""
        self.expect(offset, size)

    def publishing(self, slot: int, size: int, freed: int) -> None:
        """A publication will follow: it replaces the word at `slot`, and frees `freed` if that is not 0."""
        self.expect(slot, size)

    def accept_expected(self) -> None:
        """All expected changes have been made."""

    def cancelled(self) -> None:
        """What was reserved has been given back."""

    def freed_now(self, offsets: Sequence[int]) -> None:
        """Garbage will be freed for good, also in the middle of a transaction."""
