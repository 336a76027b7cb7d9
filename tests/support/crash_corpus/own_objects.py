"""What can be done wrong with this project's own interface: objects, statements, and memory laid out by hand.

Every statement on a container is atomic and durable by itself; what belongs together needs a transaction. In a class
of one's own, `MemoryManager.store` needs a snapshot before it, or a persist behind it.
"""

from __future__ import annotations

from typing import Any

from crash_corpus import bug, twin
from crash_corpus.workbench import UNKNOWN
from pmemobj import crash
from pmemobj._format import Kind


def sum_is_100(bench: Any) -> bool:
    return bench.ledger.left + bench.ledger.right == 100


def no_item_missing(bench: Any) -> bool:
    """Each of the counted items has been written."""
    return all(bench.ledger.items[: bench.ledger.count])


def each_in_one_place(bench: Any) -> bool:
    ledger = bench.ledger
    return sorted([*ledger.done, *ledger.waiting]) == ["first", "second", "third"]


def places_are_right(bench: Any) -> bool:
    ledger = bench.ledger
    return all(name in getattr(ledger, place) for name, place in ledger.places.items())


def items_are_there(bench: Any) -> bool:
    items = bench.ledger.items
    return items is not None and len(items) >= 24


# ---- statements that belong together ---------------------------------------------------------------


@bug("check", check=sum_is_100)
def transfer_without_transaction(bench: Any) -> None:
    """Two statements that belong together: a crash between them loses 10."""
    bench.ledger.left -= 10
    bench.ledger.right += 10


@bug("check", check=sum_is_100)
def transfer_in_two_transactions(bench: Any) -> None:
    """Each half is in a transaction, and each transaction is whole; the two together are not."""
    with bench.pool.transaction():
        bench.ledger.left -= 10
    with bench.pool.transaction():
        bench.ledger.right += 10


@twin(transfer_without_transaction, transfer_in_two_transactions, atomic=True)
def transfer(bench: Any) -> None:
    """Both halves in one transaction."""
    with bench.pool.transaction():
        bench.ledger.left -= 10
        bench.ledger.right += 10


@twin(transfer_in_two_transactions, atomic=True)
def transfer_in_nested_transactions(bench: Any) -> None:
    """Inner transactions join the outer one."""
    with bench.pool.transaction():
        with bench.pool.transaction():
            bench.ledger.left -= 10
        with bench.pool.transaction():
            bench.ledger.right += 10


@bug("check", check=each_in_one_place)
def removed_before_it_is_added(bench: Any) -> None:
    """An item that moves from one list to another is in neither for a moment."""
    item = bench.ledger.waiting.pop()
    bench.ledger.done.append(item)


@bug("check", check=each_in_one_place)
def added_before_it_is_removed(bench: Any) -> None:
    """The other way round it is in both."""
    bench.ledger.done.append(bench.ledger.waiting[-1])
    bench.ledger.waiting.pop()


@twin(removed_before_it_is_added, added_before_it_is_removed, atomic=True)
def moved(bench: Any) -> None:
    """In a transaction it is in one of them at every moment."""
    with bench.pool.transaction():
        bench.ledger.done.append(bench.ledger.waiting.pop())


@bug("check", check=places_are_right)
def index_behind_its_list(bench: Any) -> None:
    """An index (a dict) that is kept beside a list still tells the old place."""
    with bench.pool.transaction():
        bench.ledger.done.append(bench.ledger.waiting.pop())
    bench.ledger.places["third"] = "done"


@twin(index_behind_its_list, atomic=True)
def index_with_its_list(bench: Any) -> None:
    """Lists and index change in one transaction."""
    with bench.pool.transaction():
        bench.ledger.done.append(bench.ledger.waiting.pop())
        bench.ledger.places["third"] = "done"


@bug("check", check=lambda bench: "first" in bench.ledger.places or "1st" in bench.ledger.places)
def key_renamed(bench: Any) -> None:
    """Between `pop` and the assignment there is neither the old nor the new key."""
    bench.ledger.places["1st"] = bench.ledger.places.pop("first")


@twin(key_renamed)
def key_renamed_in_order(bench: Any) -> None:
    """The new key is there before the old one goes; that both are there for a moment is allowed."""
    bench.ledger.places["1st"] = bench.ledger.places["first"]
    del bench.ledger.places["first"]


# ---- fields and blocks -----------------------------------------------------------------------------


@bug("check", check=no_item_missing)
def counter_before_item(bench: Any) -> None:
    """The counter says that an item is there which is written only afterwards."""
    bench.ledger.count += 1
    bench.ledger.items[1] = 7


@twin(counter_before_item)
def item_before_counter(bench: Any) -> None:
    """The item is durable when the counter changes; before that nobody looks at it. No transaction is needed."""
    bench.ledger.items[1] = 7
    bench.ledger.count += 1


