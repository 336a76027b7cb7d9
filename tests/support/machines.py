"""The common base of the state machines of Hypothesis that change a pool in any order.

A machine derives from `PoolMachine` and says what is in the pool, by rules of its own and by `compare`.
What should be there is kept in `model`, in plain Python objects; a roll-back brings back a copy of it.
Around the rules of the machine the base begins, nests, commits and rolls back transactions, collects
garbage, closes and opens, suspends and resumes, and lets a process be killed in the middle of `work`;
after each of these the whole pool is judged, by `soundness` and by the readers of `pmemobj.check`.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from typing import Any

from conftest import MIB
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from mortal import die_at_work
from scratch import scratch_parent
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentObjectPool
from pmemobj._verify.examination import ERROR, Examination

LONG = "a string that is too long for a word"

values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 5)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.just(LONG)
    | st.binary(max_size=20)
)
places = st.integers(-3, 30)


class Model(dict[str, Any]):
    """The expected state of an object: its class and attributes; compared by identity."""

    def __init__(self, cls: type) -> None:
        super().__init__()
        self.cls = cls

    __eq__ = object.__eq__
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __deepcopy__(self, memo: dict[int, Any]) -> Model:
        made = memo[id(self)] = Model(self.cls)
        made.update(copy.deepcopy(dict(self), memo))
        return made


def idle(machine: PoolMachine) -> bool:
    return not machine.transactions


class PoolMachine(RuleBasedStateMachine):
    """A pool with its transactions, collections and reopenings; a subclass says what is in it."""

    #: What `work` is given lists of.
    work_values = values

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.mkdtemp(prefix="pmemobj-test-", dir=scratch_parent())
        self.pool = self.create(f"{self.directory}/pool")
        self.model: Any = None
        self.saved: Any = None
        #: The outermost first.
        self.transactions: list[pmemobj.Transaction] = []

    # ---- what a machine says ----

    def create(self, path: str) -> PersistentObjectPool:
        """The pool; a small one unless a machine wants another."""
        return pmemobj.create(path, pool_size=8 * MIB)

    def compare(self) -> None:
        """Fail unless the pool holds what the model holds."""
        raise AssertionError("every machine has its own")

    def work(self, root: Any, new: list[Any]) -> None:
        """Changes of all kinds, to the root or to the model, with new values."""
        raise AssertionError("every machine has its own")

    def let_go(self) -> None:
        """Drop what keeps the pool from being closed."""

    def collected(self, freed: int) -> None:
        """Judge how much garbage there was."""

    # ---- transactions ----

    @precondition(idle)
    @rule()
    def begin(self) -> None:
        self.saved = copy.deepcopy(self.model)
        self.transactions.append(self.pool.transaction().begin())

    @precondition(lambda self: 0 < len(self.transactions) < 3)
    @rule()
    def nest(self) -> None:
        self.transactions.append(self.pool.transaction().begin())

    @precondition(lambda self: self.transactions)
    @rule()
    def commit(self) -> None:
        self.transactions.pop().commit()

    @precondition(lambda self: self.transactions)
    @rule()
    def abort(self) -> None:
        """If any level aborts, the whole transaction is rolled back, and each level raises."""
        while self.transactions:
            try:
                self.transactions.pop().abort()
                raise AssertionError("abort() always raises")
            except pmemobj.TransactionAborted:
                pass
            assert self.pool.in_transaction == bool(self.transactions)
        self.model = self.saved

    # ---- the life of a pool ----

    @precondition(idle)
    @rule(keep=st.booleans())
    def collect(self, keep: bool) -> None:
        self.collected(self.pool.gc(keep_handles=keep))
        self.judge(no_garbage=not keep)

    @precondition(idle)
    @rule()
    def reopen(self) -> None:
        self.let_go()
        self.pool.close()
        self.pool = pmemobj.open(self.pool.path)
        assert not self.pool.recovered
        self.judge(no_garbage=True)

    @precondition(idle)
    @rule()
    def suspend_and_resume(self) -> None:
        self.let_go()
        self.pool.suspend()
        self.pool.resume()

    @precondition(idle)
    @rule(data=st.data(), at=st.integers(1, 30))
    def die(self, data: st.DataObject, at: int) -> None:
        self.let_go()
        finished = data.draw(st.lists(self.work_values, max_size=3))
        cut_off = data.draw(st.lists(self.work_values, min_size=1, max_size=4))
        die_at_work(self.pool, lambda root: self.work(root, finished), lambda root: self.work(root, cut_off), at)
        self.work(self.model, finished)
        self.judge()

    # ---- judging ----

    def judge(self, *, no_garbage: bool = False) -> None:
        """Outside of transactions, the pool is sound by the tests' own judge and by `pmemobj.check`."""
        assert_sound(self.pool, no_garbage=no_garbage)
        heap = self.pool._heap
        wrong = [finding for finding in Examination(heap, heap.allocations()).run() if finding.severity == ERROR]
        assert not wrong, wrong

    @invariant()
    def is_like_the_model(self) -> None:
        if self.pool.root is not None:
            self.compare()
        assert self.pool.in_transaction == bool(self.transactions)

    def teardown(self) -> None:
        try:
            self.let_go()
            while self.transactions:
                self.commit()
            self.judge()
            self.pool.close()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)
