"""One pool as a table of facts, and the open pools as a table."""

from __future__ import annotations

from collections.abc import Sequence

from pmemobj import PersistentObjectPool, inspect
from pmemobj_magics.common.tables import Table
from pmemobj_magics.common.texts import plural, size_text

__all__ = ["PoolList", "PoolReport", "pool_facts", "pool_row"]

#: What is said of a disk instead of the text of its kind, by the mode of durability.
_JOURNALS = {
    "full": "an ordinary file with a journal; every commit waits for it (full)",
    "relaxed": "an ordinary file with a journal; no commit waits, and a power cut may lose the last ones (relaxed)",
}
_COLUMNS = ("name", "file", "used", "free", "memory", "transaction")


class PoolReport(Table):
    """What is said about one pool.

    Attributes:
        pool: The pool itself.
    """

    def __init__(self, pool: PersistentObjectPool, title: str, facts: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(title, facts)
        self.pool = pool


class PoolList(Table):
    """The open pools.

    Attributes:
        pools: The pools themselves, in the order in which they were opened.
    """

    def __init__(self, pools: list[PersistentObjectPool], rows: Sequence[Sequence[str]]) -> None:
        title = plural(len(pools), "open pool") if pools else "no pool is open; open one with %pmem_open PATH --create"
        super().__init__(title, rows, _COLUMNS if pools else ())
        self.pools = pools


def pool_facts(
    pool: PersistentObjectPool, state: str, transaction: str, ignored: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """The facts about a pool that was just opened.

    Args:
        pool: The pool.
        state: What was found when the pool was opened.
        transaction: The state of its transaction.
        ignored: The options that had no effect because the pool existed already.
    """
    size = f"{size_text(pool.size)}, {size_text(pool.free)} free"
    if pool.max_size > pool.size:
        size = f"{size_text(pool.size)} now, {size_text(pool.free)} free; grows up to {size_text(pool.max_size)}"
    if ignored:
        size += f" ({' and '.join(ignored)} ignored: the pool exists already)"
    facts = [
        ("size", size),
        ("memory", _memory_text(pool)),
        ("state", f"{state}; in a sandbox: all changes are lost at close" if pool.sandbox else state),
        ("root", _root_text(pool)),
    ]
    if pool.in_transaction:
        facts.append(("transaction", transaction))
    return facts


def _memory_text(pool: PersistentObjectPool) -> str:
    """The kind of memory, and what a commit waits for."""
    if pool.sandbox:
        return f"{pool.medium.short}: the file is only read, and no commit reaches it (none)"
    journal = _JOURNALS.get(pool.durability) if pool.medium.name == "DISK" else None
    return pool.medium.value if journal is None else f"{pool.medium.short}: {journal}"


def _root_text(pool: PersistentObjectPool) -> str:
    graph = inspect.walk(pool, max_nodes=1, max_items=0)
    node = graph.nodes.get(graph.start.target or 0)
    if node is None:
        return graph.start.text
    total = f"; {plural(graph.total, 'object')} in the pool" if graph.total is not None else ""
    return f"{node.type}, {node.text}{total}"


def pool_row(pool: PersistentObjectPool, names: Sequence[str], transaction: str) -> tuple[str, ...]:
    """The row of a pool in a `PoolList`.

    Args:
        pool: The pool.
        names: The variables that hold it.
        transaction: The state of its transaction.
    """
    kind = pool.medium.short
    if pool.sandbox:
        kind += ", sandbox"
    elif pool.medium.name == "DISK" and pool.durability in _JOURNALS:
        kind += f", {pool.durability}"
    return ", ".join(names) or "(none)", pool.path, size_text(pool.used), size_text(pool.free), kind, transaction
