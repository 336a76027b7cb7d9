"""Show a pool in an explorer that follows its changes."""

from __future__ import annotations

from typing import Any

from pmemobj import PersistentObjectPool, PmemError, glance
from pmemobj_magics.errors import ExpressionError
from pmemobj_magics.shell.session import Session
from pmemobj_magics.views.watch import Follower, PoolExplorer, WatchLimits

__all__ = ["watch"]


def watch(session: Session, expression: str, limits: WatchLimits, *, offsets: bool = False) -> PoolExplorer:
    """An explorer of a pool, from its root or from an object; the same pool and expression give the same explorer.

    Args:
        session: The session, after each of whose cells the explorers are updated.
        expression: A pool or a persistent object, in Python; without it the pool that other magics use.
        limits: How much to show.
        offsets: Whether to show the offsets of objects.

    Raises:
        ExpressionError: the expression fails, or its value cannot be explored.
        PmemError: the pool is closed, or several pools are possible.
    """
    value = session.evaluate(expression) if expression else session.find(None)
    trail: tuple[tuple[int, str], ...] = ()
    if not isinstance(value, PersistentObjectPool):
        pool, offset = _find(session, expression, value)
        trail = ((offset, expression),)
    else:
        # For a closed pool, find() raises an error that says how to open it again.
        pool = value if not value.closed else session.find(session.call(value))
    if session.follower is None:
        session.follower = Follower(session.shell)
    follower = session.follower
    explorer = follower.find(pool, expression)
    if explorer is None:
        explorer = PoolExplorer(pool, trail, limits, offsets=offsets)
        follower.add(explorer, expression)
    else:
        explorer.begin(trail, limits, offsets=offsets)
    return explorer


def _find(session: Session, expression: str, value: Any) -> tuple[PersistentObjectPool, int]:
    """The pool of an object, and the offset of the object."""
    pool = session.demand_pool_of(value, expression, "explore", "shown")
    offset = value._p_oid.offset
    try:
        glance.look(pool, offset, max_nodes=0)
    except PmemError as error:
        raise ExpressionError(f"explore {expression}", error.why, error.todo) from None
    return pool, offset
