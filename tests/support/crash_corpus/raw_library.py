"""What is done wrong in C with libpmemobj's transactions and allocations."""

from __future__ import annotations

from typing import Any

from crash_corpus import bug, twin
from crash_corpus.workbench import FOREIGN, NO_FLUSH, NO_SNAPSHOT, C, ffi

#: A line of numbers; lines with an oid each (the last two of objects that are there).
DATA, NEW, FIRST, SECOND = 0, 8, 10, 11
#: Without the collection of garbage, which frees what no object of pmemobj refers to, C's objects too.
UNTIL_THEN = ("sound", "second open", "allocation")


# ---- transactions ------------------------------------------------------------------------------------


@bug("atomicity")
def tx_store_without_add(bench: Any) -> None:
    """A store in a transaction without ``pmemobj_tx_add_range``."""
    bench.begin()
    bench.add(DATA)
    bench.put(DATA, 0, 7)
    bench.put(DATA + 1, 0, 8)
    bench.commit()


@bug("atomicity")
def tx_add_after_store(bench: Any) -> None:
    """The range is added when it has been changed already."""
    bench.begin()
    bench.put(DATA, 0, 7)
    bench.add(DATA)
    bench.add(DATA + 1)
    bench.put(DATA + 1, 0, 8)
    bench.commit()


@bug("atomicity")
def tx_add_of_one_word(bench: Any) -> None:
    """A pointer's size is added instead of that of the struct it points to."""
    bench.begin()
    bench.add(DATA, 0, 1)
    for word in range(4):
        bench.put(DATA, word, 7)
    bench.commit()


@bug("atomicity", "prefix lines")
def tx_add_without_snapshot(bench: Any) -> None:
    """POBJ_XADD_NO_SNAPSHOT, meant for new memory, on data that are in use."""
    bench.begin()
    bench.add(DATA, 0, 2, NO_SNAPSHOT)
    bench.put(DATA, 0, 7)
    bench.put(DATA, 1, 8)
    bench.commit()


@twin(tx_store_without_add, tx_add_after_store, tx_add_of_one_word, tx_add_without_snapshot)
def tx_add_and_store(bench: Any) -> None:
    """Each range is added, whole, before it is changed."""
    bench.begin()
    bench.add(DATA, 0, 4)
    for word in range(4):
        bench.put(DATA, word, 7)
    bench.add(DATA + 1)
    bench.put(DATA + 1, 0, 8)
    bench.commit()


@bug("durability")
def tx_add_without_flush(bench: Any) -> None:
    """POBJ_XADD_NO_FLUSH leaves the flush to the program, which has none."""
    bench.begin()
    bench.add(DATA, 0, 1, NO_FLUSH)
    bench.put(DATA, 0, 7)
    bench.commit()


@twin(tx_add_without_flush)
def tx_add_with_its_own_flush(bench: Any) -> None:
    """With POBJ_XADD_NO_FLUSH the program flushes before the commit."""
    bench.begin()
    bench.add(DATA, 0, 1, NO_FLUSH)
    bench.put(DATA, 0, 7)
    bench.persist(DATA)
    bench.commit()


@bug("atomicity")
def two_transactions_for_one(bench: Any) -> None:
    """What belongs together is committed in two transactions."""
    for line in (DATA, DATA + 1):
        bench.begin()
        bench.add(line)
        bench.put(line, 0, 7)
        bench.commit()


@twin(two_transactions_for_one)
def one_transaction(bench: Any) -> None:
    """One transaction around both."""
    bench.begin()
    for line in (DATA, DATA + 1):
        bench.add(line)
        bench.put(line, 0, 7)
    bench.commit()


# ---- allocations -------------------------------------------------------------------------------------


def nothing_dangles(bench: Any) -> bool:
    """Each oid leads to an object that is allocated."""
    return bench.foreign().issuperset(bench.live(NEW, FIRST, SECOND))


def nothing_leaks(bench: Any) -> bool:
    """Each object has an oid that leads to it, and the reverse."""
    return sorted(bench.foreign()) == sorted(bench.live(NEW, FIRST, SECOND))


@bug("check", check=nothing_leaks, invariants=UNTIL_THEN)
def allocated_into_a_variable(bench: Any) -> None:
    """``pmemobj_alloc`` into a variable on the stack: a crash before that is stored in the pool leaks the object."""
    oid = ffi.new("PMEMoid *")
    C.pmemobj_alloc(bench.pop, oid, 40, int(FOREIGN), ffi.NULL, ffi.NULL)
    bench.put(NEW, 0, oid.pool_uuid_lo)
    bench.put(NEW, 1, oid.off)
    bench.persist(NEW)


@twin(allocated_into_a_variable)
def allocated_into_the_pool(bench: Any) -> None:
    """``pmemobj_alloc`` into the pool allocates and stores the oid at once."""
    C.pmemobj_alloc(bench.pop, bench.oid(NEW), 40, int(FOREIGN), ffi.NULL, ffi.NULL)


