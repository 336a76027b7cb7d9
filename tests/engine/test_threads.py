"""Several threads on one pool: one transaction at a time, and no thread works with values that it read before waiting.

The order of events is forced: a thread that must wait is given time to begin waiting
while the main thread holds a transaction.
"""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from sample_classes import Bag
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool
from pmemobj._engine import heap, lock

Pool = PersistentObjectPool
ONE, TWO, THREE = "first long string", "second long string", "third long string"
#: Seconds in which a thread surely reaches the lock.
A_MOMENT = 0.05
PATIENCE = 60


class Worker(threading.Thread):
    """Runs an action and keeps its result or its exception."""

    def __init__(self, action: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.action, self.result, self.error = action, None, None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.action()
        except BaseException as error:
            self.error = error

    def wait(self) -> Any:
        """What the action returned, or what it raised."""
        self.join(PATIENCE)
        assert not self.is_alive(), "the thread hangs"
        return self.result if self.error is None else self.error


def while_waiting(pool: Pool, waiting: Callable[[], Any], meanwhile: Callable[[], Any]) -> Any:
    """Another thread begins with `waiting` and must wait; `meanwhile` is committed; then it goes on."""
    with pool.transaction():
        worker = Worker(waiting)
        time.sleep(A_MOMENT)
        meanwhile()
    result = worker.wait()
    assert_sound(pool)
    return result


def test_a_thread_waits_for_the_transaction_of_another(pool: Pool) -> None:
    order = []

    def other() -> None:
        with pool.transaction():
            order.append("other")
            pool.root = "other"

    while_waiting(pool, other, lambda: order.append("main"))
    assert order == ["main", "other"] and pool.root == "other"


def test_a_statement_of_a_thread_waits_and_is_not_part_of_the_transaction(pool: Pool) -> None:
    for value in (5, ONE):
        pool.root = None
        with pytest.raises(ZeroDivisionError), pool.transaction():
            worker = Worker(lambda value=value: setattr(pool, "root", value))
            time.sleep(A_MOMENT)
            pool.root = "rolled back"
            1 / 0  # noqa: B018
        assert worker.wait() is None
        assert pool.root == value


LISTS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "set": (lambda items: items.__setitem__(2, 99), lambda items: items.extend(range(100))),
    "set leaf": (lambda items: items.__setitem__(0, THREE), lambda items: items.extend(range(100))),
    "replace leaf": (lambda items: items.__setitem__(0, THREE), lambda items: items.__setitem__(0, 5)),
    "append": (lambda items: items.append(8), lambda items: items.append(7)),
    "extend": (lambda items: items.extend([8, ONE]), lambda items: items.extend([7, TWO])),
    "insert": (lambda items: items.insert(1, 8), lambda items: items.insert(0, 7)),
    "insert at the end": (lambda items: items.insert(99, 8), lambda items: items.clear()),
    "pop": (lambda items: items.pop(), lambda items: items.pop()),
    "pop first": (lambda items: items.pop(0), lambda items: items.pop(0)),
    "pop from an empty": (lambda items: items.pop(), lambda items: items.clear()),
    "delete": (lambda items: items.__delitem__(1), lambda items: items.insert(0, 0)),
    "delete slice": (lambda items: items.__delitem__(slice(0, 2)), lambda items: items.insert(0, THREE)),
    "delete extended slice": (
        lambda items: items.__delitem__(slice(None, None, 2)),
        lambda items: items.__setitem__(0, THREE),
    ),
    "remove": (lambda items: items.remove(3), lambda items: items.insert(0, 0)),
    "clear": (lambda items: items.clear(), lambda items: items.extend(range(100))),
    "reverse": (lambda items: items.reverse(), lambda items: items.__setitem__(0, THREE)),
    "assign slice": (lambda items: items.__setitem__(slice(0, 2), [THREE]), lambda items: items.insert(0, 0)),
    "assign extended slice": (
        lambda items: items.__setitem__(slice(None, None, 2), [0, 0]),
        lambda items: items.extend([ONE] * 100),
    ),
}


