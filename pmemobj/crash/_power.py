"""Power cuts: record what code does to a pool, and look at every state that a power cut could leave of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from pmemobj._format import POOL_HEAP_OFFSET, POOL_LANES_OFFSET, POOL_ROOT_OFFSET, ROOT_SIZE, WORD
from pmemobj._text import count_short, plural
from pmemobj.crash._arguments import demand_count, demand_model, demand_seconds, demanded_invariants
from pmemobj.crash._explore import Found, explore, judge, smallest
from pmemobj.crash._frames import Frame, frame_at, frames_at
from pmemobj.crash._heap_map import first_chunk
from pmemobj.crash._image import Lines
from pmemobj.crash._pictures import Picture, pictures
from pmemobj.crash._recorder import TRACE_SIZE, End, Inherited, Taken, take
from pmemobj.crash._recovery import INVARIANTS, Check
from pmemobj.crash._report import BLIND, Backing, Counterexample, Report, Violation, counterexample, export
from pmemobj.crash._states import VOLATILE
from pmemobj.crash._trace import Event, What
from pmemobj.crash._workers import Setting
from pmemobj.pool import PersistentObjectPool, open_pools

NOTHING = "nothing was changed: there is nothing that a power cut could break"


@dataclass(frozen=True)
class Recording:
    """What some code did to a pool.

    Attributes:
        steps: Every store, flush and fence, and what the program was doing, in order.
        ending: How the code ended, unless it returned: ``raised an exception``, ``died of SIGSEGV``.
        output: What it printed, a traceback included.
        truncated: Whether there was more than could be recorded.
    """

    steps: tuple[Event, ...]
    ending: str
    output: str
    truncated: bool
    _taken: Taken = field(repr=False, compare=False)
    _identity: int = field(repr=False, compare=False)

    @property
    def returned(self) -> bool:
        """Whether the code came to its end."""
        return self._taken.end is End.RETURNED

    @property
    def unchanging(self) -> bool:
        """Whether nothing was stored that means anything, so that there is nothing that a power cut could break."""
        stores = (step.offset for step in self.steps if step.what is What.STORE)
        return all(any(offset in volatile for volatile in VOLATILE) for offset in stores)

    def frame(self, number: int) -> Frame:
        """The cache lines and libpmemobj's logs just before a step; ``len(steps)`` is the end."""
        return frame_at(self._taken.base, self.steps, number)

    def frames(self, numbers: Sequence[int]) -> list[Frame]:
        """The same for several steps, in ascending order; as costly as the last of them."""
        return frames_at(self._taken.base, self.steps, numbers)

    def region(self, offset: int) -> str:
        """What an offset of the pool belongs to, apart from objects: its header, libpmemobj's log, the root, ..."""
        base = self._taken.base
        lanes, heap, root = (
            int.from_bytes(base.read(at, WORD), "little")
            for at in (POOL_LANES_OFFSET, POOL_HEAP_OFFSET, POOL_ROOT_OFFSET)
        )
        for end, what in (
            (lanes, "the pool's header"),
            (heap, "libpmemobj's log"),
            (first_chunk(heap), "libpmemobj's books"),
        ):
            if offset < end:
                return what
        return "the root" if root <= offset < root + ROOT_SIZE else "free memory"

    def pictures(self, images: Sequence[Lines], max_nodes: int | None = 1000) -> list[Picture]:
        """The objects in images, before and after recovery.

        Args:
            images: Each told by the cache lines in which it differs from the beginning: offset and 64 bytes, as in
                `Violation.lines`, or those of the lines of a `Frame`, ``durable`` or ``content``.
            max_nodes: How many objects to show.

        Cost: some milliseconds for each.
        """
        live = self._inherited()
        name = live.pool._heap.name if live else "crash image"
        return pictures(self._taken.base, name, live, images, max_nodes)

    def _inherited(self) -> Inherited | None:
        # Whichever pool of this identity is open here: a libpmemobj does not open a second one.
        live = [pool for pool in open_pools() if pool._heap.pool_uuid == self._identity]
        return Inherited("explore crashes", live[0]) if live else None

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
        progress: Callable[[int, int], object] | None = None,
    ) -> Report:
        """Cut the power at every moment, in every way that the model has, and let libpmemobj recover.

        Args:
            check: Called with the recovered pool; what it returns must not be false, and it must not raise.
                It may change the pool, which is thrown away.
            model: ``drop``, ``all-or-none``, ``prefix``, ``events`` or ``lines``; see docs/crash_lab.md.
            budget: How many images to recover at the most, besides one for each promise. Of more moments than half of
                it some are drawn; memory is bounded likewise. The report says so.
            seconds: How long to plan and to recover. A result that was cut off by time depends on the machine; it says
                so.
            seed: For the choice of images where the budget does not suffice for all.
            atomic: Whether each transaction, and each store outside of one, must be seen whole or not at all.
            recovery: Of how many images the recovery is crashed at every moment, too.
            invariants: Those of `INVARIANTS` that are to be looked at of every image that opens.
            workers: How many processes; two by default, where there is enough to do.
            patience: Seconds that one image may take.
            executor: A `concurrent.futures` executor that takes over the images: of threads, or of processes that were
                not forked off while the pool was open (``spawn``, ``forkserver``). For processes `check` must be
                picklable.
            progress: Told now and then how many images are done, and how many there are; not with an executor.

        Raises:
            ValueError: there is no such model or invariant, or a number makes no sense.
            TypeError: an argument is of no type that makes sense.
            TransactionError: a transaction is open in this thread.
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
        names = demanded_invariants(invariants)
        inherited = self._inherited()
        setting = Setting(self._taken.base, check, names, patience, inherited)
        found = explore(
            self._taken,
            setting,
            self._identity,
            model=model,
            budget=budget,
            seconds=seconds,
            seed=seed,
            recovery=recovery,
            workers=workers,
            executor=executor,
            progress=progress,
        )

        def minimize(violation: Violation) -> Counterexample:
            # What hung once would hang each time.
            answer = violation.outcome.status != "hung" and smallest(
                setting, violation.moment, violation.choice, violation.finding.invariant, found.states, atomic
            )
            return counterexample(violation, self.steps, *(answer or (violation.choice, violation.choice)))

        violations, results = self._judged(found, atomic, minimize)
        # The first one is what is shown; others are made smaller when they are asked.
        first = minimize(violations[0]) if violations else None
        looked_at = found.outcomes[len(found.states) :]
        doubt = _doubt(found, setting)
        return Report(
            model,
            seed,
            len(found.moments),
            found.possible,
            len(found.chosen) + found.covered,
            len(looked_at),
            sum(outcome is not None for outcome in looked_at),
            sum(outcome.recoveries for outcome in looked_at if outcome is not None),
            tuple(violations),
            first,
            tuple(results),
            self._notes(found, budget, doubt),
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
            findings = judge(outcome, moment.promises, found.states, atomic) if outcome is not None else ()
            known = all(found.outcomes[: len(found.states)][moment.promises : moment.promises + 2])
            # What is right may have fallen victim to the time as well; then nothing can be said for an image.
            if outcome is None or (atomic and not known and not findings):
                results.append("open")
                continue
            violations += [Violation(finding, moment, choice, outcome, backing) for finding in findings]
            # Where nothing is under way any more, what was promised is not the state before, but the one after.
            done = moment.promises > 0 and set(found.states[moment.promises :]) == {outcome.state}
            old = outcome.state == found.states[moment.promises] and not done
            results.append("wrong" if findings else "old" if old else "new")
        violations.sort(key=lambda violation: violation.moment.event)
        return violations, results

    def _notes(self, found: Found, budget: int, doubt: str) -> tuple[str, ...]:
        notes = [doubt] if doubt else []
        if self.unchanging:
            notes.append(NOTHING)
        answers = [outcome.answer for outcome in found.outcomes if outcome is not None and outcome.answer]
        if answers:
            notes.append(f"the check returned {answers[0]}, neither True nor False: it counts as true")
        if self.ending:
            notes.append(f"the code {self.ending}; what it had done by then was explored")
        if self.truncated:
            notes.append("there were more events than could be recorded; the end is missing")
        if found.cut:
            notes.append("the time was up before it was known what there is to recover; there may be more than is told")
        elif any(outcome is None for outcome in found.outcomes):
            notes.append("the time was up before all images were recovered; another run may come to another number")
        if found.covered:
            same = "must come to the same as some that were recovered"
            notes.append(f"{plural(found.covered, 'state')} {same}")
        looked_at = len(found.moments)
        if looked_at < found.counted and not found.cut:
            notes.append(f"{looked_at} of {plural(found.counted, 'moment')} were looked at, drawn by the seed")
        left_out = found.possible - len(found.chosen) - found.covered
        if left_out:
            were = "state was" if left_out == 1 else "states were"
            notes.append(f"{count_short(left_out)} {were} left out, for a budget of {plural(budget, 'image')}")
        return (*notes, BLIND)


def _doubt(found: Found, setting: Setting) -> str:
    """Why the check is probably wrong: it fails where nothing has crashed, or does not end."""
    before = found.outcomes[0]
    for finding in before.findings if before is not None else ():
        if finding.invariant == "check":
            gist = finding.text.splitlines()[-1]
            return f"the check fails on the pool as it was before, too, so it is probably wrong: {gist}"
    return "".join(setting.remarks[:1])


def record(
    pool: PersistentObjectPool,
    action: Callable[[], object],
    *,
    seconds: float = 30.0,
    seed: int = 0,
    trace_size: int = TRACE_SIZE,
) -> Recording:
    """Record everything that `action` does to a pool, in a child process that works on a copy of it.

    The pool stays open and unchanged, to the byte. The child sees all variables of the caller, and the
    persistent objects lead into the copy there; what it does to them does not come back.

    Args:
        pool: An open pool of fixed size.
        action: What to record. It makes its own transactions; when it returns, all that it did is taken for
            promised. `acknowledge` says so earlier.
        seconds: How long it may run; then it is killed.
        seed: For the random parts of what is stored.
        trace_size: Bytes that the recording may take.

    Raises:
        PowerModeError: there is no recorder: it needs x86-64 Linux, and a C compiler when pmemobj was installed.
        TransactionError: a transaction is open in this thread.
        PmemError: the pool is a growing one, or in a sandbox.

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
    taken = take(f"record what is done to pool {pool.path}", pool, action, seconds, trace_size, seed)
    return Recording(taken.events, taken.ending, taken.output, taken.truncated, taken, pool._heap.pool_uuid)
