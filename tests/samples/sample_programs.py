"""The classes of the programs whose pools are kept as samples.

The pools name these classes by ``sample_programs:NAME``, so a class must keep its name and its place here for as long
as there are samples. A class may be added at any time. The samples of older versions know nothing of it.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator
from typing import Any, NamedTuple

import pmemobj
from pmemobj import Field, Persistent, PersistentObject, crash, errors, glance, inspect

# ---- classes whose attributes are the state ----


class Account(PersistentObject):
    """A class with a default in the class, a volatile attribute and a property."""

    currency = "EUR"

    def __init__(self, owner: str, balance: int = 0) -> None:
        self.owner = owner
        self.balance = balance
        self.history = self._p_mm.new(pmemobj.PersistentList)

    def _v__init__(self) -> None:
        self._v_found = True

    @property
    def doubled(self) -> int:
        """Twice the balance."""
        return self.balance * 2


class Savings(Account):
    """A class that is derived from another one of the program."""

    def __init__(self, owner: str, balance: int = 0, rate: float = 0.5) -> None:
        super().__init__(owner, balance)
        self.rate = rate


@dataclasses.dataclass(eq=False)
class Task(PersistentObject):
    """A dataclass that is persistent."""

    title: str
    done: bool = False
    after: Any = None


class Bag(PersistentObject):
    """A class without attributes of its own."""


class House:
    """A class that is not persistent, around one that is."""

    class Room(PersistentObject):
        """A class with a dot in its qualified name."""

        def __init__(self, size: float) -> None:
            self.size = size


class Hero(PersistentObject):
    """A class that had another name in another module when its objects were stored."""

    def __init__(self, name: str) -> None:
        self.name = name

    def greeting(self) -> str:
        """What the hero says."""
        return f"I am {self.name}."


#: The name under which the objects of `Hero` are stored.
OLD_NAME_OF_HERO = "old_games:Guesser"
pmemobj.alias(OLD_NAME_OF_HERO, Hero)


# ---- classes that lay out their memory themselves ----


class RingBuffer(Persistent):
    """The last values that were appended, the oldest first."""

    first = Field("i")
    count = Field("H")
    items = Field("block")

    def __init__(self, capacity: int) -> None:
        self.items = self._p_mm.alloc(capacity, "value")

    def __len__(self) -> int:
        return int(self.count)

    def __iter__(self) -> Iterator[Any]:
        items = self.items
        return iter([items[(self.first + at) % len(items)] for at in range(self.count)])

    def append(self, value: Any) -> None:
        """Add a value. The oldest one goes if there is no room."""
        with self._p_mm.transaction():
            items = self.items
            items[(self.first + self.count) % len(items)] = value
            if self.count < len(items):
                self.count += 1
            else:
                self.first = (self.first + 1) % len(items)


class EveryField(Persistent):
    """One field of every code, and a block of every code."""

    truth = Field("?")
    small = Field("b")
    small_unsigned = Field("B")
    short = Field("h")
    short_unsigned = Field("H")
    whole = Field("i")
    whole_unsigned = Field("I")
    long = Field("q")
    long_unsigned = Field("Q")
    single = Field("f")
    double = Field("d")
    anything = Field()
    nothing = Field("value")
    values = Field("block")
    numbers = Field("block")
    bytes = Field("block")
    no_block = Field("block")

    def __init__(self) -> None:
        mm = self._p_mm
        self.truth, self.small, self.small_unsigned = True, -(2**7), 2**8 - 1
        self.short, self.short_unsigned = -(2**15), 2**16 - 1
        self.whole, self.whole_unsigned = -(2**31), 2**32 - 1
        self.long, self.long_unsigned = -(2**63), 2**64 - 1
        self.single, self.double = 0.5, 0.1
        self.anything = "a text that needs memory of its own"
        self.values = mm.alloc(4, "value")
        self.values[:] = [None, 2**70, "another text that needs memory of its own", self]
        self.numbers = mm.zalloc(5, "d")
        self.numbers[:] = [0.0, -1.5, float("inf"), float("nan"), 0.1]
        self.bytes = mm.zalloc(3, "B")
        self.bytes[:] = [0, 7, 255]


class Reading(Persistent):
    """A class that declares other fields now than it did when the first of its objects were stored."""

    celsius = Field("d")
    place = Field()
    days = Field("block")

    def __init__(self, celsius: float, place: str) -> None:
        self.celsius, self.place = celsius, place
        self.days = self._p_mm.zalloc(2, "h")


# ---- classes whose instances never change, and are stored as pickles ----


class Colour(enum.Enum):
    """An Enum."""

    RED = 1
    GREEN = "g"


class Level(enum.IntEnum):
    """An IntEnum."""

    LOW = 1
    HIGH = 2


class Suit(enum.StrEnum):
    """A StrEnum, whose value is not of Latin letters."""

    HEARTS = "♥"


class Access(enum.Flag):
    """A Flag."""

    READ = 1
    WRITE = 2


class Mode(enum.IntFlag, boundary=enum.KEEP):
    """An IntFlag that keeps bits without a name."""

    A = 1
    B = 2


class Point(NamedTuple):
    """A named tuple."""

    x: Any
    y: Any


@dataclasses.dataclass(frozen=True)
class Money:
    """A frozen dataclass."""

    amount: int
    unit: str = "EUR"


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    """A frozen dataclass with slots, and with containers of Python that do not change."""

    number: int
    parts: tuple[Any, ...] = ()
    names: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Price:
    """A frozen dataclass that is made of other nominated classes."""

    money: Money
    colour: Colour
    point: Point


class Outer:
    """A class around one that is nominated."""

    class Inner(enum.Enum):
        """An Enum with a dot in its qualified name."""

        ONE = 1


#: The classes of the program that are stored as pickles.
OWN_CLASSES: tuple[type, ...] = (
    Access,
    Colour,
    Level,
    Mode,
    Money,
    Outer.Inner,
    Point,
    Price,
    Slotted,
    Suit,
)

#: The public classes of the package that are stored as pickles: a pool keeps the name of the module that defines them.
PACKAGE_CLASSES: tuple[type, ...] = (
    pmemobj.Field,
    pmemobj.Finding,
    pmemobj.LogChange,
    pmemobj.LogEntry,
    pmemobj.LogLine,
    pmemobj.LogStep,
    pmemobj.Oid,
    pmemobj.PoolStats,
    pmemobj.Report,
    inspect.Allocation,
    inspect.Change,
    inspect.Comparison,
    inspect.Edge,
    inspect.Gap,
    inspect.Graph,
    inspect.Meaning,
    inspect.Memory,
    inspect.Node,
    inspect.Piece,
    inspect.Slot,
    inspect.State,
    inspect.Tree,
    inspect.Word,
    glance.Glance,
    crash.Counterexample,
    crash.CrashReport,
    crash.Event,
    crash.BrokenInvariant,
    crash.Frame,
    crash.CacheLine,
    crash.LineState,
    crash.LineStory,
    crash.Outcome,
    crash.Picture,
    crash.Place,
    crash.PowerModeError,
    crash.Snapshot,
    crash.Verdict,
    crash.What,
    *(getattr(errors, name) for name in errors.__all__),
)


def nominate(pool: pmemobj.PersistentObjectPool) -> None:
    """Nominate all classes whose instances are stored in the samples as pickles.

    Args:
        pool: Any open pool. Two classes of the package have no public name. Their instances show them.
    """
    stats = pool.stats()
    pmemobj.persist_via_pickle(*OWN_CLASSES, *PACKAGE_CLASSES, type(stats.medium))
    pmemobj.persist_via_pickle(*{type(one) for one in stats.types.values()})
