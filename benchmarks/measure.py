"""Timing one workload of one system.

A pass is a loop in Python (in C for the floor) around nothing but the operation, timed as a whole (`time.perf_counter`)
and divided by its count. Nothing is subtracted. Before the clock starts, the system makes everything that the pass
needs: indices, keys, values. Python's cyclic garbage collector is off during a pass, as in `timeit`. A pass should last
`seconds`. A few passes of growing length find the count for this, and warm the caches.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from benchmarks.systems.base import Job
from benchmarks.workloads import Workload

__all__ = ["MOST", "Timed", "calibrate", "one_pass"]

Maker = Callable[[int, int], Job]

#: The largest number of operations in a pass. It keeps small what a pass appends.
MOST = {"read": 200_000, "write": 20_000, "growth": 20_000, "places": 20_000}


class Timed:
    """A workload that is ready to be measured. Each `one_pass` returns the seconds of one operation, or the bytes."""

    def __init__(self, workload: Workload, make: Maker, size: int, count: int) -> None:
        self.workload, self.make, self.size, self.count = workload, make, size, count

    def one_pass(self) -> float:
        """Time one pass."""
        value = one_pass(self.make, self.size, self.count)
        return value if self.workload.unit == "bytes" else value / self.count


def one_pass(make: Maker, size: int, count: int) -> float:
    """The seconds of one pass, or the number that the job has measured by itself."""
    job = make(size, count)
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        measured = job.run()
        elapsed = time.perf_counter() - start
    finally:
        if enabled:
            gc.enable()
        job.after()
    return elapsed if measured is None else measured


def calibrate(workload: Workload, make: Maker, size: int, batch: int, seconds: float) -> Timed:
    """Find out how many operations make a pass that lasts `seconds`."""
    if workload.passes == "elements":
        return Timed(workload, make, size, size)
    if workload.passes == "once":
        return Timed(workload, make, size, 1)
    if workload.passes == "batch":
        timed = Timed(workload, make, size, batch)
        timed.one_pass()
        return timed
    count, most = 1, MOST[workload.set]
    while True:
        elapsed = one_pass(make, size, count)
        if elapsed >= seconds / 2 or count >= most:
            break
        growth = seconds / elapsed if elapsed > 0 else 10
        count = min(most, max(count + 1, int(count * min(growth, 10))))
    return Timed(workload, make, size, count)
