"""Show the bytes of objects, what takes the space of a pool, and what is wrong in it; collect its garbage."""

from __future__ import annotations

from pmemobj import inspect
from pmemobj.errors import a_or_an
from pmemobj_magics.errors import ExpressionError
from pmemobj_magics.memory import MemoryPicture
from pmemobj_magics.session import Session

__all__ = ["show_bytes"]


def show_bytes(
    session: Session, expression: str = "", *, max_words: int | None, offsets: bool = False
) -> MemoryPicture:
    """The memory of an object, word by word.

    Args:
        session: The session.
        expression: A persistent object, a block, or a pool, in Python; without it the pool that other magics take. A
            pool stands for its root object.
        max_words: How many words to show at the most; None for the default.
        offsets: Whether to tell where in the pool the allocations lie.

    Raises:
        ExpressionError: the expression fails, or gives nothing that has memory in a pool.
        PmemError: the pool is closed, the object gone, or which pool is not clear.
    """
    target = session.evaluate(expression) if expression else session.find(None)
    name = expression or session.call(target)
    try:
        return MemoryPicture(inspect.memory(target, max_words=max_words), name, offsets=offsets)
    except TypeError:
        why = f"it is {a_or_an(type(target).__name__)}, a plain value outside of any pool"
        todo = "show the object that holds it: its word, or the leaf with its bytes, is there"
        raise ExpressionError(f"show the bytes of {expression}", why, todo) from None
