"""The modes of durability: which there are, and which one a pool has, by its medium and by what the program wants.

| mode | where | what a commit promises |
|---|---|---|
| ``full`` | DAX | it is durable when it returns: libpmem flushes the cache lines |
| ``full`` | disk | it is durable when it returns: its record in the journal was waited for |
| ``relaxed`` | disk | a killed program loses none; a power cut may lose the last ones, never a part of one |
| ``in-place`` | disk | it is durable when it returns: libpmem waits for ``msync`` of each changed page |
| ``memory`` | RAM | a killed program loses none; nothing has to be flushed for that |
| ``none`` | sandbox | nothing: the changes vanish at close |
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pmemobj._files.medium import Medium
from pmemobj._pmdk import interposition
from pmemobj.errors import DurabilityError

FULL: Final = "full"
RELAXED: Final = "relaxed"
IN_PLACE: Final = "in-place"
MEMORY: Final = "memory"
NONE: Final = "none"
#: What a program can ask for.
CHOICES = (FULL, RELAXED, IN_PLACE)
#: What a pool on a disk gets if the program asks for nothing.
DEFAULT_ON_DISK = FULL


class Mode(NamedTuple):
    """How a pool makes its commits durable.

    Attributes:
        name: One of the names in the table above.
        policy: What a flush by libpmemobj means, one of the policies of `interposition`.
    """

    name: str
    policy: int


#: libpmem's functions, on a disk or wherever they cannot be replaced.
PASSED_ON = Mode(IN_PLACE, interposition.PASS)
#: Of a pool that has never been open.
UNKNOWN = Mode(NONE, interposition.PASS)


def demand_choice(what: str, wanted: Any, sandbox: bool) -> None:
    """Refuse a durability that there is not, or that a sandbox cannot have.

    Raises:
        DurabilityError: it is one of these.
    """
    if wanted is None:
        return
    if wanted not in CHOICES:
        raise DurabilityError(what, f"durability {wanted!r} is unknown", "use 'full', 'relaxed' or 'in-place'")
    if sandbox:
        raise DurabilityError(
            what,
            f"it cannot be {wanted!r} in a sandbox, whose changes vanish at close",
            "leave out durability, or sandbox=True",
        )


def choose(what: str, wanted: str | None, medium: Medium, sandbox: bool) -> Mode:
    """The mode of a pool on a kind of memory. libpmemobj is loaded already.

    Args:
        what: The operation, for errors.
        wanted: What the program asks for; None for nothing.
        medium: The kind of memory.
        sandbox: Whether the changes stay in memory.

    Raises:
        DurabilityError: the pool cannot have what the program asks for.
    """
    is_possible = not interposition.problem()
    if sandbox:
        return Mode(NONE, interposition.MEMORY if is_possible else interposition.PASS)
    if wanted == IN_PLACE:
        return Mode(FULL if medium is Medium.DAX else IN_PLACE, interposition.PASS)
    if medium is Medium.DAX:
        if wanted == RELAXED:
            raise DurabilityError(
                what,
                "on persistent memory a commit waits for nothing that 'relaxed' could spare it",
                "leave out durability, which is 'full' there",
            )
        return Mode(FULL, interposition.PASS)
    if medium is Medium.RAM:
        if wanted is not None:
            raise DurabilityError(
                what,
                f"{wanted!r} promises something for a power cut, in which everything on tmpfs is lost",
                "leave out durability, or put the pool on a disk",
            )
        return Mode(MEMORY, interposition.MEMORY) if is_possible else PASSED_ON
    if wanted is not None and not is_possible:
        raise DurabilityError(
            what,
            f"{wanted!r} needs a journal, and {interposition.problem()}",
            "leave out durability, or use 'in-place'",
        )
    name = wanted or DEFAULT_ON_DISK
    return Mode(name, interposition.JOURNAL) if is_possible and name != IN_PLACE else PASSED_ON