@pytest.mark.parametrize("waiting, meanwhile", LISTS.values(), ids=LISTS.keys())
def test_a_list_method_that_had_to_wait(
    pool: Pool, waiting: Callable[[Any], Any], meanwhile: Callable[[Any], Any]
) -> None:
    start = [ONE, TWO, 3]
    pool.root = pool.new(PersistentList, start)
    result = while_waiting(pool, lambda: waiting(pool.root), lambda: meanwhile(pool.root))
    assert outcome(result, list(pool.root)) == one_after_the_other(start, meanwhile, waiting)


def test_sorting_that_had_to_wait(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [TWO, ONE, "z"])
    result = while_waiting(pool, pool.root.sort, lambda: pool.root.__setitem__(0, THREE))
    # An error is allowed as well: list.sort raises one when its key function changes the list.
    assert list(pool.root) == [ONE, THREE, "z"] or isinstance(result, ValueError)
    assert sorted(pool.root) == [ONE, THREE, "z"]


DICTS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "set": (lambda table: table.__setitem__("b", 99), lambda table: grow(table)),
    "set leaf": (lambda table: table.__setitem__(ONE, THREE), lambda table: grow(table)),
    "set what is deleted": (lambda table: table.__setitem__("b", 99), lambda table: table.__delitem__("b")),
    "set what is cleared": (lambda table: table.__setitem__("b", 99), lambda table: table.clear()),
    "new": (lambda table: table.__setitem__("new", 99), lambda table: table.__setitem__("new", 1)),
    "new leaf": (lambda table: table.__setitem__(THREE, TWO), lambda table: table.__setitem__(THREE, ONE)),
    "delete": (lambda table: table.__delitem__(ONE), lambda table: table.__delitem__(ONE)),
    "delete from a new table": (lambda table: table.__delitem__("b"), lambda table: grow(table)),
    "pop": (lambda table: table.pop(ONE), lambda table: grow(table)),
    "pop what is gone": (lambda table: table.pop(ONE), lambda table: table.clear()),
    "popitem": (lambda table: table.popitem(), lambda table: table.popitem()),
    "setdefault": (lambda table: table.setdefault("new", 99), lambda table: table.__setitem__("new", 1)),
    "update": (lambda table: table.update(b=99, new=THREE), lambda table: grow(table)),
    "clear": (lambda table: table.clear(), lambda table: grow(table)),
}


def grow(table: Any) -> None:
    table.update(dict.fromkeys(range(100), ONE))


@pytest.mark.parametrize("waiting, meanwhile", DICTS.values(), ids=DICTS.keys())
def test_a_dict_method_that_had_to_wait(
    pool: Pool, waiting: Callable[[Any], Any], meanwhile: Callable[[Any], Any]
) -> None:
    start = {ONE: TWO, "b": 2}
    pool.root = pool.new(PersistentDict, start)
    result = while_waiting(pool, lambda: waiting(pool.root), lambda: meanwhile(pool.root))
    state, raised = outcome(result, dict(pool.root))
    assert (state, raised) == one_after_the_other(start, meanwhile, waiting)
    assert len(pool.root) == len(state)


def outcome(result: Any, state: Any) -> tuple[Any, Any]:
    return state, type(result) if isinstance(result, BaseException) else result


def one_after_the_other(start: Any, first: Callable[[Any], Any], second: Callable[[Any], Any]) -> tuple[Any, Any]:
    """What a plain container does in the same case."""
    plain = start.copy()
    first(plain)
    try:
        result = second(plain)
    except Exception as error:
        result = error
    return outcome(result, plain)


OBJECTS: dict[str, Callable[[Any], Any]] = {
    "set": lambda bag: setattr(bag, "a", 99),
    "set leaf": lambda bag: setattr(bag, "text", THREE),
    "new": lambda bag: setattr(bag, "mine", 99),
    "the same new name": lambda bag: setattr(bag, "x0", 99),
    "delete": lambda bag: delattr(bag, "text"),
}


