"""Persistent and nominated classes that the tests and their child processes both import."""

from __future__ import annotations

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class Money:
    amount: int
    unit: str = "EUR"


class NotPersistent:
    """Has a name that a pool may contain, but no business there."""
