"""How long ``import pmemobj`` takes, beside a Python that does nothing: ``python -m benchmarks.import_time``.

Every run of a small command-line program pays for its imports. The two are run in turn, many times, so that a machine
that is busy for a while disturbs both. The fastest run counts; the processor time is told too, since it hardly depends
on what else the machine does. Byte code is cached, as it is for every installed package.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from statistics import median

#: What is run: a program that does nothing, and one that imports the package.
PROGRAMS = {"pass": "pass", "import pmemobj": "import pmemobj"}
#: An import should take at most this many times as long as Python itself: 50 ms where Python takes 20.
REACH = 2.5


@dataclass
class Times:
    """The runs of one program, in milliseconds."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def measure(runs: int) -> dict[str, Times]:
    """Run all programs in turn, after one run that fills the cache of byte code."""
    found = {name: Times() for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        for run in range(runs + 1):
            for name, program in PROGRAMS.items():
                wall, processor = _time(program, environment)
                if run:
                    found[name].wall.append(wall)
                    found[name].processor.append(processor)
    return found


def _time(program: str, environment: dict[str, str]) -> tuple[float, float]:
    before, start = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    wall, after = time.perf_counter() - start, os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return 1000 * wall, 1000 * processor


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.import_time", description=__doc__)
    parser.add_argument("--runs", type=int, default=40, help="how many runs of each (40)")
    found = measure(parser.parse_args().runs)
    print(f"{'':16} {'wall ms':>16} {'processor ms':>16}   (fastest, median)")
    for name, times in found.items():
        texts = (f"{min(each):.0f}, {median(each):.0f}" for each in (times.wall, times.processor))
        print(f"{name:16} {next(texts):>16} {next(texts):>16}")
    idle, imported = (min(found[name].wall) for name in PROGRAMS)
    print(f"{imported / idle:.1f} times as long as Python itself; it should be {REACH} at most")
    return 0


if __name__ == "__main__":
    sys.exit(main())
