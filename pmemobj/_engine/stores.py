"""The methods of `LoggedStores`, by which memory changes.

Memory changes only through the methods of this class, and by a publication (`publication`), which libpmemobj carries
out. The methods are of these kinds:

* `write`, `write_in` and `move`, with the same for several words and for bytes, change live memory inside a
  transaction: they snapshot what they change, in whole words;
* `append_in`, `append_words_in`, `append_row_in` and `append_bytes_in` fill places behind the end of an array inside a
  transaction: commit flushes the places, and they are snapshotted only where a roll-back needs their old bytes;
* `init`, with the same for bytes and copies, fills memory that the running transaction allocated;
* `store` replaces one word: inside a transaction as `write` does, outside by an 8-byte failure-atomic store;
* `store_apart` and `store_ahead` make bytes, or a word, durable outside a transaction, in places that mean nothing yet;
* `poke` changes bytes that the caller has snapshotted or makes durable with `persist`. `MemoryManager.store` offers it
  to programs with containers of their own.

No method changes what lies before the root object, which is libpmemobj's: a mistake above must not cost the pool.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from pmemobj._engine.allocator import Allocator
from pmemobj._engine.lock import thread_key
from pmemobj._engine.snapshots import PAGE, SnapshotRanges
from pmemobj._format import WORD
from pmemobj._pmdk import calls

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

#: The places behind the end of an array are noted for the commit this many times further than they are in use, up to
#: so many bytes.
_TAIL_GROWTH = 4
_LARGEST_TAIL = 1 << 16
#: As above, where each line that is noted becomes a part of a record.
_LARGEST_TAIL_IN_JOURNAL = 1 << 9


class LoggedStores(Allocator):
    """A pool whose memory can be changed; a base class of `Heap`.

    Methods whose names end in ``_in`` change a part of an allocation. They are told where it begins and ends (`area`
    and `end`), so that they can snapshot more than was asked for, but never libpmemobj's own bookkeeping beside it.
    """

    __slots__ = ("_begun_again", "_ranges", "tail_bytes")

    def __init__(self, name: str) -> None:
        Allocator.__init__(self, name)
        #: What the running transaction has snapshotted.
        self._ranges = SnapshotRanges()
        #: Whether the transaction has been exchanged for one with more room for its log.
        self._begun_again = False
        #: How many bytes behind the ends of arrays the running transaction has noted for its commit.
        self.tail_bytes = 0

    # ---- snapshots ----

    def snapshot(self, offset: int, size: int) -> None:
        """Snapshot the words that `size` bytes lie in, so that a roll-back brings them back; commit flushes them.

        What this transaction has snapshotted already is not snapshotted again. What it has failed to snapshot is
        refused until it ends: libpmemobj notes a range before it finds no room for it, and then takes it for
        snapshotted.
        C function: ``pmemobj_tx_xadd_range_direct``.

        Raises:
            PoolFullError: no room for the log.
        """
        self._log(offset, size)

    @cython.final
    def _log(self, offset: int, size: int) -> None:
        """As `snapshot`; compiled, a direct call."""
        self._demand_transaction()
        end = (offset + size + WORD - 1) & ~(WORD - 1)
        offset &= ~(WORD - 1)
        size = end - offset
        if end > self.limit or offset > end or offset < self.root_offset:
            self._refuse_to_change(offset)
        if self._ranges.covers(offset, size):
            return
        if self._ranges.has_failed(offset, end):
            raise self._full(f"log {size} bytes")
        try:
            calls.snapshot(self.base + offset, size)
        except OSError as error:
            self._ranges.note_failure(offset, end)
            if not self._begin_again():
                raise self._full(f"log {size} bytes", error) from None
            self._log(offset, size)
            return
        self.snapshots += 1
        self.logged += size
        if self.observer is not None:
            self.observer.allow(offset, size)
        # Last, since from here on the range is not snapshotted again.
        self._ranges.add(offset, size)

    def _begin_again(self) -> bool:
        """Exchange libpmemobj's transaction, if nothing is in it, for one that has more room for its log."""
        self.follow_growth()
        if self._begun_again or self.changes != self.changes_at_begin or self.fresh or self._ranges.is_used:
            return False
        self._begun_again = True
        calls.abort()
        self._recycle()
        calls.begin(self.base)
        self._ranges.forget_failures()
        return True

    @cython.final
    def _log_page(self, offset: int, area: int, end: int) -> None:
        """Snapshot the page of a word that is not snapshotted yet, if that pays; never beyond the allocation."""
        if self.journal is not None and self._ranges.times(offset) < 8:
            return  # a record would have all lines of the page, twice: as they are, and in the undo log
        if self._ranges.wants_page(offset):
            page = offset & ~(PAGE - 1)
            first = max(page, area)
            self._log(first, min(page + PAGE, end) - first)

    # ---- changing live memory ----

    def write(self, offset: int, word: int) -> None:
        """Replace one word of live memory, inside a transaction."""
        self._log(offset, WORD)
        self._change(offset, word)

    @cython.final
    def _change(self, offset: int, word: int) -> None:
        """Replace one word that this transaction has snapshotted."""
        self._count_change()
        self._begin_change()
        self._put(offset, word)
        self._tell_change()

    @cython.final
    def _put_bytes(self, offset: int, data: bytes) -> None:
        if cython.compiled and type(data) is bytes:
            target = cython.cast(cython.p_char, self.base + offset)
            copy_bytes(target, cython.cast(cython.p_char, data), len(data))  # type: ignore[name-defined]  # noqa: F821
        else:
            self._raw[offset : offset + len(data)] = data

    def write_in(self, offset: int, word: int, area: int, end: int) -> None:
        """As `write`, for a word of an allocation that lies from `area` to `end`.

        Many words written one by one would each be an entry of the log; so after a few of them the page of each
        is logged, as long as others are in these pages too.
        """
        self._demand_same_task()
        self._demand_transaction()
        if self._ranges.covers(offset, WORD):
            if self._ranges.unused_pages:
                self._ranges.unused_pages -= 1
        else:
            self._log_page(offset, area, end)
            self._log(offset, WORD)
        self._change(offset, word)

    def write_words(self, offset: int, words: list[int]) -> None:
        """Replace words of live memory that lie side by side, inside a transaction."""
        self._log(offset, WORD * len(words))
        self._count_change()
        self._begin_change()
        for word in words:
            self._put(offset, word)
            offset += WORD
        self._tell_change()

    def move(self, target: int, source: int, count: int) -> None:
        """Copy `count` words of live memory, overlapping or not, inside a transaction."""
        if count:
            self._log(target, WORD * count)
            self._count_change()
            self._begin_change()
            into, out_of = target >> 3, source >> 3
            self._words[into : into + count] = self._words[out_of : out_of + count]
            self._tell_change()

    def write_bytes(self, offset: int, data: bytes) -> None:
        """Replace bytes of live memory, inside a transaction; snapshots the words that they lie in."""
        if data:
            self._log(offset, len(data))
            self._count_change()
            self._begin_change()
            self._put_bytes(offset, data)
            self._tell_change()

    def move_bytes(self, target: int, source: int, size: int) -> None:
        """Copy `size` bytes of live memory, overlapping or not, inside a transaction."""
        if size:
            self._log(target, size)
            self._count_change()
            self._begin_change()
            self._raw[target : target + size] = self._raw[source : source + size]
            self._tell_change()

    # ---- appending ----

    def append_in(self, offset: int, word: int, counter: int, area: int, end: int) -> None:
        """As `write_in`, for a place that means nothing until the word at `counter` counts it.

        So it need not be snapshotted where the pool has nothing there when the transaction is rolled back.
        """
        self._demand_same_task()
        self._demand_transaction()
        if not self._ranges.covers(offset, WORD):
            if not self._prepare_tail(offset, WORD, counter, area, end, area):
                self._log_page(offset, area, end)
            self._log(offset, WORD)
        self._change(offset, word)

    def append_words_in(self, offset: int, words: list[int], counter: int, area: int, end: int) -> None:
        """As `append_in`, for words side by side."""
        self._demand_same_task()
        if not self._prepare_tail(offset, WORD * len(words), counter, area, end, area):
            self._log_page(offset, area, end)
        self.write_words(offset, words)

    def append_row_in(
        self, offset: int, one: int, two: int, three: int, size: int, counter: int, area: int, end: int
    ) -> None:
        """As `append_words_in`, for two or three words, `size` bytes, without a list."""
        self._demand_same_task()
        if not self._prepare_tail(offset, size, counter, area, end, area):
            self._log_page(offset, area, end)
        self._log(offset, size)
        self._count_change()
        self._begin_change()
        self._put(offset, one)
        self._put(offset + WORD, two)
        if size > 2 * WORD:
            self._put(offset + 2 * WORD, three)
        self._tell_change()

    def append_bytes_in(self, offset: int, data: bytes, counter: int, area: int, end: int, start: int) -> None:
        """As `append_in`, for bytes of an array that begins at `start`, behind another one in the same allocation."""
        self._demand_same_task()
        self._prepare_tail(offset, len(data), counter, area, end, start)
        self.write_bytes(offset, data)

    @cython.final
    def _prepare_tail(self, offset: int, size: int, counter: int, area: int, end: int, start: int) -> bool:
        """Let commit flush places behind the end of an array, without a log; False where they must be logged.

        After a roll-back, what lies behind the end that the array has then means nothing. That end is where the first
        place was taken while the counter was not yet changed. Of an array that this transaction has
        allocated, nothing is left at all.
        C function: ``pmemobj_tx_xadd_range_direct`` with ``POBJ_XADD_NO_SNAPSHOT``.
        """
        self._demand_transaction()
        if offset > end or size > end or offset + size > end or end > self.limit or offset < self.root_offset:
            self._refuse_to_change(offset)
        if self._ranges.covers(offset, size):
            return True
        if not self._ranges.covers(counter, WORD):
            self._ranges.note_tail(start, offset)
        is_fresh = area in self.fresh
        first = start if is_fresh else self._ranges.tail(start, end)
        if offset < first:
            return False
        largest = _LARGEST_TAIL if self.journal is None else _LARGEST_TAIL_IN_JOURNAL
        size = min(max(size, min((_TAIL_GROWTH - 1) * (offset - first), largest)), end - offset)
        if not is_fresh:  # libpmemobj flushes a fresh allocation as a whole
            try:
                calls.flush_at_commit(self.base + offset, size)
            except OSError as error:
                raise self._full(f"note {size} bytes", error) from None
            self.tail_bytes += size
        if self.observer is not None:
            self.observer.fill(offset, size)
        # Last, since from here on the range is not snapshotted any more.
        self._ranges.add(offset, size)
        return True

    # ---- stores outside a transaction ----

    def store(self, offset: int, word: int) -> None:
        """Replace one word: in a transaction as `write`, else failure-atomically at once.

        Durability: outside a transaction the word is in the medium when this returns.
        C function: ``pmemobj_persist``.
        """
        if self.depth and self._owner == thread_key():
            self._demand_same_task()
            self._log(offset, WORD)
            self._change(offset, word)
            return
        lock = self.lock
        lock.acquire()
        try:
            self._demand_writable()
            if offset > self.limit or offset + WORD > self.limit or offset < self.root_offset:
                self._refuse_to_change(offset)
            if self.journal is not None:
                self.journal.prepare(WORD)
            if self.observer is not None:
                self.observer.storing(offset, WORD)
            self._count_change()
            self._put(offset, word)
            if self.needs_flush:
                calls.persist(self.base, self.base + offset, WORD, self.slow)
            self.persists += 1
            if self.observer is not None:
                self.observer.accept(offset, WORD)
            self._tell_change()
            if self.journal is not None:
                self.journal.commit()
        finally:
            lock.release()
        if self.journal is not None:
            self._wait_for_record()

    def store_ahead(self, offset: int, word: int) -> None:
        """As `store`, for a word that means nothing before a later `store` or publication of the same operation.

        With a journal the record of that one has it too, so nothing is waited for here.
        """
        if self.journal is None or (self.depth and self._owner == thread_key()):
            self.store(offset, word)
            return
        lock = self.lock
        lock.acquire()
        try:
            self._demand_writable()
            if offset > self.limit or offset + WORD > self.limit or offset < self.root_offset:
                self._refuse_to_change(offset)
            self.journal.prepare(WORD)
            if self.observer is not None:
                self.observer.storing(offset, WORD)
            self._count_change()
            self._put(offset, word)
            calls.persist(self.base, self.base + offset, WORD, False)
            self.persists += 1
            if self.observer is not None:
                self.observer.accept(offset, WORD)
            self._tell_change()
        finally:
            lock.release()

    def store_apart(self, pieces: list[tuple[int, bytes]]) -> None:
        """Put bytes where the pool has nothing, outside a transaction: durable at once, in no order.

        A later `store` says that they are there. Where durability goes by the page, one call waits for all pieces.
        With a journal, the record of that `store` has them too, so nothing is waited for here.
        C functions: ``pmemobj_persist``, or ``pmemobj_flush`` and ``pmemobj_drain``.

        Args:
            pieces: Offset and bytes of each; whole words.
        """
        lock = self.lock
        lock.acquire()
        try:
            self._demand_writable()
            if self.journal is not None:
                self.journal.prepare(sum([len(data) for _, data in pieces]))
            first = self.limit
            last = 0
            for offset, data in pieces:
                if offset > self.limit or offset + len(data) > self.limit or offset < self.root_offset:
                    self._refuse_to_change(offset)
                first = min(first, offset)
                last = max(last, offset + len(data))
                if self.observer is not None:
                    self.observer.storing(offset, len(data))
            self._count_change()
            for offset, data in pieces:
                self._put_bytes(offset, data)
                if self.needs_flush and not self.by_page:
                    calls.flush(self.base, self.base + offset, len(data))
            if self.needs_flush and self.by_page:
                calls.persist(self.base, self.base + first, last - first, self.slow)
            elif self.needs_flush:
                calls.drain(self.base)
            self.persists += 1
            if self.observer is not None:
                self.observer.accept_expected()
            self._tell_change()
        finally:
            lock.release()

    def poke(self, offset: int, data: bytes) -> None:
        """Replace bytes of live memory that the caller has snapshotted, or will `persist` itself.

        For `MemoryManager.store` alone; if its user forgets one of the two, the checking mode finds it.
        """
        if self.in_transaction():
            self._demand_transaction()
        else:
            self._demand_writable()
        if offset > self.limit or offset + len(data) > self.limit or offset < self.root_offset:
            self._refuse_to_change(offset)
        self._count_change()
        self._begin_change()
        self._raw[offset : offset + len(data)] = data
        self._tell_change()

    def persist(self, offset: int, size: int) -> None:
        """Make bytes durable that `poke` changed outside a transaction. C function: ``pmemobj_persist``."""
        self._demand_writable()
        if offset > self.limit or size > self.limit or offset + size > self.limit:
            self.refuse(offset)
        if self.journal is not None:
            self.journal.prepare(size)
        if self.needs_flush:
            calls.persist(self.base, self.base + offset, size, self.slow)
        if self.observer is not None:
            self.observer.accept(offset, size)
        if self.journal is not None and self.depth == 0:
            self.journal.commit()
            self._wait_for_record()

    # ---- filling fresh memory ----

    def init(self, offset: int, words: Iterable[int]) -> None:
        """Fill freshly allocated memory with words; nothing is snapshotted."""
        data = words if isinstance(words, array) else array("Q", words)
        first = offset >> 3
        self._words[first : first + len(data)] = data

    def init_copy(self, offset: int, source: int, count: int) -> None:
        """Fill freshly allocated memory with `count` words that lie elsewhere; nothing is snapshotted."""
        if max(source, count) > self.limit or source + WORD * count > self.limit:
            self.refuse(source)
        if offset > self.limit or offset + WORD * count > self.limit:
            self.refuse(offset)
        if cython.compiled:
            target = cython.cast(cython.p_char, self.base + offset)
            copy_bytes(target, cython.cast(cython.p_char, self.base + source), WORD * count)  # type: ignore[name-defined]  # noqa: F821
        else:
            into, out_of = offset >> 3, source >> 3
            self._words[into : into + count] = self._words[out_of : out_of + count]

    def init_word(self, offset: int, word: int) -> None:
        """Fill one word of freshly allocated memory; nothing is snapshotted."""
        if offset > self.limit or offset + WORD > self.limit:
            self.refuse(offset)
        self._put(offset, word)

    def init_bytes(self, offset: int, data: bytes) -> None:
        """Fill freshly allocated memory with bytes; nothing is snapshotted."""
        self._raw[offset : offset + len(data)] = data
