"""The pool that the cases work on, and how they reach its memory: by objects, and by addresses as in C."""

from __future__ import annotations

import os
from typing import Any

from cffi import FFI

import pmemobj
from pmemobj import Field, Persistent, PersistentObjectPool
from pmemobj._format import BLOCK_DATA, WORD, Kind
from pmemobj._objects.blocks import locate

LINE = 64
#: Cache lines for raw cases.
LINES = 12
#: The type of what C programs allocate here: one that no object on the workbench has.
FOREIGN = Kind.COMPLEX
#: A type that neither the walks nor the garbage collection of pmemobj know.
UNKNOWN = 1000

ffi = FFI()
ffi.cdef("""
typedef struct pmemobjpool PMEMobjpool;
typedef struct { uint64_t pool_uuid_lo; uint64_t off; } PMEMoid;
struct pobj_action { uint64_t internals[16]; };

void pmemobj_persist(PMEMobjpool *pop, const void *addr, size_t len);
void pmemobj_flush(PMEMobjpool *pop, const void *addr, size_t len);
void pmemobj_drain(PMEMobjpool *pop);
void *pmemobj_memcpy(PMEMobjpool *pop, void *dest, const void *src, size_t len, unsigned flags);

int pmemobj_alloc(PMEMobjpool *pop, PMEMoid *oidp, size_t size, uint64_t type_num, void *constructor, void *arg);
void pmemobj_free(PMEMoid *oidp);
PMEMoid pmemobj_reserve(PMEMobjpool *pop, struct pobj_action *act, size_t size, uint64_t type_num);
void pmemobj_set_value(PMEMobjpool *pop, struct pobj_action *act, uint64_t *ptr, uint64_t value);
int pmemobj_publish(PMEMobjpool *pop, struct pobj_action *actv, size_t actvcnt);

int pmemobj_tx_begin(PMEMobjpool *pop, void *env, ...);
void pmemobj_tx_commit(void);
int pmemobj_tx_end(void);
int pmemobj_tx_xadd_range_direct(const void *ptr, size_t size, uint64_t flags);
PMEMoid pmemobj_tx_xalloc(size_t size, uint64_t type_num, uint64_t flags);
int pmemobj_tx_free(PMEMoid oid);
""")
#: The library that is loaded already, so that what is called here is recorded.
C: Any = ffi.dlopen("libpmemobj.so.1")

NODRAIN = 1 << 0
NO_FLUSH = 1 << 1
NO_SNAPSHOT = 1 << 2


class Ledger(Persistent):
    """What the cases of `own_objects` change."""

    left = Field("q")
    right = Field("q")
    count = Field("q")
    items = Field("block")
    lines = Field("block")
    spare = Field("block")
    done = Field()
    waiting = Field()
    places = Field()


class Workbench:
    """A pool with one of everything. Recording a case changes nothing of it.

    Attributes:
        pool: The pool.
        mm: Its memory manager.
        first: The offset of the first of `LINES` whole cache lines of numbers, all 0.
    """

    def __init__(self, directory: str) -> None:
        self.pool: PersistentObjectPool = pmemobj.create(
            os.path.join(directory, f"corpus-{os.getpid()}.pmem"), pool_size=8 << 20
        )
        pool, self.mm = self.pool, self.pool.mm
        # What C code stores without a word is for the lab to judge, not for the checking mode.
        pool._heap.observer = None
        with pool.transaction():
            ledger = pool.root = pool.new(Ledger)
            ledger.left, ledger.right = 60, 40
            ledger.items = self.mm.zalloc(24, "q")
            ledger.items[0], ledger.count = 5, 1
            # Of this size too there is some: a first allocation has a hundred times as many states.
            ledger.spare = self.mm.zalloc(32, "q")
            ledger.lines = self.mm.zalloc((LINES + 1) * LINE // WORD, "Q")
            ledger.done = pool.persistent(["first"])
            ledger.waiting = pool.persistent(["second", "third"])
            ledger.places = pool.persistent({"first": "done", "second": "waiting", "third": "waiting"})
        _, offset = locate(ledger.lines)
        self.first = (offset + BLOCK_DATA + LINE - 1) & -LINE
        # Two objects that a C program has made: of one its pointer stands in line 10, of the other in line 11.
        for line in (10, 11):
            C.pmemobj_alloc(self.pop, self.oid(line), 40, int(FOREIGN), ffi.NULL, ffi.NULL)

    def close(self) -> None:
        """Close the pool and remove its file."""
        path = self.pool.path
        self.pool.close()
        os.unlink(path)

    @property
    def ledger(self) -> Any:
        return self.pool.root

    # ---- as in C; addresses are those of the process that asks ----

    @property
    def pop(self) -> Any:
        return ffi.cast("PMEMobjpool *", self.pool._heap.base)

    def at(self, line: int, word: int = 0) -> Any:
        """A pointer to a word of a line."""
        return ffi.cast("uint64_t *", self.pool._heap.base + self.first + LINE * line + WORD * word)

    def oid(self, line: int) -> Any:
        """A line as a place for an oid."""
        return ffi.cast("PMEMoid *", self.at(line))

    def direct(self, oid: Any) -> Any:
        """A pointer to the first word of an object."""
        return ffi.cast("uint64_t *", self.pool._heap.base + oid.off)

    def put(self, line: int, word: int, value: int) -> None:
        """One store."""
        self.at(line, word)[0] = value

    def get(self, line: int, word: int = 0) -> int:
        """What a word of a line holds; for checks."""
        return self.pool._heap.read(self.first + LINE * line + WORD * word)

    def persist(self, line: int, lines: int = 1) -> None:
        """``pmemobj_persist`` of whole lines: flush and fence."""
        C.pmemobj_persist(self.pop, self.at(line), LINE * lines)

    def flush(self, line: int, lines: int = 1) -> None:
        """``pmemobj_flush`` of whole lines: no fence."""
        C.pmemobj_flush(self.pop, self.at(line), LINE * lines)

    def drain(self) -> None:
        """``pmemobj_drain``: a fence."""
        C.pmemobj_drain(self.pop)

    def begin(self) -> None:
        C.pmemobj_tx_begin(self.pop, ffi.NULL, ffi.cast("int", 0))

    def add(self, line: int, word: int = 0, words: int = 1, flags: int = 0) -> None:
        """``pmemobj_tx_xadd_range_direct``: snapshot."""
        C.pmemobj_tx_xadd_range_direct(self.at(line, word), WORD * words, flags)

    def commit(self) -> None:
        C.pmemobj_tx_commit()
        C.pmemobj_tx_end()

    def foreign(self) -> set[int]:
        """The offsets of what C programs have allocated; for checks."""
        return {offset for offset, _, kind in self.pool._heap.allocations() if kind == FOREIGN}

    def live(self, *lines: int) -> list[int]:
        """The offsets that the oids in these lines have, without those of 0; for checks."""
        return [self.get(line, 1) for line in lines if self.get(line, 1)]