@bug("check", check=items_are_there)
def block_freed_before_the_next(bench: Any) -> None:
    """Between freeing the old block and setting the new one there is none."""
    bench.mm.free(bench.ledger.items)
    bench.ledger.items = bench.mm.zalloc(32, "q")


@bug("check", check=lambda bench: bench.ledger.items[23] == 0 and bench.ledger.items[0] == 5)
def block_set_before_it_is_filled(bench: Any) -> None:
    """The object gets the larger block before what was in the old one has been copied."""
    old = bench.ledger.items[:]
    bench.ledger.items = bench.mm.zalloc(32, "q")
    bench.ledger.items[: len(old)] = old


@twin(block_freed_before_the_next)
def block_replaced(bench: Any) -> None:
    """The assignment frees the old block, in the same statement."""
    bench.ledger.items = bench.mm.zalloc(32, "q")


@twin(block_set_before_it_is_filled, block_freed_before_the_next)
def block_made_longer(bench: Any) -> None:
    """`realloc` copies, replaces and frees in one transaction."""
    bench.mm.realloc(bench.ledger.items, 32)


@bug("check", check=lambda bench: sorted(bench.ledger.items[:3]) == [0, 0, 5])
def swapped_one_by_one(bench: Any) -> None:
    """Between the two assignments of a swap one of the values is there twice."""
    items = bench.ledger.items
    items[0], items[2] = items[2], items[0]


@twin(swapped_one_by_one, atomic=True)
def swapped_at_once(bench: Any) -> None:
    """A slice is written as one statement."""
    first, second, third = bench.ledger.items[:3]
    bench.ledger.items[:3] = [third, second, first]


# ---- by hand: snapshot and store -------------------------------------------------------------------


@bug("atomicity")
def store_without_snapshot(bench: Any) -> None:
    """A store in a transaction whose old bytes are not in the log: recovery cannot put them back."""
    with bench.mm.transaction():
        bench.mm.store(bench.ledger.items, 0, 7)
        bench.ledger.items[8] = 7


@bug("atomicity")
def snapshot_after_store(bench: Any) -> None:
    """The snapshot is taken too late: what it saves is the new value."""
    with bench.mm.transaction():
        bench.mm.store(bench.ledger.items, 0, 7)
        bench.mm.snapshot(bench.ledger.items, 0)
        bench.ledger.items[8] = 7


@bug("atomicity")
def snapshot_of_another_element(bench: Any) -> None:
    """One element is logged, another is stored."""
    with bench.mm.transaction():
        bench.mm.snapshot(bench.ledger.items, 1)
        bench.mm.store(bench.ledger.items, 0, 7)
        bench.ledger.items[8] = 7


@bug("atomicity")
def snapshot_too_short(bench: Any) -> None:
    """Eight elements are stored, the first four are logged."""
    with bench.mm.transaction():
        bench.mm.snapshot(bench.ledger.items, slice(0, 4))
        bench.mm.store(bench.ledger.items, slice(0, 8), range(1, 9))


@bug("atomicity")
def snapshot_of_the_last_transaction(bench: Any) -> None:
    """A snapshot serves the transaction it was taken in, and no other."""
    with bench.mm.transaction():
        bench.mm.snapshot(bench.ledger.items, 0)
    with bench.mm.transaction():
        bench.mm.store(bench.ledger.items, 0, 7)
        bench.ledger.items[8] = 7


@twin(
    store_without_snapshot,
    snapshot_after_store,
    snapshot_of_another_element,
    snapshot_of_the_last_transaction,
)
def snapshot_and_store(bench: Any) -> None:
    """First the log, then the store, in the same transaction."""
    with bench.mm.transaction():
        bench.mm.snapshot(bench.ledger.items, 0)
        bench.mm.store(bench.ledger.items, 0, 7)
        bench.ledger.items[8] = 7


@twin(snapshot_too_short)
def snapshot_of_all(bench: Any) -> None:
    """All that is stored is logged, at once."""
    with bench.mm.transaction():
        bench.mm.snapshot(bench.ledger.items, slice(0, 8))
        bench.mm.store(bench.ledger.items, slice(0, 8), range(1, 9))


@twin(store_without_snapshot)
def store_into_a_new_block(bench: Any) -> None:
    """What the same transaction allocated needs no log: a roll-back frees it."""
    with bench.mm.transaction():
        block = bench.mm.zalloc(24, "q")
        bench.mm.store(block, slice(0, 24), range(24))
        bench.ledger.items = block


# ---- by hand: store and persist --------------------------------------------------------------------


@bug("durability")
def never_persisted(bench: Any) -> None:
    """A store outside of transactions that nothing makes durable."""
    bench.mm.store(bench.ledger.items, 0, 7)


