"""Transactions: all changes happen or none, and nothing runs in a doomed transaction."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sample_classes import Account, Bag
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool, TransactionAborted, TransactionError

Pool = PersistentObjectPool


@pytest.fixture
def filled(pool: Pool) -> Pool:
    """A pool with one container of each kind, each with leaves and immediates."""
    bag = pool.new(Bag)
    bag.number, bag.text = 1, "an attribute that is too long for a word"
    pool.root = pool.new(
        PersistentDict,
        {
            "list": pool.new(PersistentList, [1, "a string that is too long for a word", 2.5]),
            "dict": pool.new(PersistentDict, {"key": "value", "a key that is too long for a word": 1}),
            "object": bag,
        },
    )
    return pool


def contents(pool: Pool) -> Any:
    """Everything that `filled` stored, as plain objects."""
    bag = pool.root["object"]
    names = [name for name in dir(bag) if not name.startswith("_") and name not in dir(Bag)]
    attributes = {name: getattr(bag, name) for name in names}
    return (
        list(pool.root["list"]),
        dict(pool.root["dict"]),
        {name: list(value) if name == "another" else value for name, value in attributes.items()},
        [key for key in pool.root if key not in ("list", "dict", "object")],
    )


def change_everything(pool: Pool) -> None:
    pool.root["list"].extend(["b" * 50] * 30)
    del pool.root["list"][0]
    pool.root["list"].reverse()
    pool.root["dict"].update({number: "n" * number for number in range(40)})
    del pool.root["dict"]["key"]
    bag = pool.root["object"]
    bag.number, bag.text, bag.another = "no number", 2, pool.new(PersistentList, "abc")
    del bag.text
    pool.root["new"] = pool.new(Account, "somebody", 5)


# ---- commit and roll-back --------------------------------------------------------------------------


def test_a_block_that_ends_well_is_committed(filled: Pool, reopen: Callable[..., Pool]) -> None:
    with filled.transaction() as transaction:
        assert transaction.active and filled.in_transaction
        change_everything(filled)
    assert not transaction.active and not filled.in_transaction
    after = contents(filled)
    pool = reopen(filled)
    assert contents(pool) == after and pool.root["new"].owner == "somebody"
    assert_sound(pool, no_garbage=True)


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_any_exception_rolls_back_and_goes_on(filled: Pool, reopen: Callable[..., Pool], error: BaseException) -> None:
    before = contents(filled)
    with pytest.raises(type(error)) as caught, filled.transaction():
        change_everything(filled)
        raise error
    assert caught.value is error
    assert contents(filled) == before and not filled.in_transaction
    assert_sound(filled)
    pool = reopen(filled)
    assert contents(pool) == before
    assert_sound(pool, no_garbage=True)


def test_after_a_roll_back_the_same_changes_can_be_made(filled: Pool) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), filled.transaction():
            change_everything(filled)
            1 / 0  # noqa: B018
    with filled.transaction():
        change_everything(filled)
    assert filled.root["object"].number == "no number"
    assert_sound(filled)


def test_an_uncommitted_state_is_seen_inside(filled: Pool) -> None:
    with pytest.raises(TransactionAborted), filled.transaction() as transaction:
        filled.root["list"][0] = "seen"
        assert filled.root["list"][0] == "seen"
        transaction.abort()
    assert filled.root["list"][0] == 1


def test_abort_raises_at_once_an_error_that_is_an_oserror(filled: Pool) -> None:
    before = contents(filled)
    reached = []
    with pytest.raises(TransactionAborted) as caught, filled.transaction() as transaction:
        change_everything(filled)
        transaction.abort()
        reached.append("code after abort")
    assert not reached
    assert isinstance(caught.value, OSError) and caught.value.errno == errno.ECANCELED
    assert contents(filled) == before


def test_an_empty_transaction_is_fine(pool: Pool) -> None:
    with pool.transaction():
        pass
    with pytest.raises(TransactionAborted), pool.transaction() as transaction:
        transaction.abort()
    pool.root = 1


def test_a_transaction_object_can_be_used_again(pool: Pool) -> None:
    transaction = pool.transaction()
    for number in range(3):
        with transaction:
            pool.root = number
    with pytest.raises(ZeroDivisionError), transaction:
        pool.root = 1 / 0
    with transaction:
        pool.root = "last"
    assert pool.root == "last"


def test_many_transactions_of_many_changes(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [0] * 200)
    for turn in range(50):
        with pool.transaction():
            for at in range(200):
                pool.root[at] = turn
    assert pool.root == [49] * 200


# ---- a doomed transaction ----------------------------------------------------------------------------

WRITES: dict[str, Callable[[Pool], Any]] = {
    "root": lambda pool: setattr(pool, "root", 1),
    "root leaf": lambda pool: setattr(pool, "root", "x" * 100),
    "new list": lambda pool: pool.new(PersistentList),
    "new object": lambda pool: pool.new(Account, "x"),
    "set item": lambda pool: pool.root["list"].__setitem__(0, 99),
    "set leaf": lambda pool: pool.root["list"].__setitem__(0, "x" * 50),
    "append": lambda pool: pool.root["list"].append(1),
    "pop": lambda pool: pool.root["list"].pop(),
    "clear": lambda pool: pool.root["list"].clear(),
    "sort": lambda pool: pool.root["list"].reverse(),
    "set key": lambda pool: pool.root["dict"].__setitem__("key", 5),
    "new key": lambda pool: pool.root["dict"].__setitem__("new", 5),
    "delete key": lambda pool: pool.root["dict"].__delitem__("key"),
    "clear dict": lambda pool: pool.root["dict"].clear(),
    "set attribute": lambda pool: setattr(pool.root["object"], "number", 2),
    "new attribute": lambda pool: setattr(pool.root["object"], "extra", 2),
    "delete attribute": lambda pool: delattr(pool.root["object"], "number"),
    "begin": lambda pool: pool.transaction().begin(),
    "with": lambda pool: pool.transaction().__enter__(),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_nothing_can_be_written_in_a_dead_transaction(filled: Pool, write: Callable[[Pool], Any]) -> None:
    before = contents(filled)
    with pytest.raises(TransactionAborted), filled.transaction():
        with pytest.raises(ValueError), filled.transaction():
            filled.root["list"][0] = "lost"
            raise ValueError
        assert contents(filled) == before  # rolled back already
        with pytest.raises(TransactionAborted, match="rolled back"):
            write(filled)
    assert contents(filled) == before and not filled.in_transaction
    write(filled)
    if not filled.in_transaction:
        assert_sound(filled)


@pytest.mark.parametrize("caught_inside", [ValueError("mine"), None], ids=["exception", "abort"])
def test_the_outer_block_of_a_dead_transaction_cannot_end_well(filled: Pool, caught_inside: ValueError | None) -> None:
    before = contents(filled)
    with pytest.raises(TransactionAborted), filled.transaction():
        change_everything(filled)
        with pytest.raises((ValueError, TransactionAborted)), filled.transaction() as inner:
            if caught_inside is not None:
                raise caught_inside
            inner.abort()
    assert contents(filled) == before
    filled.root["list"].append("usable")
    assert_sound(filled)


def test_the_error_of_a_dead_transaction_names_its_reason(filled: Pool) -> None:
    with pytest.raises(TransactionAborted, match="ValueError: the reason") as caught, filled.transaction():
        with pytest.raises(ValueError), filled.transaction():
            raise ValueError("the reason")
        filled.root = 1
    assert isinstance(caught.value.__cause__, ValueError)


# ---- nesting ---------------------------------------------------------------------------------------


def test_an_inner_block_is_committed_with_the_outer_one_only(filled: Pool) -> None:
    before = contents(filled)
    with pytest.raises(KeyError), filled.transaction():
        with filled.transaction():
            change_everything(filled)
        assert filled.in_transaction
        raise KeyError
    assert contents(filled) == before


def test_deep_nesting(pool: Pool) -> None:
    def nest(depth: int) -> None:
        with pool.transaction():
            pool.root = depth
            if depth:
                nest(depth - 1)

    nest(100)
    assert pool.root == 0
    pool.root = None
    with pytest.raises(TransactionAborted), pool.transaction(), pytest.raises(RecursionError), pool.transaction():
        nest(10_000)
    assert pool.root is None and not pool.in_transaction


def test_an_exception_that_the_block_itself_catches_changes_nothing(filled: Pool) -> None:
    with filled.transaction():
        filled.root["list"].append("before")
        with pytest.raises(KeyError):
            filled.root["missing"]
        with pytest.raises(IndexError):
            filled.root["list"][99] = 1
        with pytest.raises(TypeError):
            filled.root["list"].append(object())
        filled.root["list"].append("after")
    assert filled.root["list"][-2:] == ["before", "after"]


# ---- by hand ---------------------------------------------------------------------------------------


def test_begin_and_commit_by_hand(filled: Pool) -> None:
    transaction = filled.transaction()
    assert transaction.begin() is transaction
    change_everything(filled)
    after = contents(filled)
    transaction.commit()
    assert contents(filled) == after and not filled.in_transaction


def test_begin_and_abort_by_hand_leaves_the_pool_usable(filled: Pool) -> None:
    before = contents(filled)
    transaction = filled.transaction().begin()
    change_everything(filled)
    with pytest.raises(TransactionAborted):
        transaction.abort()
    assert contents(filled) == before and not filled.in_transaction
    filled.root["list"].append("usable")
    filled.close()


def test_levels_by_hand(pool: Pool) -> None:
    transaction = pool.transaction().begin()
    transaction.begin()
    pool.root = 1
    transaction.commit()
    assert pool.in_transaction
    transaction.commit()
    assert not pool.in_transaction and pool.root == 1


def test_two_transaction_objects_interleaved(pool: Pool) -> None:
    one, other = pool.transaction().begin(), pool.transaction().begin()
    pool.root = 1
    one.commit()
    assert pool.in_transaction
    pool.root = 2
    other.commit()
    assert pool.root == 2 and not pool.in_transaction


def test_the_block_of_a_with_is_ended_by_the_block_alone(pool: Pool) -> None:
    with pool.transaction() as transaction:
        pool.root = 1
        with pytest.raises(TransactionError):
            transaction.commit()
        transaction.begin()
        pool.root = 2
        transaction.commit()
        assert pool.in_transaction
    assert pool.root == 2 and not pool.in_transaction


# ---- misuse ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["commit", "abort"])
def test_ending_what_was_not_begun(pool: Pool, end: str) -> None:
    with pytest.raises(TransactionError, match="not begun"):
        getattr(pool.transaction(), end)()
    pool.root = "usable"


@pytest.mark.parametrize("end", ["commit", "abort"])
def test_ending_twice(pool: Pool, end: str) -> None:
    transaction = pool.transaction().begin()
    transaction.commit()
    with pytest.raises(TransactionError, match="not begun"):
        getattr(transaction, end)()
    transaction.begin()
    with pytest.raises(TransactionAborted):
        transaction.abort()
    with pytest.raises((TransactionError, TransactionAborted)):
        getattr(transaction, end)()
    pool.root = "usable"
    assert not pool.in_transaction


def test_ending_the_transaction_of_somebody_else(pool: Pool) -> None:
    with pool.transaction():
        pool.root = 1
        with pytest.raises(TransactionError, match="not begun"):
            pool.transaction().commit()
        pool.root = 2
    assert pool.root == 2


def test_a_transaction_of_a_closed_pool(pool: Pool) -> None:
    transaction = pool.transaction()
    pool.close()
    for use in (transaction.begin, transaction.__enter__):
        with pytest.raises(pmemobj.PoolClosedError):
            use()


def test_a_transaction_left_open_by_a_pool_that_was_closed_over_it(pool: Pool) -> None:
    transaction = pool.transaction().begin()
    with pytest.raises(TransactionError):
        pool.__exit__(None, None, None)
    for end in (transaction.commit, transaction.abort):
        with pytest.raises((TransactionError, pmemobj.PoolClosedError)):
            end()
    assert not transaction.active


@pytest.mark.parametrize("forbidden", ["close", "gc", "suspend"])
@pytest.mark.parametrize("dead", [False, True], ids=["alive", "dead"])
def test_what_is_refused_inside_a_transaction(filled: Pool, forbidden: str, dead: bool) -> None:
    def try_it() -> None:
        with pytest.raises(TransactionError, match="commit or abort it first"):
            getattr(filled, forbidden)()

    if dead:
        with pytest.raises(TransactionAborted), filled.transaction():
            with pytest.raises(KeyError), filled.transaction():
                raise KeyError
            try_it()
    else:
        with filled.transaction():
            filled.root["list"].append(1)
            try_it()
            filled.root["list"].append(2)
        assert filled.root["list"][-2:] == [1, 2]
    getattr(filled, forbidden)()


def test_a_transaction_covers_one_pool(pool: Pool, make_pool: Callable[..., Pool]) -> None:
    other = make_pool()
    with pool.transaction():
        pool.root = 1
        for use in (other.transaction().begin, lambda: setattr(other, "root", uuid.uuid4()), lambda: other.new(Bag)):
            with pytest.raises(TransactionError, match="another pool"):
                use()
        assert other.root is None
        # A change that needs no transaction works in a second pool, too.
        for value in (5, "y" * 100, "z" * 100):
            other.root = value
            assert other.root == value
        pool.root = 2
    assert pool.root == 2 and other.root == "z" * 100
    with pytest.raises(ZeroDivisionError), pool.transaction():
        pool.root = "w" * 100
        other.root = "v" * 100
        raise ZeroDivisionError
    assert pool.root == 2 and other.root == "v" * 100
    with other.transaction():
        other.root = "x" * 100
    assert other.root == "x" * 100


def test_closing_another_pool_inside_a_transaction(pool: Pool, make_pool: Callable[..., Pool]) -> None:
    other = make_pool()
    other.root = other.new(PersistentList, ["garbage" * 10])
    other.root = None
    with pool.transaction():
        pool.root = 1
        with pytest.raises(TransactionError):
            other.close()
        pool.root = 2
    assert pool.root == 2 and not other.closed
    other.close()


def test_creating_and_opening_another_pool_inside_a_transaction(pool: Pool, make_pool: Callable[..., Pool]) -> None:
    closed = make_pool("closed")
    closed.root = "kept"
    closed.close()
    opened = []
    with pool.transaction():
        pool.root = 1
        for use in (lambda: make_pool("third"), lambda: pmemobj.open(closed.path)):
            try:
                opened.append(use())
            except TransactionError:
                pass  # either is right, as long as no pool suffers
        pool.root = 2
    for each in opened:
        each.close()
    assert pool.root == 2
    with pmemobj.open(closed.path) as again:
        assert again.root == "kept" and not again.recovered


def test_a_generator_left_in_its_transaction(pool: Pool) -> None:
    def changes() -> Any:
        with pool.transaction():
            pool.root = 1
            yield

    generator = changes()
    next(generator)
    generator.close()
    assert pool.root is None and not pool.in_transaction
