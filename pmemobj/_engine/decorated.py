"""Functions of which each call is a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from pmemobj.errors import TransactionError

F = TypeVar("F", bound=Callable[..., Any])


def in_transactions(function: F, begin: Callable[..., Any]) -> F:
    """Wrap a function: each call of it runs inside ``with begin(*args, **kwargs):``.

    Raises:
        TypeError: it is nothing that can be called.
        TransactionError: it is a generator, which would be left and entered again in the middle of the transaction.
    """
    import inspect  # here, since most programs decorate nothing, and it takes as long to import as all of this package

    if not callable(function):
        raise TypeError(
            f"cannot run {function!r:.80} in transactions: it is no function (write the decorator above a function)"
        )
    name = getattr(function, "__qualname__", repr(function))
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TransactionError(
            f"run {name} in transactions",
            "it is a generator, whose caller would run in the middle of the transaction",
            "write `with pool.transaction():` inside of it, around what belongs together",
        )
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with begin(*args, **kwargs):
                return await function(*args, **kwargs)

        return coroutine  # type: ignore[return-value]

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with begin(*args, **kwargs):
            return function(*args, **kwargs)

    return call  # type: ignore[return-value]
