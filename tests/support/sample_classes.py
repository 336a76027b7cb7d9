"""Persistent and nominated classes that the tests and their child processes both import."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from typing import Any, NamedTuple

import pmemobj


class Account(pmemobj.PersistentObject):
    """Class attributes as defaults, a property, a volatile counter."""

    currency = "EUR"

    def __init__(self, owner: str, balance: int = 0) -> None:
        self.owner = owner
        self.balance = balance
        self._v_inits = getattr(self, "_v_inits", 0) + 1

    def _v__init__(self) -> None:
        self._v_revivals = getattr(self, "_v_revivals", 0) + 1

    @property
    def doubled(self) -> int:
        return self.balance * 2

    @doubled.setter
    def doubled(self, value: int) -> None:
        self.balance = value // 2


class Savings(Account):
    rate = 0.5

    def __init__(self, owner: str, balance: int = 0, **more: Any) -> None:
        super().__init__(owner, balance)
        for name, value in more.items():
            setattr(self, name, value)


class Bag(pmemobj.PersistentObject):
    """No attributes of its own."""


class Point(NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = 1
    GREEN = "g"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Suit(enum.StrEnum):
    HEARTS = "♥"


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Mode(enum.IntFlag, boundary=enum.KEEP):
    A = 1
    B = 2


@dataclasses.dataclass(frozen=True)
class Money:
    amount: int
    unit: str = "EUR"


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    number: int
    text: str


@dataclasses.dataclass(frozen=True)
class Price:
    """Made of other classes that have to be nominated."""

    money: Money
    colour: Colour
    point: Point


class Fixed(datetime.tzinfo):
    """A time zone of a class that pmemobj does not know."""

    def __init__(self, minutes: int = 0) -> None:
        self.minutes = minutes

    def utcoffset(self, moment: datetime.datetime | None) -> datetime.timedelta:
        return datetime.timedelta(minutes=self.minutes)

    def dst(self, moment: datetime.datetime | None) -> None:
        return None

    def tzname(self, moment: datetime.datetime | None) -> str:
        return "fixed"

    def __repr__(self) -> str:
        return f"Fixed({self.minutes})"

    def __getinitargs__(self) -> tuple[int]:
        return (self.minutes,)


class NotPersistent:
    """Has a name that a pool may contain, but no business there."""
