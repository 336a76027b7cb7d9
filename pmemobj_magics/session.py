"""What the magics know of the session: which pools are open, how they are called, what was begun.

A pool is called as the variable that holds it is called; the magics keep no list of names beside the
user's own, so that a pool opened in Python, renamed or deleted is never out of step.

Without a name a magic takes the only open pool; with several, the one in the variable ``pool``. That
depends on what there is now, not on which cell ran last, so running a cell again finds the same pool.
"""

from __future__ import annotations

import contextlib
import keyword
import os
from typing import Any

import pmemobj
from pmemobj import Persistent, PersistentObjectPool, PoolClosedError, Transaction, TransactionAborted, inspect
from pmemobj.errors import a_or_an
from pmemobj_magics.cell import Shell
from pmemobj_magics.errors import ExpressionError, MagicUsageError, NoSuchPoolError, did_you_mean

__all__ = ["DEFAULT_NAME", "Session", "demand_name"]

DEFAULT_NAME = "pool"


class Session:
    """The pools and transactions of one shell.

    Attributes:
        shell: The IPython shell.
        begun: The transactions that ``%pmem_begin`` began and nothing has ended yet.
        cells: The pools of the ``%%pmem_transaction`` cells that are running, the outermost first.
        follower: Keeps the explorers of ``%pmem_watch`` up to date, once there is one.
        drawn: The graph that was drawn last of each pool and expression.
    """

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.begun: dict[PersistentObjectPool, Transaction] = {}
        self.cells: list[PersistentObjectPool] = []
        self.follower: Any = None
        self.drawn: dict[tuple[str, str], inspect.Graph] = {}

    @property
    def variables(self) -> list[str]:
        """The names that the user gave, without those that IPython brings."""
        return [name for name in self.namespace if name not in self.shell.user_ns_hidden]

    @property
    def namespace(self) -> dict[str, Any]:
        """The user's variables."""
        variables: dict[str, Any] = self.shell.user_ns
        return variables

    # ---- pools ----

    def names(self, pool: PersistentObjectPool) -> list[str]:
        """The variables that hold `pool`; IPython's own like ``_1`` do not count."""
        return sorted(name for name in self.variables if self.namespace[name] is pool)

    def call(self, pool: PersistentObjectPool) -> str:
        """What to call a pool in a text: its variable, or else its file."""
        names = self.names(pool)
        return DEFAULT_NAME if DEFAULT_NAME in names else names[0] if names else os.path.basename(pool.path)

    def title(self, pool: PersistentObjectPool) -> str:
        """The same after the word "pool", unless that is its name."""
        call = self.call(pool)
        return call if call == DEFAULT_NAME else f"pool {call}"

    def find(self, name: str | None) -> PersistentObjectPool:
        """The open pool of that name (or file name); without a name see the head of this module.

        Raises:
            PoolClosedError: it is closed.
            NoSuchPoolError: there is none, or which one is not clear.
        """
        pool = self.find_any(name)
        if pool.closed:
            raise PoolClosedError(f"use {self.title(pool)}", "it is closed", f"open it again: %pmem_open {pool.path}")
        return pool

    def find_any(self, name: str | None) -> PersistentObjectPool:
        """The same, but a variable that holds a closed pool will do."""
        return self._named(name) if name else self._default()

    def _named(self, name: str) -> PersistentObjectPool:
        value = self.namespace.get(name)
        if isinstance(value, PersistentObjectPool):
            return value
        for pool in pmemobj.open_pools():
            if name in (pool.path, os.path.basename(pool.path)):
                return pool
        why = "no open pool has this name" if value is None else f"{name} is {a_or_an(type(value).__name__)}, no pool"
        calls = [self.call(pool) for pool in pmemobj.open_pools()]
        hint = did_you_mean(name, calls) or (f"open are: {', '.join(calls)}" if calls else _HOW_TO_OPEN)
        raise NoSuchPoolError(f"find pool {name}", why, hint)

    def _default(self) -> PersistentObjectPool:
        pools = pmemobj.open_pools()
        value = self.namespace.get(DEFAULT_NAME)
        if len(pools) == 1:
            return pools[0]
        if isinstance(value, PersistentObjectPool) and (not pools or not value.closed):
            return value
        if not pools:
            raise NoSuchPoolError("choose a pool", "none is open", _HOW_TO_OPEN)
        calls = ", ".join(self.call(pool) for pool in pools)
        raise NoSuchPoolError("choose a pool", f"{len(pools)} are open and none is called pool", f"name one: {calls}")

    def pool_of(self, value: Persistent) -> PersistentObjectPool | None:
        """The open pool that an object lives in; None if it is closed, or the object no longer there."""
        with contextlib.suppress(pmemobj.PmemError):
            return next((pool for pool in pmemobj.open_pools() if pool.mm is value._p_mm), None)
        return None

    def demand_pool_of(self, value: Any, expression: str, verb: str, done: str) -> PersistentObjectPool:
        """The open pool of what an expression gave, for a magic that shows an object.

        Args:
            value: What it gave.
            expression: The expression.
            verb: What the magic does with it.
            done: That verb's participle.

        Raises:
            ExpressionError: it is no persistent object, or its pool is closed.
        """
        if not isinstance(value, Persistent):
            why = f"it is {a_or_an(type(value).__name__)}, neither a pool nor a persistent object"
            raise ExpressionError(
                f"{verb} {expression}", why, f"plain values are {done} in the object that holds them"
            )
        pool = self.pool_of(value)
        if pool is None:
            why = "its pool is closed, or the object is no longer there"
            raise ExpressionError(f"{verb} {expression}", why, "open the pool")
        return pool

    def holders(self, pool: PersistentObjectPool) -> dict[int, str]:
        """What holds objects of a pool, by the offsets of the objects: variables, else the outputs of cells."""
        found: dict[int, list[str]] = {}
        named = [(name, self.namespace[name]) for name in sorted(self.variables) if not name.startswith("_")]
        # IPython keeps the value of each cell, which is why an object may outlive its last variable.
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
        """Put a value into the user's variables."""
        self.shell.push({demand_name(name): value})

    # ---- transactions ----

    def begun_on(self, pool: PersistentObjectPool) -> Transaction | None:
        """The transaction that ``%pmem_begin`` has open on `pool`."""
        transaction = self.begun.get(pool)
        return transaction if transaction is not None and transaction.active else None

    def begun_pool(self) -> PersistentObjectPool | None:
        """The pool with such a transaction; there is at most one, because they do not nest across pools."""
        return next((pool for pool in self.begun if self.begun_on(pool)), None)

    def how_to_end(self, pool: PersistentObjectPool) -> str:
        """What to do about the open transaction on `pool` that is in the way."""
        if pool in self.cells:
            return "it ends with this cell; put the magic into a cell after it"
        if self.begun_on(pool):
            call = "" if self.call(pool) == DEFAULT_NAME else f" {self.call(pool)}"
            return f"end it first: %pmem_commit{call} or %pmem_abort{call}"
        return "it was begun in Python: leave its `with` block, or call its commit() or abort()"

    def transaction_text(self, pool: PersistentObjectPool) -> str:
        """The state of a pool's transaction, for people."""
        if not pool.in_transaction:
            return "none"
        try:
            # A level inside: refused if the whole was rolled back, without effect otherwise.
            with pool.transaction():
                return "open, by %pmem_begin" if self.begun_on(pool) else "open"
        except TransactionAborted:
            return "rolled back, to be left with %pmem_abort"

    # ---- expressions ----

    def evaluate(self, text: str) -> Any:
        """The value of an expression of the user.

        Raises:
            ExpressionError: it failed, whatever the reason.
        """
        try:
            return eval(compile(text.strip(), "<expression>", "eval"), self.namespace)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise ExpressionError(f"evaluate {text.strip()}", reason, self._near(error)) from error

    def _near(self, error: Exception) -> str:
        """A near name or root key, when the expression missed one."""
        if isinstance(error, NameError) and error.name:
            return did_you_mean(error.name, self.variables)
        if not isinstance(error, KeyError) or not error.args or not isinstance(error.args[0], str):
            return ""
        keys: set[str] = set()
        for pool in pmemobj.open_pools():
            with contextlib.suppress(pmemobj.PmemError, TypeError):
                keys |= {key for key in pool.root if isinstance(key, str)}
        return did_you_mean(error.args[0], keys)


_HOW_TO_OPEN = "open one: %pmem_open PATH --create"


def demand_name(name: str) -> str:
    """The name, if it can be that of a variable.

    Raises:
        MagicUsageError: it cannot.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise MagicUsageError(f"bind the result to {name}", "it cannot be the name of a variable", "choose another")
    return name
