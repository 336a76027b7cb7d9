"""Show a pool in an explorer that follows it."""

from __future__ import annotations

from typing import Any

from pmemobj import PersistentObjectPool, PmemError, glance
from pmemobj_magics.errors import ExpressionError
from pmemobj_magics.session import Session
from pmemobj_magics.views.watch import Follower, PoolExplorer
from pmemobj_magics.views.watch import Limits as WatchLimits

__all__ = ["WatchLimits", "watch"]


def watch(session: Session, expression: str, limits: WatchLimits, *, offsets: bool = False) -> PoolExplorer:
    """An explorer of a pool, from its root or from an object; the same one again for the same pool and expression.

    Args:
        session: The session; its explorers look at their pools after each of its cells.
        expression: A pool or a persistent object, in Python; without it the pool that other magics take.
        limits: How much to show.
        offsets: Whether to show where things lie.

    Raises:
        ExpressionError: the expression fails, or gives nothing that can be explored.
        PmemError: the pool is closed, or which one is not clear.
    """
    value = session.evaluate(expression) if expression else session.find(None)
    trail: tuple[tuple[int, str], ...] = ()
    if not isinstance(value, PersistentObjectPool):
        pool, offset = _find(session, expression, value)
        trail = ((offset, expression),)
    else:
        # Says what is to be done about a pool that is closed.
        pool = value if not value.closed else session.find(session.call(value))
    if session.follower is None:
        session.follower = Follower(session.shell)
    follower: Follower = session.follower
    explorer = follower.find(pool, expression)
    if explorer is None:
        explorer = PoolExplorer(pool, trail, limits, offsets=offsets)
        follower.add(explorer, expression)
    else:
        explorer.begin(trail, limits, offsets=offsets)
    return explorer


def _find(session: Session, expression: str, value: Any) -> tuple[PersistentObjectPool, int]:
    """The pool of an object, and where it lies there."""
    pool = session.demand_pool_of(value, expression, "explore", "shown")
    offset = value._p_oid.offset
    try:
        glance.look(pool, offset, max_nodes=0)
    except PmemError as error:
        raise ExpressionError(f"explore {expression}", error.why, error.todo) from None
    return pool, offset
