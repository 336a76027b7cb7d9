"""What the commit number n changes. The guest applies it to a pool, the judge to plain containers.

Everything follows from n, so the state after n commits is known exactly: if a pool has any other state, a commit is
there in part, or one is missing that lies before another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

#: After so many commits a program removes its pool and makes a new one, so that pools are created and grow again.
LIFE = 150
#: Bytes of a unit of payload, and how many entries of payload are kept.
PAYLOAD, KEPT = 2 << 10, 60
#: The commit in which a growing pool gets more than its first part has room for, and how many bytes that is.
GROWTH, MUCH = 25, 6 << 20


class Hash(Protocol):
    """What `hashlib` gives."""

    def update(self, data: bytes, /) -> None: ...


def beginning() -> dict[str, Any]:
    """The state after commit number 0, which creates everything."""
    return {"n": 0, "from": 500, "to": 500, "log": [], "names": {}, "payload": [], "singles": []}


def is_statement(n: int) -> bool:
    """Whether the commit is a single statement outside of a transaction."""
    return n % 4 == 0


def change(root: Any, n: int, kind: str) -> None:
    """Make the changes of commit number n: entries replaced, added, removed; memory allocated and freed."""
    if is_statement(n):
        root["singles"].append(n)
        return
    root["from"] -= n % 10
    root["log"].append(n)
    if len(root["log"]) > 120:
        del root["log"][:60]
    root["names"][f"name {n % 97}"] = f"text {n} " * (n % 5)
    if n % 11 == 0:
        root["names"].pop(f"name {n * 7 % 97}", None)
    size = MUCH if n == GROWTH and kind == "growing" else PAYLOAD * (n % 3)
    root["payload"].append(bytes([n % 256]) * size)
    if len(root["payload"]) > KEPT:
        del root["payload"][: KEPT // 2]
    root["to"] += n % 10
    root["n"] = n


def number(root: Any) -> int:
    """The number of the last commit whose changes are in `root`."""
    singles = root["singles"]
    return max(root["n"], singles[-1] if len(singles) else 0)


def digest(root: Any) -> str:
    """A text that differs if anything in `root` differs."""
    found = hashlib.blake2b()
    _feed(found, root)
    return found.hexdigest()


def expected(n: int, kind: str) -> str:
    """The digest of the state after commit number n, by Python's own containers."""
    root = beginning()
    for each in range(1, n + 1):
        change(root, each, kind)
    return digest(root)


def _feed(found: Hash, value: Any) -> None:
    if isinstance(value, bytes):
        found.update(b"bytes %d " % len(value) + value)
    elif isinstance(value, Mapping):
        _feed_all(found, b"mapping", [part for item in value.items() for part in item])
    elif isinstance(value, Sequence) and not isinstance(value, str):
        _feed_all(found, b"sequence", value)
    else:
        found.update(repr(value).encode() + b" ")


def _feed_all(found: Hash, what: bytes, values: Iterable[Any]) -> None:
    found.update(what + b"(")
    for value in values:
        _feed(found, value)
    found.update(b")")