@bug("durability")
def another_element_persisted(bench: Any) -> None:
    """An element is stored, and one of another cache line is persisted."""
    bench.mm.store(bench.ledger.items, 0, 7)
    bench.mm.persist(bench.ledger.items, 16)


@twin(never_persisted, another_element_persisted)
def stored_and_persisted(bench: Any) -> None:
    """One word, and the persist of that word."""
    bench.mm.store(bench.ledger.items, 0, 7)
    bench.mm.persist(bench.ledger.items, 0)


@bug("durability")
def stored_after_the_transaction(bench: Any) -> None:
    """The commit makes durable what was done before it; this store comes after it."""
    with bench.mm.transaction():
        bench.ledger.left = 50
    bench.mm.store(bench.ledger.items, 16, 7)


@twin(stored_after_the_transaction)
def stored_before_the_commit(bench: Any) -> None:
    """In the transaction, behind a snapshot, commit flushes it."""
    with bench.mm.transaction():
        bench.ledger.left = 50
        bench.mm.snapshot(bench.ledger.items, 16)
        bench.mm.store(bench.ledger.items, 16, 7)


@bug("check", check=no_item_missing)
def items_persisted_too_short(bench: Any) -> None:
    """Of two items that lie in two cache lines one is persisted, and then both are counted."""
    bench.mm.store(bench.ledger.items, slice(1, 3), [7, 8])
    bench.mm.persist(bench.ledger.items, 1)
    bench.ledger.count = 3


@bug("check", "prefix lines", check=no_item_missing)
def counter_stored_too_early(bench: Any) -> None:
    """The counter is stored first; that it is persisted last does not keep it from being there early."""
    bench.mm.store(bench.ledger, "count", 3)
    bench.mm.store(bench.ledger.items, slice(1, 3), [7, 8])
    bench.mm.persist(bench.ledger.items)
    bench.mm.persist(bench.ledger)


@bug("check", "lines", check=no_item_missing)
def counter_stored_without_a_fence_before(bench: Any) -> None:
    """Item and counter are stored in the right order, and nothing keeps them to it: they lie in two lines."""
    bench.mm.store(bench.ledger.items, slice(1, 3), [7, 8])
    bench.mm.store(bench.ledger, "count", 3)
    bench.mm.persist(bench.ledger.items)
    bench.mm.persist(bench.ledger)


@twin(items_persisted_too_short, counter_stored_too_early, counter_stored_without_a_fence_before)
def items_persisted_before_the_counter(bench: Any) -> None:
    """All items are durable before the counter is stored."""
    bench.mm.store(bench.ledger.items, slice(1, 3), [7, 8])
    bench.mm.persist(bench.ledger.items)
    bench.ledger.count = 3


@bug("durability")
def acknowledged_before_it_is_durable(bench: Any) -> None:
    """Somebody is told that it is done, and then it is persisted."""
    bench.mm.store(bench.ledger.items, 0, 7)
    crash.acknowledge("the customer has been told")
    bench.mm.persist(bench.ledger.items, 0)


@twin(acknowledged_before_it_is_durable)
def acknowledged_when_it_is_durable(bench: Any) -> None:
    """First persisted, then told."""
    bench.mm.store(bench.ledger.items, 0, 7)
    bench.mm.persist(bench.ledger.items, 0)
    crash.acknowledge("the customer has been told")


@bug("durability")
def acknowledged_before_the_commit(bench: Any) -> None:
    """Somebody is told that it is done while a crash would still roll it back."""
    with bench.pool.transaction():
        bench.ledger.left -= 10
        bench.ledger.right += 10
        crash.acknowledge("the customer has been told")


@twin(acknowledged_before_the_commit)
def acknowledged_after_the_commit(bench: Any) -> None:
    """When the block ends it is durable; then it may be told."""
    with bench.pool.transaction():
        bench.ledger.left -= 10
        bench.ledger.right += 10
    crash.acknowledge("the customer has been told")


# ---- memory that is lost ---------------------------------------------------------------------------


@bug("garbage")
def memory_of_a_foreign_type(bench: Any) -> None:
    """An allocation of a type that the garbage collection does not know, and that a number refers to, is never freed."""
    with bench.pool.transaction():
        bench.ledger.count = bench.pool._heap.alloc(40, UNKNOWN, True)


@twin(memory_of_a_foreign_type)
def memory_without_owner(bench: Any) -> None:
    """What has a kind, and nothing refers to, is garbage that is found."""
    with bench.pool.transaction():
        offset = bench.pool._heap.alloc(40, Kind.BYTES, True)
        bench.pool._heap.init(offset, [Kind.BYTES | 0xB5 << 8 | 8 << 16, 0])
        bench.ledger.count = 1
