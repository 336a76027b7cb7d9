"""Functions and methods of which each call is a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import pmemobj
from pmemobj import PersistentObject, PersistentObjectPool, TransactionError, transactional

Pool = PersistentObjectPool


class Account(PersistentObject):
    def __init__(self, balance: int) -> None:
        self.balance = balance

    @transactional
    def pay(self, amount: int, other: Account) -> int:
        """Pay somebody."""
        self.balance -= amount
        if other.balance + amount > 100:
            raise OverflowError
        other.balance += amount
        return self.balance


class Bank:
    """Not persistent itself, but it has a pool."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool

    @transactional
    def pay(self, one: int, other: int) -> bool:
        self.pool.root[one].balance -= 1
        self.pool.root[other].balance += 1
        assert self.pool.in_transaction
        return True


@pytest.fixture
def accounts(pool: Pool) -> Any:
    pool.root = pool.persistent([pool.new(Account, 50), pool.new(Account, 60)])
    return pool.root


def balances(pool: Pool) -> list[int]:
    return [account.balance for account in pool.root]


def test_a_function_of_one_pool(pool: Pool, accounts: Any) -> None:
    @pool.transaction()
    def move(amount: int, *, fail: bool = False) -> int:
        """Move money."""
        assert pool.transaction_depth == depth + 1
        accounts[0].balance -= amount
        if fail:
            raise ValueError(amount)
        accounts[1].balance += amount
        return amount

    depth = 0
    assert move(10) == 10 and move(5) == 5 and balances(pool) == [35, 75]
    with pytest.raises(ValueError):
        move(1, fail=True)
    assert balances(pool) == [35, 75] and not pool.in_transaction
    depth = 1
    with pytest.raises(ZeroDivisionError), pool.transaction():
        move(5)  # it joins
        1 / 0  # noqa: B018
    assert balances(pool) == [35, 75]
    assert move.__name__ == "move" and move.__doc__ == "Move money."


def test_a_method_finds_the_pool_of_its_object(pool: Pool, accounts: Any) -> None:
    assert accounts[0].pay(10, accounts[1]) == 40 and balances(pool) == [40, 70]
    with pytest.raises(OverflowError):
        accounts[0].pay(31, accounts[1])
    assert balances(pool) == [40, 70]
    assert Bank(pool).pay(0, 1) and balances(pool) == [39, 71]
    assert transactional(lambda pool: pool.transaction_depth)(pool) == 1


def test_coroutines_keep_it_open_until_they_end(pool: Pool, accounts: Any) -> None:
    @pool.transaction()
    async def move(fail: bool) -> str:
        accounts[0].balance = 0
        await asyncio.sleep(0)
        assert pool.in_transaction
        if fail:
            raise ValueError
        return "moved"

    with pytest.raises(ValueError):
        asyncio.run(move(True))
    assert balances(pool) == [50, 60]
    assert asyncio.run(move(False)) == "moved" and balances(pool) == [0, 60]


def test_what_is_refused(pool: Pool) -> None:
    for decorator in (pool.transaction(), transactional):
        with pytest.raises(TransactionError, match=r"generator.*write `with pool\.transaction\(\):` inside"):

            @decorator  # type: ignore[operator]
            def numbers() -> Iterator[int]:
                yield 1

        with pytest.raises(TypeError, match="it is no function"):
            decorator(5)  # type: ignore[operator]
    for wrong in ((), (5,), (Bank(None),), ([],)):
        with pytest.raises(TypeError, match=r"no persistent object and has no attribute `pool`"):
            transactional(lambda *args: None)(*wrong)
    pool.close()
    with pytest.raises(pmemobj.PoolClosedError):
        transactional(lambda pool: None)(pool)
