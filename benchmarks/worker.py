"""The process in which one system is measured: ``python -m benchmarks.worker NAME OWN SHARED SIZE``.

It reads requests, a line of JSON each, and answers each with one. A workload that fails is an answer too; only
a process that dies, or takes too long, is the end of it (`run` deals with that).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from benchmarks.measure import Timed, calibrate
from benchmarks.systems import load
from benchmarks.systems.base import Place, System
from benchmarks.workloads import Workload

__all__ = ["serve"]


class Worker:
    """One system, and the workload that is being measured."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._timed: Timed | None = None

    def facts(self) -> dict[str, Any]:
        """What the system says of itself."""
        return {"version": self.system.version(), "durability": self.system.durability()}

    def prepare(self, workload: dict[str, Any], size: int, batch: int, seconds: float) -> dict[str, Any]:
        """Make the data, find out how long a pass is; without a count if the system has no such workload."""
        described = Workload(**workload)
        make = getattr(self.system, described.key, None)
        if make is None:
            return {}
        size = min(size, self.system.largest)
        self._timed = calibrate(described, make, size, batch, seconds)
        return {"size": size, "count": self._timed.count}

    def run(self) -> dict[str, Any]:
        """One pass."""
        assert self._timed is not None
        return {"value": self._timed.one_pass()}


def serve(requests: TextIO, answers: TextIO, system: System) -> None:
    """Answer requests until there are no more."""
    worker = Worker(system)
    for line in requests:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def main() -> None:
    """Serve one system over standard input and output."""
    name, own, shared, size = sys.argv[1:]
    # What a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        system = load(name)(Place(Path(own), Path(shared), int(size)))
    except Exception as error:
        print(json.dumps({"error": str(error) or type(error).__name__}), file=answers, flush=True)
        return
    try:
        print(json.dumps({}), file=answers, flush=True)
        serve(sys.stdin, answers, system)
    finally:
        system.finish()


if __name__ == "__main__":
    main()