@pytest.mark.parametrize("waiting", OBJECTS.values(), ids=OBJECTS.keys())
def test_an_attribute_set_or_deleted_after_waiting(pool: Pool, waiting: Callable[[Any], Any]) -> None:
    def names(bag: Any) -> dict[str, Any]:
        return {name: getattr(bag, name) for name in ("a", "text", "mine", "x0", "x29") if hasattr(bag, name)}

    def meanwhile(bag: Any) -> None:
        for number in range(30):
            setattr(bag, f"x{number}", ONE)

    pool.root = pool.new(Bag)
    pool.root.a, pool.root.text = 1, TWO
    assert while_waiting(pool, lambda: waiting(pool.root), lambda: meanwhile(pool.root)) is None
    model = type("Model", (), {})()
    model.a, model.text = 1, TWO
    meanwhile(model)
    waiting(model)
    assert names(pool.root) == names(model)


def test_a_new_object_of_a_new_class_after_waiting(pool: Pool) -> None:
    class One(pmemobj.PersistentObject):
        pass

    class Other(pmemobj.PersistentObject):
        pass

    made = []

    def meanwhile() -> None:
        pool.root = pool.new(Other)
        pool.root.other = TWO

    def waiting() -> None:
        made.append(pool.new(One))
        made[0].one = ONE

    assert while_waiting(pool, waiting, meanwhile) is None
    assert made[0].one == ONE and pool.root.other == TWO and not hasattr(made[0], "other")


@pytest.mark.parametrize("end", ["commit", "abort"])
def test_another_thread_cannot_end_a_transaction(pool: Pool, end: str) -> None:
    transaction = pool.transaction().begin()
    pool.root = 1
    assert isinstance(Worker(getattr(transaction, end)).wait(), pmemobj.TransactionError)
    pool.root = 2
    transaction.commit()
    assert pool.root == 2 and not pool.in_transaction


def test_in_transaction_means_the_calling_thread(pool: Pool) -> None:
    with pool.transaction():
        assert Worker(lambda: pool.in_transaction).wait() is False
    with pytest.raises(pmemobj.TransactionAborted), pool.transaction():
        with pytest.raises(KeyError), pool.transaction():
            raise KeyError
        assert pool.in_transaction and Worker(lambda: pool.in_transaction).wait() is False


def test_reading_needs_no_waiting(pool: Pool) -> None:
    pool.root = pool.new(PersistentDict, a=ONE)
    with pool.transaction():
        assert Worker(lambda: (pool.root["a"], len(pool.root), pool.size)).wait() == (ONE, 1, pool.size)


def test_two_pools_in_two_threads_do_not_wait_for_each_other(pool: Pool, make_pool: Callable[..., Pool]) -> None:
    other = make_pool()
    with pool.transaction():
        assert Worker(lambda: setattr(other, "root", ONE)).wait() is None
    assert other.root == ONE


def test_closing_waits_for_the_transaction_of_another_thread(pool: Pool) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        with pool.transaction():
            pool.root = ONE
            begun.set()
            go_on.wait(PATIENCE)
            pool.root = TWO

    worker = Worker(work)
    begun.wait(PATIENCE)
    closer = Worker(pool.close)
    time.sleep(A_MOMENT)
    assert closer.is_alive() and not pool.closed
    go_on.set()
    assert worker.wait() is None and closer.wait() is None
    assert pool.closed
    with pmemobj.open(pool.path) as again:
        assert again.root == TWO and not again.recovered


