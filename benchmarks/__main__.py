"""The command line of the benchmark: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

from benchmarks import media, publish, report
from benchmarks.results import Results
from benchmarks.run import Plan, Progress, measure_all
from benchmarks.systems import ALL
from benchmarks.workloads import FULL, GROWING, QUICK, SETS, TINY, WORKLOADS, Sizes

__all__ = ["main"]

ROOT = Path(__file__).parent.parent
OUT = ROOT / "build" / "benchmarks"
LARGE = 10_000_000


class Lines:
    """Shows progress without tqdm: a line for each workload would be too much, so only failures are shown."""

    def describe(self, what: str) -> None:
        pass

    def advance(self) -> None:
        pass

    def close(self) -> None:
        pass


class Bar(Lines):
    """A progress bar on stderr."""

    def __init__(self, steps: int) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=steps, unit="workload", dynamic_ncols=True, mininterval=0.5)

    def describe(self, what: str) -> None:
        self._bar.set_description_str(what)

    def advance(self) -> None:
        self._bar.update()

    def close(self) -> None:
        self._bar.close()


def progress_for(steps: int) -> Lines:
    """A progress bar, if tqdm is installed and stderr is a terminal."""
    if sys.stderr.isatty():
        try:
            return Bar(steps)
        except ImportError:
            pass
    return Lines()


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures pmemobj beside the builtins, its peers and the machine, in one run.",
    )
    how_much = made.add_mutually_exclusive_group()
    how_much.add_argument("--quick", action="store_true", help="less of everything: under a minute")
    how_much.add_argument(
        "--large", action="store_true", help="growth up to 10 million elements too; takes some 20 GiB"
    )
    how_much.add_argument("--tiny", action="store_true", help="only to try the benchmark itself")
    made.add_argument("--rounds", type=int, metavar="N", help="passes of each workload (5; 3 if quick)")
    made.add_argument("--systems", type=_some_of(ALL), metavar="A,B", help=f"only these of {', '.join(ALL)}")
    keys = dict.fromkeys([*SETS, *(workload.key for workload in (*WORKLOADS, *GROWING))])
    made.add_argument("--only", type=_some_of(keys), metavar="A,B", help="only these workloads, or sets of them")
    made.add_argument(
        "--ram", type=Path, default=media.default_ram(), metavar="DIR", help="a directory on tmpfs (/dev/shm)"
    )
    made.add_argument(
        "--disk", type=Path, default=OUT, metavar="DIR", help="a directory on the disk (build/benchmarks)"
    )
    made.add_argument("--no-disk", action="store_true", help="measure on tmpfs only")
    made.add_argument(
        "--out", type=Path, default=OUT, metavar="DIR", help="for results.json and report.md (build/benchmarks)"
    )
    made.add_argument("--from", dest="stored", type=Path, metavar="JSON", help="measure nothing: report these results")
    made.add_argument("--publish", action="store_true", help="put tables and pictures into docs/performance.md")
    made.add_argument(
        "--keep", action="store_true", help="keep the results as those of this version, in benchmarks/history"
    )
    made.add_argument("--list", action="store_true", help="list systems and workloads")
    return made


def _some_of(known: Iterable[str]) -> Callable[[str], tuple[str, ...]]:
    names = list(known)

    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(name.strip() for name in text.split(","))
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} unknown; there are {', '.join(names)}")
        return chosen

    return parse


def sizes_of(arguments: argparse.Namespace) -> Sizes:
    """The sizes that the options ask for."""
    sizes = QUICK if arguments.quick else TINY if arguments.tiny else FULL
    if arguments.large:
        sizes = replace(sizes, name="large", growth=(*sizes.growth, LARGE))
    return replace(sizes, rounds=arguments.rounds) if arguments.rounds else sizes


def directories_of(arguments: argparse.Namespace) -> dict[str, Path]:
    """The media, the fastest first.

    Raises:
        ValueError: there is none, or one is not what it should be.
    """
    found: dict[str, Path] = {}
    if arguments.ram is not None:
        kind = media.filesystem_of(arguments.ram)
        if kind != "tmpfs":
            raise ValueError(f"{arguments.ram} is on {kind}, not on tmpfs: choose another directory with --ram")
        found["tmpfs"] = arguments.ram
    if not arguments.no_disk:
        found["disk"] = arguments.disk
        arguments.disk.mkdir(parents=True, exist_ok=True)
        if media.filesystem_of(arguments.disk) == "tmpfs":
            raise ValueError(f"{arguments.disk} is on tmpfs, not on a disk: choose one with --disk, or use --no-disk")
    if not found:
        raise ValueError("nowhere to measure: there is no tmpfs, and --no-disk was said")
    return found


def measured(arguments: argparse.Namespace) -> Results:
    """Measure, and save the results so far after each part."""
    import pmemobj

    sizes = sizes_of(arguments)
    plan = Plan(arguments.systems or tuple(ALL), sizes, directories_of(arguments), frozenset(arguments.only or ()))
    results = Results(pmemobj.__version__, sizes.name, sizes.batch, sizes.rounds)
    progress = progress_for(plan.steps())
    shown: Progress = progress
    try:
        measure_all(plan, results, shown, lambda: results.save(arguments.out / "results.json"))
    finally:
        progress.close()
    return results


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and report; 0 if it is complete, 1 if something failed, 2 for wrong arguments, 130 if interrupted."""
    made = parser()
    arguments = made.parse_args(argv)
    if arguments.list:
        print("systems:  ", *ALL)
        print("workloads:", *dict.fromkeys(workload.key for workload in (*WORKLOADS, *GROWING)))
        return 0
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        results = Results.load(arguments.stored) if arguments.stored else measured(arguments)
    except (ValueError, OSError) as error:
        made.error(str(error))
    finally:
        signal.signal(signal.SIGTERM, before)
    (arguments.out).mkdir(parents=True, exist_ok=True)
    (arguments.out / "report.md").write_text(report.full(results))
    print(report.figures(results))
    print(report.summary(results))
    for system in results.systems:
        if system.missing:
            print(f"not measured: {system.title}: {system.missing}")
    for failure in results.failures:
        print(f"failed: {failure}")
    print(f"everything: {arguments.out / 'report.md'}, {arguments.out / 'results.json'}")
    if results.interrupted:
        return 130
    if arguments.publish:
        print("written:", *publish.publish(results))
    if arguments.keep:
        print("kept:", *publish.keep(results))
    return 1 if results.failures else 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    """A signal that ends the program keeps the measurements so far."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
