"""The process in which one system is measured: ``python -m benchmarks.worker NAME``.

The process reads requests, each a line of JSON, and answers each with a line. A workload that fails is an answer, too.
Only a process that dies or takes too long ends the measurement of its system (`run` deals with this).
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

    def __init__(self, name: str) -> None:
        self._name = name
        self._system: System | None = None
        self._timed: Timed | None = None

    def begin(self, own: str, shared: str, size: int) -> dict[str, Any]:
        """Begin a part, with nothing left of the part before. Returns what the system says of itself."""
        self.end()
        self._system = load(self._name)(Place(Path(own), Path(shared), size))
        return {"version": self._system.version(), "durability": self._system.durability()}

    def end(self) -> dict[str, Any]:
        """Close whatever is open."""
        system, self._system, self._timed = self._system, None, None
        if system is not None:
            system.finish()
        return {}

    def prepare(self, workload: dict[str, Any], size: int, batch: int, seconds: float) -> dict[str, Any]:
        """Make the data, and find out how many operations a pass has."""
        described = Workload(**workload)
        assert self._system is not None
        size = min(size, self._system.most(described.set))
        self._timed = calibrate(described, getattr(self._system, described.key), size, batch, seconds)
        return {"size": size, "count": self._timed.count}

    def run(self) -> dict[str, Any]:
        """One pass."""
        assert self._timed is not None
        return {"value": self._timed.one_pass()}


def serve(requests: TextIO, answers: TextIO, worker: Worker) -> None:
    """Answer requests until the input ends."""
    for line in requests:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}" if str(error) else type(error).__name__}
        print(json.dumps(answer), file=answers, flush=True)


def main() -> None:
    """Serve one system over standard input and output."""
    # Output that a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(sys.argv[1])
    try:
        serve(sys.stdin, answers, worker)
    finally:
        worker.end()


if __name__ == "__main__":
    main()
