"""The decorator for methods whose pool is that of their object."""

from __future__ import annotations

from typing import Any

from pmemobj._engine.decorated import F, in_transactions
from pmemobj._engine.heap import Handle, Heap
from pmemobj._engine.transaction import Transaction
from pmemobj._public_names import public_in


@public_in("pmemobj")
def transactional(function: F) -> F:
    """Make each call of a method a transaction of its own, on the pool of its object.

    It is for methods of persistent classes, which are defined before there is a pool. The pool is found anew at each
    call: that of the first argument, if this is a persistent object or a pool, and otherwise that of its attribute
    ``pool``. Inside a transaction a call joins it. ``@pool.transaction()`` is the same for one pool.

    Args:
        function: A function or method; a coroutine function keeps its transaction open until it ends.

    Raises:
        TransactionError: it is a generator.
        TypeError: it is nothing that can be called; or, when it is called, its first argument leads to no pool.

    Durability: what a call has changed is durable when it returns; if it raises, all of it is undone.
    Cost: a transaction for each call.
    C functions: ``pmemobj_tx_begin``, ``pmemobj_tx_commit``, ``pmemobj_tx_abort``.

    Example::

        import pmemobj

        class Account(pmemobj.PersistentObject):
            def __init__(self, balance):
                self.balance = balance

            @pmemobj.transactional
            def pay(self, amount, other):
                self.balance -= amount
                other.balance += amount

        with pmemobj.create("accounts.pmem", 16 << 20) as pool:
            pool.root = pool.persistent([pool.new(Account, 100), pool.new(Account, 0)])
            pool.root[0].pay(30, pool.root[1])
            assert [account.balance for account in pool.root] == [70, 30]
    """
    name = getattr(function, "__qualname__", repr(function))
    return in_transactions(function, lambda *args, **kwargs: Transaction(_heap_of(name, args)))


def _heap_of(name: str, args: tuple[Any, ...]) -> Heap:
    if args:
        for found in (args[0], getattr(args[0], "pool", None)):
            heap = found._p_heap if isinstance(found, Handle) else getattr(found, "_heap", None)
            if isinstance(heap, Heap):
                return heap
    raise TypeError(
        f"cannot call {name} in a transaction: its first argument is no persistent object and has no attribute `pool` "
        "(call it as a method of a persistent object, or use @pool.transaction())"
    )
