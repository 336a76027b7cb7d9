"""What the magics know about the session: the open pools and their names, and the transactions that magics began.

The name of a pool is the name of the variable that holds it. The magics keep no list of names beside the user's
variables, so a pool that is opened, renamed or deleted in Python is always known by its present name.

A magic without a name takes the only open pool, or, of several, the one in the variable ``pool``. This depends on the
variables and not on which cell ran last, so a cell that is run again finds the same pool.
"""

from __future__ import annotations

import contextlib
import keyword
import os
import weakref
from typing import Any

import pmemobj
from pmemobj import (
    Persistent,
    PersistentObjectPool,
    PoolClosedError,
    Transaction,
    TransactionAborted,
    TransactionError,
    inspect,
)
from pmemobj.errors import a_or_an
from pmemobj_magics.errors import ExpressionError, MagicUsageError, NoSuchPoolError, did_you_mean
from pmemobj_magics.shell.cell import Shell
from pmemobj_magics.shell.record import Record
from pmemobj_magics.views.watch import Follower

__all__ = ["DEFAULT_NAME", "Session", "demand_name"]

DEFAULT_NAME = "pool"


class Session:
    """The pools and transactions of one shell.

    Attributes:
        shell: The IPython shell.
        begun: The transactions that ``%pmem_begin`` began and that have not ended.
        cells: The pools of the ``%%pmem_transaction`` cells that are running, the outermost first.
        follower: The object that updates the explorers of ``%pmem_watch``; None before the first explorer.
        drawn: The latest graph that was drawn of each pool and expression.
        record: What happened in the session: the cells that changed pools, and the acts of panels.
        panels: The panels of ``%pmem_panel``, by the name that was given.
    """

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.begun: dict[PersistentObjectPool, Transaction] = {}
        self.cells: list[PersistentObjectPool] = []
        self.follower: Follower | None = None
        self.drawn: dict[tuple[str, str], inspect.Graph] = {}
        self.record = Record(shell)
        # A panel is a view, which this room does not know.
        self.panels: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()

    @property
    def variables(self) -> list[str]:
        """The names of the user's variables, without the ones that IPython defines."""
        return [name for name in self.namespace if name not in self.shell.user_ns_hidden]

    @property
    def namespace(self) -> dict[str, Any]:
        """The user's variables."""
        variables: dict[str, Any] = self.shell.user_ns
        return variables

    # ---- pools ----

    def names(self, pool: PersistentObjectPool) -> list[str]:
        """The variables that hold `pool`, without IPython's own variables such as ``_1``."""
        return sorted(name for name in self.variables if self.namespace[name] is pool)

    def call(self, pool: PersistentObjectPool) -> str:
        """The name of a pool in a text: its variable, or else its file."""
        names = self.names(pool)
        return DEFAULT_NAME if DEFAULT_NAME in names else names[0] if names else os.path.basename(pool.path)

    def title(self, pool: PersistentObjectPool) -> str:
        """The name of a pool behind the word "pool", or only "pool" if that is its name."""
        call = self.call(pool)
        return call if call == DEFAULT_NAME else f"pool {call}"

    def find(self, name: str | None) -> PersistentObjectPool:
        """The open pool with this name or file name; for None see the docstring of this module.

        Raises:
            PoolClosedError: the pool is closed.
            NoSuchPoolError: there is no such pool, or several pools are possible.
        """
        pool = self.find_any(name)
        if pool.closed:
            raise PoolClosedError(f"use {self.title(pool)}", "it is closed", f"open it again: %pmem_open {pool.path}")
        return pool

    def find_any(self, name: str | None) -> PersistentObjectPool:
        """The pool with this name, which may be closed.

        Raises:
            NoSuchPoolError: there is no such pool, or several pools are possible.
        """
        return self._named(name) if name else self._default()

    def _named(self, name: str) -> PersistentObjectPool:
        value = self.namespace.get(name)
        if isinstance(value, PersistentObjectPool):
            return value
        for pool in pmemobj.open_pools():
            if name in (pool.path, os.path.basename(pool.path)):
                return pool
        why = "no open pool has this name"
        if value is not None:
            why = f"{name} is {a_or_an(type(value).__name__)}, not a pool"
        calls = [self.call(pool) for pool in pmemobj.open_pools()]
        hint = did_you_mean(name, calls) or (f"the open pools are: {', '.join(calls)}" if calls else _HOW_TO_OPEN)
        raise NoSuchPoolError(f"find pool {name}", why, hint)

    def _default(self) -> PersistentObjectPool:
        pools = pmemobj.open_pools()
        value = self.namespace.get(DEFAULT_NAME)
        if len(pools) == 1:
            return pools[0]
        if isinstance(value, PersistentObjectPool) and (not pools or not value.closed):
            return value
        if not pools:
            raise NoSuchPoolError("choose a pool", "no pool is open", _HOW_TO_OPEN)
        calls = ", ".join(self.call(pool) for pool in pools)
        why = f"{len(pools)} pools are open, and none is called pool"
        raise NoSuchPoolError("choose a pool", why, f"name one of them: {calls}")

    def pool_of(self, value: Persistent) -> PersistentObjectPool | None:
        """The open pool that holds an object; None if the pool is closed or the object was freed."""
        with contextlib.suppress(pmemobj.PmemError):
            return next((pool for pool in pmemobj.open_pools() if pool.mm is value._p_mm), None)
        return None

    def demand_pool_of(self, value: Any, expression: str, verb: str, done: str) -> PersistentObjectPool:
        """The open pool that holds the value of an expression, for a magic that shows an object.

        Args:
            value: The value.
            expression: The expression.
            verb: What the magic does with the object, as a verb.
            done: The participle of that verb.

        Raises:
            ExpressionError: the value is not a persistent object, or its pool is closed.
        """
        if not isinstance(value, Persistent):
            why = f"it is {a_or_an(type(value).__name__)}, neither a pool nor a persistent object"
            raise ExpressionError(
                f"{verb} {expression}", why, f"a plain value is {done} as part of the object that holds it"
            )
        pool = self.pool_of(value)
        if pool is None:
            why = "its pool is closed, or the object was freed"
            raise ExpressionError(f"{verb} {expression}", why, "open the pool")
        return pool

    def holders(self, pool: PersistentObjectPool) -> dict[int, str]:
        """The variables that hold objects of a pool, or else the ``Out[n]``, by the offsets of the objects."""
        found: dict[int, list[str]] = {}
        named = [(name, self.namespace[name]) for name in sorted(self.variables) if not name.startswith("_")]
        # IPython keeps the value of each cell in Out, so an object may stay alive without a variable.
        shown = [(f"Out[{number}]", value) for number, value in dict(self.namespace.get("Out", {})).items()]
        for names in (named, shown):
            known = set(found)
            for name, value in names:
                if isinstance(value, Persistent) and self.pool_of(value) is pool:
                    offset = value._p_oid.offset
                    if offset not in known:
                        found.setdefault(offset, []).append(name)
        return {offset: ", ".join(names) for offset, names in found.items()}

    def bind(self, name: str, value: Any) -> None:
        """Bind a value to one of the user's variables."""
        self.shell.push({demand_name(name): value})

    # ---- transactions ----

    def begun_on(self, pool: PersistentObjectPool) -> Transaction | None:
        """The transaction that ``%pmem_begin`` began on `pool`, if it is still open."""
        transaction = self.begun.get(pool)
        return transaction if transaction is not None and transaction.active else None

    def begun_pool(self) -> PersistentObjectPool | None:
        """The pool with such a transaction; there is at most one, because transactions do not nest across pools."""
        return next((pool for pool in self.begun if self.begun_on(pool)), None)

    def how_to_end(self, pool: PersistentObjectPool) -> str:
        """How the user can end the open transaction on `pool`."""
        if pool in self.cells:
            return "the transaction ends with this cell; put the magic into the next cell"
        if self.begun_on(pool):
            call = "" if self.call(pool) == DEFAULT_NAME else f" {self.call(pool)}"
            return f"end the transaction first: %pmem_commit{call} or %pmem_abort{call}"
        return "the transaction was begun in Python: leave its `with` block, or call its commit() or abort()"

    def demand_no_transaction(self, pool: PersistentObjectPool, verb: str) -> None:
        """Refuse what a magic does with a whole pool while a transaction is open on it.

        Args:
            pool: The pool.
            verb: What the magic does with the pool, up to the name of the pool.

        Raises:
            TransactionError: a transaction is open on the pool, in this thread.
        """
        if pool.in_transaction:
            raise TransactionError(f"{verb} {self.title(pool)}", "a transaction is open", self.how_to_end(pool))

    def transaction_text(self, pool: PersistentObjectPool) -> str:
        """The state of a pool's transaction in words."""
        if not pool.in_transaction:
            return "none"
        try:
            # An inner level is refused if the transaction was rolled back; otherwise it has no effect.
            with pool.transaction():
                return "open (%pmem_begin)" if self.begun_on(pool) else "open"
        except TransactionAborted:
            return "rolled back; end it with %pmem_abort"

    # ---- expressions ----

    def evaluate(self, text: str) -> Any:
        """The value of an expression that the user wrote.

        Raises:
            ExpressionError: the expression raised any exception.
        """
        try:
            return eval(compile(text.strip(), "<expression>", "eval"), self.namespace)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise ExpressionError(f"evaluate {text.strip()}", reason, self._near(error)) from error

    def _near(self, error: Exception) -> str:
        """A hint to a similar variable or root key, if the expression names one that does not exist."""
        if isinstance(error, NameError) and error.name:
            return did_you_mean(error.name, self.variables)
        if not isinstance(error, KeyError) or not error.args or not isinstance(error.args[0], str):
            return ""
        keys: set[str] = set()
        for pool in pmemobj.open_pools():
            with contextlib.suppress(pmemobj.PmemError, TypeError):
                keys |= {key for key in pool.root if isinstance(key, str)}
        return did_you_mean(error.args[0], keys)


_HOW_TO_OPEN = "open a pool: %pmem_open PATH --create"


def demand_name(name: str) -> str:
    """The name, if a variable can have it.

    Raises:
        MagicUsageError: no variable can have this name.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise MagicUsageError(f"bind the result to {name}", "no variable can have this name", "choose another name")
    return name
