"""What a kill did: the pool before, at the crash and after recovery, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from pmemobj import inspect
from pmemobj._text import plural


class Verdict(Enum):
    """What became of the pool; the value is what people are told."""

    ROLLED_BACK = "rolled back: after recovery the pool is as it was before"
    CHANGED = "the pool is neither as before nor whole: something was stored outside the transaction"
    UNCHANGED = "nothing had been changed when it died"
    RAISED = "the code raised an exception before it could be killed; its transaction was rolled back"
    EXITED = "the code ended its process before it could be killed; after recovery the pool is as it was before"
    SIGNALLED = "a signal ended the process before it could be killed; after recovery the pool is as it was before"
    NO_TRANSACTION = "no transaction was open: everything that it had stored is there after recovery"
    UNDONE_BEFORE = "an error had rolled back the transaction before it died: nothing was left to undo"
    STORED = "all of its statements are stored: without a transaction, each of them is durable by itself"
    TORN = "torn: some of its statements are stored, others are not, since no transaction holds them together"
    NOTHING_STORED = (
        "nothing of it is stored: it died in its first statement, and each statement is whole or not at all"
    )
    PARTLY_STORED = "what its statements had stored until then is there after recovery: no transaction takes it back"
    RAISED_ALONE = "the code raised an exception before it could be killed; nothing of it is stored"
    TIMED_OUT = "the code did not end in time and was killed; after recovery the pool is as it was before"


@dataclass(frozen=True)
class CrashReport:
    """One crash.

    Attributes:
        verdict: What became of the pool.
        at: The change after which the child was to die; None for just before the commit, or for where the program was.
        changes: How many changes of live memory it had made when it died.
        before: The pool before.
        at_crash: What the child had stored when it died, read from the file before recovery.
        after: The pool after recovery.
        output: What the code printed, its traceback included.
        ending: How the process ended, in words, if not by the planned kill: ``exited with code 3``.
        hint: What may be the cause of that; or an empty string.
        moment: When it was killed, in words, if that was as planned: ``killed after change 2``.
        complete: Whether the code had run to its end before it was killed. Then `changes` is the number of all its
            changes, and half of that is a moment in the middle.
    """

    verdict: Verdict
    at: int | None
    changes: int
    before: inspect.Graph
    at_crash: inspect.Graph
    after: inspect.Graph
    output: str
    ending: str = ""
    hint: str = ""
    # Older versions had neither of the two; reports that they pickled are shown as before.
    moment: str = field(default="", repr=False, metadata={"later": True})
    complete: bool = field(default=False, repr=False, metadata={"later": True})

    @property
    def ok(self) -> bool:
        """Whether the pool came back as it was."""
        return self.before == self.after

    @property
    def frames(self) -> tuple[tuple[str, inspect.Graph], ...]:
        """The three graphs with their titles."""
        return ("before", self.before), ("at the crash", self.at_crash), ("after recovery", self.after)

    def __str__(self) -> str:
        made = f"{plural(self.changes, 'change')} made"
        return f"{self.ending or self.moment}, {made}: {self.verdict.value}" + (f" ({self.hint})" if self.hint else "")
