"""Whether a change of the code has made reads or writes slower: two checkouts, measured in turn on the same machine.

``python -m benchmarks.compare_reads OLD NEW`` starts a child process for each checkout in turn, for several rounds,
with the checkout on the module path. Each child times every operation and prints the times as JSON. The table has
the minimum and the median of the rounds, in nanoseconds for one operation, and the ratio new / old of both; on a noisy
machine the ratio of the minima tells more. Both checkouts must be compiled.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: How many elements the containers have, and how often a child times each operation (the best time counts).
_ITEMS = 1_000
_REPEATS = 15
_POOL_SIZE = 64 * 1024 * 1024
#: A file system in memory, so that no disk is measured.
_MEMORY = "/dev/shm"


@dataclass(frozen=True)
class Operation:
    """One row of the table.

    Attributes:
        name: The title of the row.
        run: Does the operation `count` times.
        count: How often.
    """

    name: str
    run: Callable[[], object]
    count: int = _ITEMS


# ---- in the child -----------------------------------------------------------------------------------


def _reads(pool: Any) -> list[Operation]:
    """The operations that only read."""
    root = pool.root
    numbers = root["numbers"] = pool.persistent(list(range(_ITEMS)))
    texts = root["texts"] = pool.persistent([f"a text that is long, {number}" for number in range(_ITEMS)])
    keys = [f"key number {number}" for number in range(_ITEMS)]
    by_text = root["by text"] = pool.persistent({key: number for number, key in enumerate(keys)})
    by_number = root["by number"] = pool.persistent({number: number for number in range(_ITEMS)})
    texts_by_text = root["texts by text"] = pool.persistent({key: f"a long value, {key}" for key in keys})
    members = root["members"] = pool.persistent(set(keys))
    thing = root["thing"] = _new_object(pool)
    indices = range(_ITEMS)

    def subscript(container: Any, subscripts: Any) -> Callable[[], object]:
        def run() -> None:
            for each in subscripts:
                container[each]

        return run

    def contains(container: Any, wanted: Any) -> Callable[[], object]:
        def run() -> None:
            for each in wanted:
                each in container  # noqa: B015

        return run

    def attribute() -> None:
        for _ in indices:
            thing.number  # noqa: B018

    def text_attribute() -> None:
        for _ in indices:
            thing.text  # noqa: B018

    def iterate(container: Any) -> Callable[[], object]:
        def run() -> None:
            for _ in container:
                pass

        return run

    return [
        Operation("list[int]", subscript(numbers, indices)),
        Operation("list[str]", subscript(texts, indices)),
        Operation("iterate list of int", iterate(numbers)),
        Operation("iterate list of str", iterate(texts)),
        Operation("iterate dict", iterate(by_text)),
        Operation("dict[str] -> int", subscript(by_text, keys)),
        Operation("dict[str] -> str", subscript(texts_by_text, keys)),
        Operation("dict[int] -> int", subscript(by_number, indices)),
        Operation("str in dict", contains(by_text, keys)),
        Operation("str in set", contains(members, keys)),
        Operation("attribute int", attribute),
        Operation("attribute str", text_attribute),
    ]


def _writes(pool: Any) -> list[Operation]:
    """The operations that change the pool; `_reads` has made the containers."""
    root = pool.root
    numbers, texts, thing = root["numbers"], root["texts"], root["thing"]
    growing = root["growing"] = pool.persistent([])
    indices = range(_ITEMS)

    def set_items() -> None:
        for index in indices:
            numbers[index] = index

    def set_texts() -> None:
        for index in indices:
            texts[index] = "another text that is long"

    def set_attribute() -> None:
        for index in indices:
            thing.number = index

    def append() -> None:
        for index in indices:
            growing.append(index)

    def set_in_transaction() -> None:
        with pool.transaction():
            set_items()

    def append_in_transaction() -> None:
        with pool.transaction():
            append()

    def short_transactions() -> None:
        for index in indices:
            with pool.transaction():
                numbers[index] = index

    return [
        Operation("list[i] = int", set_items),
        Operation("list[i] = str", set_texts),
        Operation("attribute = int", set_attribute),
        Operation("append", append),
        Operation("1000 list[i] = int in a transaction", set_in_transaction),
        Operation("1000 appends in a transaction", append_in_transaction),
        Operation("list[i] = int, each in a transaction", short_transactions),
    ]


def _new_object(pool: Any) -> Any:
    import pmemobj

    class Thing(pmemobj.PersistentObject):
        number: int
        text: str

    made = pool.new(Thing)
    made.number = 7
    made.text = "a text that is long"
    return made


def measure() -> dict[str, float]:
    """The best time of each operation, in nanoseconds, with the pmemobj that this process imports."""
    import pmemobj

    directory = _MEMORY if os.path.isdir(_MEMORY) else None
    with (
        tempfile.TemporaryDirectory(dir=directory) as place,
        pmemobj.create(os.path.join(place, "pool"), _POOL_SIZE) as pool,
    ):
        pool.root = pool.persistent({})
        return {operation.name: _time(operation) for operation in _reads(pool) + _writes(pool)}


def _time(operation: Operation) -> float:
    best = float("inf")
    for _ in range(_REPEATS):
        begin = time.perf_counter_ns()
        operation.run()
        best = min(best, time.perf_counter_ns() - begin)
    return best / operation.count


# ---- in the parent ----------------------------------------------------------------------------------


def _measure_checkout(checkout: Path) -> dict[str, float]:
    """What `measure` finds in a child process that uses the compiled modules of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PMEMOBJ_PURE": "0", "PMEMOBJ_CHECK": "0"}
    done = subprocess.run(
        [sys.executable, __file__, "--measure"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        sys.exit(f"cannot measure {checkout}:\n{done.stderr}")
    times: dict[str, float] = json.loads(done.stdout)
    return times


def table(old: list[dict[str, float]], new: list[dict[str, float]]) -> str:
    """The table for the rounds of two checkouts."""
    lines = [
        "| ns for one operation | old, minimum | new, minimum | ratio | old, median | new, median | ratio |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name in old[0]:
        cells = []
        for summary in (min, statistics.median):
            before, after = (summary(times[name] for times in rounds) for rounds in (old, new))
            cells += [f"{before:.1f}", f"{after:.1f}", f"{after / before:.3f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare the speed of two compiled checkouts.")
    parser.add_argument("old", type=Path, help="the checkout to compare with")
    parser.add_argument("new", type=Path, help="the checkout that has changed")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (default 7)")
    chosen = parser.parse_args()
    old: list[dict[str, float]] = []
    new: list[dict[str, float]] = []
    for number in range(chosen.rounds):
        # Each goes first in half of the rounds, in case the machine slows down within one.
        for checkout, rounds in [(chosen.old, old), (chosen.new, new)][:: 1 if number % 2 == 0 else -1]:
            rounds.append(_measure_checkout(checkout.resolve()))
    print(table(old, new))


if __name__ == "__main__":
    if sys.argv[1:] == ["--measure"]:
        print(json.dumps(measure()))
    else:
        main()