@bug("check", check=nothing_dangles, invariants=UNTIL_THEN)
def freed_before_unlinked(bench: Any) -> None:
    """The object is freed through a copy of its oid, and then the oid is cleared: in between it dangles."""
    oid = ffi.new("PMEMoid *", bench.oid(FIRST)[0])
    C.pmemobj_free(oid)
    bench.put(FIRST, 1, 0)
    bench.persist(FIRST)


@bug("check", check=nothing_leaks, invariants=UNTIL_THEN)
def unlinked_before_freed(bench: Any) -> None:
    """The oid is cleared, and then the object is freed: in between nobody knows it any more."""
    oid = ffi.new("PMEMoid *", bench.oid(FIRST)[0])
    bench.put(FIRST, 1, 0)
    bench.persist(FIRST)
    C.pmemobj_free(oid)


@twin(freed_before_unlinked)
def unlinked_first(bench: Any) -> None:
    """Cleared first, nothing dangles and nothing is freed twice; what leaks is for a collection at the next start."""
    oid = ffi.new("PMEMoid *", bench.oid(FIRST)[0])
    bench.put(FIRST, 1, 0)
    bench.persist(FIRST)
    C.pmemobj_free(oid)


@twin(freed_before_unlinked, unlinked_before_freed, check=nothing_leaks)
def freed_and_unlinked_at_once(bench: Any) -> None:
    """``pmemobj_free`` of the oid in the pool does both atomically."""
    C.pmemobj_free(bench.oid(FIRST))


@bug("check", check=nothing_dangles, invariants=UNTIL_THEN)
def freed_while_shared(bench: Any) -> None:
    """Two oids lead to one object; it is freed by one of them before the other is cleared, and would be freed again."""
    bench.begin()
    bench.add(SECOND, 0, 2)
    bench.put(SECOND, 1, bench.get(FIRST, 1))
    C.pmemobj_tx_free(bench.oid(SECOND)[0])
    bench.add(FIRST, 0, 2)
    bench.put(FIRST, 1, 0)
    bench.commit()
    bench.put(SECOND, 1, 0)
    bench.persist(SECOND)


@twin(freed_while_shared)
def freed_with_the_last(bench: Any) -> None:
    """All oids are cleared in the transaction that frees the object."""
    bench.begin()
    C.pmemobj_tx_free(bench.oid(SECOND)[0])
    bench.add(SECOND, 0, 2)
    bench.put(SECOND, 1, 0)
    bench.commit()


def new_object_filled(bench: Any) -> bool:
    """The new object, if there is one, holds what it should."""
    return all(bench.pool._heap.read(offset) == 7 for offset in bench.live(NEW))


@bug("check", check=new_object_filled, invariants=UNTIL_THEN)
def filled_after_it_is_published(bench: Any) -> None:
    """The object is in the pool before there is anything in it (no constructor)."""
    C.pmemobj_alloc(bench.pop, bench.oid(NEW), 40, int(FOREIGN), ffi.NULL, ffi.NULL)
    data = bench.direct(bench.oid(NEW)[0])
    data[0] = 7
    C.pmemobj_persist(bench.pop, data, 8)


def _publish(bench: Any, durable: bool) -> None:
    actions = ffi.new("struct pobj_action[3]")
    oid = C.pmemobj_reserve(bench.pop, actions, 40, int(FOREIGN))
    data = bench.direct(oid)
    data[0] = 7
    if durable:
        C.pmemobj_persist(bench.pop, data, 8)
    C.pmemobj_set_value(bench.pop, actions + 1, bench.at(NEW, 0), oid.pool_uuid_lo)
    C.pmemobj_set_value(bench.pop, actions + 2, bench.at(NEW, 1), oid.off)
    C.pmemobj_publish(bench.pop, actions, 3)


@bug("check", check=new_object_filled, invariants=UNTIL_THEN)
def reserved_and_not_persisted(bench: Any) -> None:
    """``pmemobj_publish`` makes the object and its oid durable, and not what is in it."""
    _publish(bench, durable=False)


@bug("check", check=new_object_filled, invariants=UNTIL_THEN)
def tx_alloc_without_flush(bench: Any) -> None:
    """POBJ_XALLOC_NO_FLUSH leaves the flush of the new object to the program, which has none."""
    bench.begin()
    oid = C.pmemobj_tx_xalloc(40, int(FOREIGN), NO_FLUSH)
    bench.direct(oid)[0] = 7
    bench.add(NEW, 0, 2)
    bench.put(NEW, 0, oid.pool_uuid_lo)
    bench.put(NEW, 1, oid.off)
    bench.commit()


@twin(filled_after_it_is_published, reserved_and_not_persisted)
def reserved_and_persisted(bench: Any) -> None:
    """Reserve, fill, persist, publish."""
    _publish(bench, durable=True)


@twin(tx_alloc_without_flush, filled_after_it_is_published)
def tx_alloc(bench: Any) -> None:
    """Commit flushes what the transaction allocated."""
    bench.begin()
    oid = C.pmemobj_tx_xalloc(40, int(FOREIGN), 0)
    bench.direct(oid)[0] = 7
    bench.add(NEW, 0, 2)
    bench.put(NEW, 0, oid.pool_uuid_lo)
    bench.put(NEW, 1, oid.off)
    bench.commit()