def test_many_threads_lose_no_update(pool: Pool) -> None:
    turns, threads = 60, 6
    pool.root = pool.new(
        PersistentDict, count=0, log=pool.new(PersistentList), table=pool.new(PersistentDict), bag=pool.new(Bag)
    )

    def work(me: int) -> None:
        for turn in range(turns):
            with pool.transaction():
                pool.root["count"] += 1
                pool.root["log"].append(f"thread {me} turn {turn}")
            pool.root["log"].append(me)
            pool.root["table"][f"{me} {turn}"] = f"some long value {me} {turn}"
            setattr(pool.root["bag"], f"thread{me}", f"at turn {turn} of {turns}")
            if turn % 10 == me:
                pool.gc()

    results = [worker.wait() for worker in [Worker(lambda me=me: work(me)) for me in range(threads)]]
    assert results == [None] * threads
    assert pool.root["count"] == turns * threads
    log = list(pool.root["log"])
    for me in range(threads):
        assert log.count(me) == turns
        assert [text for text in log if str(text).startswith(f"thread {me} ")] == [
            f"thread {me} turn {turn}" for turn in range(turns)
        ]
        assert getattr(pool.root["bag"], f"thread{me}") == f"at turn {turns - 1} of {turns}"
    assert len(pool.root["table"]) == turns * threads
    assert_sound(pool)


def close_while_threads_work(path: str, turn: int) -> None:
    pool = pmemobj.create(path, pool_size=16 << 20)
    pool.root = pool.new(PersistentList)
    ready = threading.Barrier(4)

    def work() -> None:
        ready.wait(PATIENCE)
        while True:
            with pool.transaction():
                pool.root.append(ONE)
                pool.root.append(len(pool.root))
            pool.root[0] = 1

    workers = [Worker(work) for _ in range(3)]
    ready.wait(PATIENCE)
    time.sleep(0.002 * turn)
    pool.close()
    for worker in workers:
        error = worker.wait()
        assert isinstance(error, (pmemobj.PoolClosedError, pmemobj.InvalidHandleError)), repr(error)
    with pmemobj.open(path) as again:
        assert len(again.root) % 2 == 0 and not again.recovered
        assert_sound(again, no_garbage=True)


def test_closing_while_other_threads_work(scratch: Any, run_python: Callable[..., Any]) -> None:
    """The other threads get an error that says that the pool is closed, and the pool is clean. In a child, which must survive."""
    code = (
        "import sys, test_threads\nfor n in range(10): test_threads.close_while_threads_work(f'{sys.argv[1]}/{n}', n)"
    )
    run_python(code, scratch)


def test_two_threads_that_create_the_same_pool(scratch: Any) -> None:
    for turn in range(5):
        path = str(scratch / f"pool{turn}")
        results = [w.wait() for w in [Worker(lambda path=path: pmemobj.create(path, 8 << 20)) for _ in range(4)]]
        made = [result for result in results if isinstance(result, Pool)]
        assert len(made) == 1 and sum(isinstance(r, pmemobj.PoolExistsError) for r in results) == 3, results
        made[0].root = 1
        made[0].close()
        with pmemobj.open(path) as again:
            assert again.root == 1
    assert sorted(path.name for path in scratch.iterdir()) == [f"pool{turn}" for turn in range(5)]


# ---- what a thread is told ---------------------------------------------------------------------------


def test_a_thread_that_waits_for_long_says_for_what(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "QUIET_WAIT", A_MOMENT)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with pool.transaction():
            worker = Worker(lambda: setattr(pool, "root", 1))
            time.sleep(4 * A_MOMENT)
        assert worker.wait() is None and pool.root == 1
    (warning,) = said
    assert warning.category is RuntimeWarning
    assert f"{worker.name} has waited 0.05 seconds to use {pool.path}: MainThread has a transaction open" in str(
        warning.message
    )


def test_a_short_wait_is_not_worth_a_word(pool: Pool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while_waiting(pool, lambda: setattr(pool, "root", 1), lambda: None)
    assert pool.root == 1


def test_heaps_can_be_listed_while_other_threads_make_some() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        done = threading.Event()

        def make() -> None:
            while not done.is_set():
                heap.Heap("a heap of a test")

        workers = [Worker(make) for _ in range(2)]
        kept = [heap.Heap("another") for _ in range(100)]
        for _ in range(500):
            assert len(heap.live_heaps()) >= len(kept)
        done.set()
        assert [worker.wait() for worker in workers] == [None, None]
    finally:
        sys.setswitchinterval(interval)
