"""Power cuts: record what code does to a pool, and examine every state that a power cut could leave."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from pmemobj._format import POOL_HEAP_OFFSET, POOL_LANES_OFFSET, POOL_ROOT_OFFSET, ROOT_SIZE, WORD
from pmemobj._progress import Progress, demand_progress
from pmemobj._text import count_short, plural
from pmemobj.crash._arguments import demand_count, demand_model, demand_seconds, demanded_invariants
from pmemobj.crash._explore import Found, Search, explore, judge, smallest
from pmemobj.crash._frames import Frame, frame_at, frames_at
from pmemobj.crash._heap_map import first_chunk
from pmemobj.crash._image import Lines
from pmemobj.crash._pictures import Picture, pictures
from pmemobj.crash._recorder import TRACE_SIZE, End, Inherited, Taken, take
from pmemobj.crash._recovery import INVARIANTS, Check
from pmemobj.crash._report import BLIND, Backing, Counterexample, Exploration, Violation, counterexample, export
from pmemobj.crash._states import VOLATILE
from pmemobj.crash._trace import Event, What
from pmemobj.crash._workers import Setting
from pmemobj.errors import TransactionError
from pmemobj.pool import PersistentObjectPool, open_pools

NOTHING = "nothing was changed: there is nothing that a power cut could break"


@dataclass(frozen=True)
class Recording:
    """What some code did to a pool.

    Attributes:
        steps: Every store, flush and fence, and what the program was doing, in order.
        ending: How the code ended, unless it returned: ``raised an exception``, ``died of SIGSEGV``.
        output: What the code printed, including a traceback.
        truncated: Whether the code did more than could be recorded.
    """

    steps: tuple[Event, ...]
    ending: str
    output: str
    truncated: bool
    _taken: Taken = field(repr=False, compare=False)
    _identity: int = field(repr=False, compare=False)
    _rolled_back: bool = field(default=False, repr=False, compare=False)

    @property
    def returned(self) -> bool:
        """Whether the code returned."""
        return self._taken.end is End.RETURNED

    @property
    def unchanging(self) -> bool:
        """Whether the code stored nothing that means anything, so that a power cut cannot break anything."""
        stores = (step.offset for step in self.steps if step.what is What.STORE)
        return all(any(offset in volatile for volatile in VOLATILE) for offset in stores)

    def frame(self, number: int) -> Frame:
        """The cache lines and libpmemobj's logs just before a step; ``len(steps)`` is the end."""
        return frame_at(self._taken.base, self.steps, number)

    def frames(self, numbers: Sequence[int]) -> list[Frame]:
        """The moments just before several steps, in ascending order. Cost: that of the last one."""
        return frames_at(self._taken.base, self.steps, numbers)

    def region(self, offset: int) -> str:
        """What an offset belongs to, if it belongs to no object: the pool's header, libpmemobj's log, the root, ..."""
        base = self._taken.base
        lanes, heap, root = (
            int.from_bytes(base.read(at, WORD), "little")
            for at in (POOL_LANES_OFFSET, POOL_HEAP_OFFSET, POOL_ROOT_OFFSET)
        )
        for end, what in (
            (lanes, "the pool's header"),
            (heap, "libpmemobj's log"),
            (first_chunk(heap), "libpmemobj's heap headers"),
        ):
            if offset < end:
                return what
        return "the root" if root <= offset < root + ROOT_SIZE else "free memory"

    def pictures(self, images: Sequence[Lines], max_nodes: int | None = 1000) -> list[Picture]:
        """The objects in images, before and after recovery.

        Args:
            images: Each is a dict of the cache lines in which it differs from the beginning, offsets with 64 bytes, as
                from `Violation.lines`, or from the lines of a `Frame` (their ``durable`` or their ``content``).
            max_nodes: How many objects to show.

        Cost: some milliseconds for each.
        """
        live = self._inherited()
        name = live.pool._heap.name if live else "crash image"
        return pictures(self._taken.base, name, live, images, max_nodes)

    def _inherited(self) -> Inherited | None:
        # The pool with this identity, if it is open here: libpmemobj does not open a second one in this process.
        live = [pool for pool in open_pools() if pool._heap.pool_uuid == self._identity]
        return Inherited("explore crashes", live[0], rolled_back=self._rolled_back) if live else None

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the pool as it was when the recording began to a new file."""
        export(self._taken.base, {}, path)

    def explore(
        self,
        check: Check | None = None,
        *,
        model: str = "lines",
        budget: int = 3000,
        seconds: float = 60.0,
        seed: int = 0,
        atomic: bool = True,
        recovery: int = 0,
        invariants: tuple[str, ...] = INVARIANTS,
        workers: int | None = None,
        patience: float = 10.0,
        executor: Executor | None = None,
        progress: Progress | None = None,
    ) -> Exploration:
        """Simulate power cuts at every moment, with every image that the model has, and let libpmemobj recover each.

        Args:
            check: Called with the recovered pool. It must neither return a false value (other than None) nor raise. It
                may change the pool, which is thrown away afterwards.
            model: ``drop``, ``all-or-none``, ``prefix``, ``events`` or ``lines``; see docs/crash_lab.md.
            budget: How many images to recover at the most, besides one for each promise. If there are more moments than
                half of the budget, some of them are drawn; so they are if they do not fit into memory. A note says so.
            seconds: How long to plan and to recover. A result that was cut off by time depends on the machine; a note
                says so.
            seed: For the choice of images where the budget does not allow all of them.
            atomic: Whether each transaction, and each store outside of a transaction, must be seen as a whole or not at
                all.
            recovery: For how many images the recovery is crashed at every moment, too.
            invariants: Which of `INVARIANTS` to examine in every image that opens.
            workers: How many worker processes to use; by default two, if there is enough to do.
            patience: How many seconds one image may take.
            executor: A `concurrent.futures` executor that recovers the images: with threads, or with processes that
                were not forked off while the pool was open (``spawn``, ``forkserver``). For processes `check` must be
                picklable.
            progress: Called now and then as ``progress(done, total)``, with numbers of images; not with an executor.

        Raises:
            ValueError: there is no such model or invariant, or a number makes no sense.
            TypeError: an argument has a type that makes no sense.
            TransactionError: a transaction is open in this thread, and the recording was not made with ``rolled_back``,
                or there is an `executor`.
            ForkedPoolError: the processes of the executor were forked off while the pool was open.

        Cost: some milliseconds for each image.
        """
        demand_model(model)
        demand_count("budget", budget, 1)
        demand_count("recovery", recovery, 0)
        if workers is not None:
            demand_count("workers", workers, 1)
        demand_seconds("seconds", seconds, zero=True)
        demand_seconds("patience", patience, zero=False)
        demand_progress("explore crashes", progress)
        names = demanded_invariants(invariants)
        inherited = self._inherited()
        if executor is not None and inherited is not None and inherited.pool.in_transaction:
            # A thread of the executor would wait for the transaction, and the transaction for that thread.
            why = "a transaction is open, for whose end the workers of the executor would wait"
            raise TransactionError("explore crashes", why, "leave out executor, or commit or abort first")
        setting = Setting(self._taken.base, check, names, patience, inherited)
        search = Search(model, budget, seconds, seed, recovery, workers, executor, progress)
        found = explore(self._taken, setting, self._identity, search)
        return self._exploration(found, setting, search, atomic)

    def _exploration(self, found: Found, setting: Setting, search: Search, atomic: bool) -> Exploration:
        """Judge what was found, and minimize the first violation."""

        def minimize(violation: Violation) -> Counterexample:
            # An image that hung once would hang in each attempt.
            answer = violation.outcome.status != "hung" and smallest(
                setting, violation.moment, violation.choice, violation.broken.invariant, found.states, atomic
            )
            return counterexample(violation, self.steps, *(answer or (violation.choice, violation.choice)))

        violations, results = self._judged(found, atomic, minimize)
        # Only the first violation is shown; others are minimized when somebody asks for it.
        first = minimize(violations[0]) if violations else None
        tried = found.outcomes[len(found.states) :]
        doubt = _doubt(found, setting)
        return Exploration(
            search.model,
            search.seed,
            len(found.moments),
            found.possible,
            len(found.chosen) + found.covered,
            len(tried),
            sum(outcome is not None for outcome in tried),
            sum(outcome.recoveries for outcome in tried if outcome is not None),
            tuple(violations),
            first,
            tuple(results),
            self._notes(found, search.budget, doubt),
            tuple(found.moments[at].event for at, _, _ in found.chosen),
            self.ending or ("did more than could be recorded" if self.truncated else ""),
            doubt,
        )

    def _judged(
        self, found: Found, atomic: bool, minimize: Callable[[Violation], Counterexample]
    ) -> tuple[list[Violation], list[str]]:
        violations, results = [], []
        backing = Backing(self._taken.base, minimize)
        for at, choice, number in found.chosen:
            outcome, moment = found.outcomes[number], found.moments[at]
            broken = judge(outcome, moment.promises, found.states, atomic) if outcome is not None else ()
            known = all(found.outcomes[: len(found.states)][moment.promises : moment.promises + 2])
            # If the time was up before the promised states were recovered, the image cannot be judged.
            if outcome is None or (atomic and not known and not broken):
                results.append("open")
                continue
            violations += [Violation(each, moment, choice, outcome, backing) for each in broken]
            # When no change is under way any more, the promised state is the one after, not the one before.
            done = moment.promises > 0 and set(found.states[moment.promises :]) == {outcome.state}
            old = outcome.state == found.states[moment.promises] and not done
            results.append("wrong" if broken else "old" if old else "new")
        violations.sort(key=lambda violation: violation.moment.event)
        return violations, results

    def _notes(self, found: Found, budget: int, doubt: str) -> tuple[str, ...]:
        notes = [doubt] if doubt else []
        if self.unchanging:
            notes.append(NOTHING)
        answers = [outcome.answer for outcome in found.outcomes if outcome is not None and outcome.answer]
        if answers:
            notes.append(f"your check returned {answers[0]}, which is neither True nor False; it counts as true")
        if self.ending:
            notes.append(f"the code {self.ending}; everything that it did before was explored")
        if self.truncated:
            notes.append("the code did more than could be recorded; the end of the recording is missing")
        if found.cut:
            notes.append("the time was up before all states were counted; there may be more states than stated here")
        elif any(outcome is None for outcome in found.outcomes):
            notes.append("the time was up before all states were tried; another run may try a different number of them")
        if found.covered:
            skipped = "state was skipped: it is" if found.covered == 1 else "states were skipped: they are"
            notes.append(f"{count_short(found.covered)} {skipped} equivalent to states already tested")
        points_tried = len(found.moments)
        if points_tried < found.counted and not found.cut:
            points = plural(found.counted, "point")
            notes.append(f"the power was cut at {points_tried} of {points} of the program, drawn at random")
        left_out = found.possible - len(found.chosen) - found.covered
        if left_out:
            were = "state was" if left_out == 1 else "states were"
            notes.append(f"{count_short(left_out)} {were} left out: the budget is {plural(budget, 'image')}")
        return (*notes, BLIND)


def _doubt(found: Found, setting: Setting) -> str:
    """Why the check itself is probably wrong: it fails on the pool as it was before, or does not end."""
    before = found.outcomes[0]
    for broken in before.broken if before is not None else ():
        if broken.invariant == "check":
            gist = broken.text.splitlines()[-1]
            return f"Your check is already false before the code runs, so the check itself is probably wrong: {gist}"
    return "".join(setting.remarks[:1])


def record(
    pool: PersistentObjectPool,
    action: Callable[[], object],
    *,
    seconds: float = 30.0,
    seed: int = 0,
    trace_size: int = TRACE_SIZE,
    rolled_back: bool = False,
) -> Recording:
    """Record everything that `action` does to a pool, in a child process that works on a copy of it.

    The pool stays open and unchanged, to the byte. The child sees all variables of the caller, and there the persistent
    objects lead into the copy. What the child does to variables and objects does not come back.

    Args:
        pool: An open pool of fixed size.
        action: What to record. It makes its own transactions. When it returns, everything that it did counts as
            promised; `acknowledge` promises earlier.
        seconds: How long it may run; then it is killed.
        seed: For the random parts of what is stored.
        trace_size: The size that the recording may have, in bytes.
        rolled_back: Whether a transaction may be open in the calling thread, and the pool in a sandbox. The copy is the
            pool as it was when that transaction began; objects that the transaction created do not exist there. The
            transaction itself goes on, and may still be open when the recording is explored.

    Raises:
        PowerModeError: there is no recorder: it needs x86-64 Linux, and a C compiler when pmemobj was installed.
        TransactionError: a transaction is open in this thread, of another pool or without `rolled_back`.
        PmemError: the pool is growing, or in a sandbox without `rolled_back`.

    Cost: some ten milliseconds, and about 40 µs for each store.

    Example::

        import pmemobj
        from pmemobj import crash

        with pmemobj.create("bank.pmem", 8 << 20) as pool:
            money = pool.root = pool.persistent({"ada": 100, "bob": 100})

            def careless():
                money["ada"] -= 30
                money["bob"] += 30

            report = crash.record(pool, careless).explore(lambda pool: sum(pool.root.values()) == 200)
            assert not report.ok
    """
    taken = take(f"record what is done to pool {pool.path}", pool, action, seconds, trace_size, seed, rolled_back)
    identity = pool._heap.pool_uuid
    return Recording(taken.events, taken.ending, taken.output, taken.truncated, taken, identity, rolled_back)
