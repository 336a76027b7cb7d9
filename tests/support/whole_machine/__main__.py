"""``make test-machine``: cuts the power of a whole machine, and demands that nothing is lost.

Ends with 1 if something that was promised is lost, or if a mistake that was made on purpose is not found; with 2 if the
machine cannot be run here.
"""

from __future__ import annotations

import argparse
import signal
import sys

from whole_machine import materials, page, requirements
from whole_machine.requirements import MachineError
from whole_machine.rounds import MISTAKES, Run, cut_often

#: A mistake must be found within so many rounds.
ENOUGH = 8


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="whole_machine", description="Cut the power of a machine, again and again.")
    parser.add_argument("--rounds", type=int, default=6, help="how often (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="for every choice (%(default)s)")
    parser.add_argument("--mistake", choices=MISTAKES, help="only see whether this mistake is found")
    parser.add_argument("--no-mistakes", action="store_true", help="do not make mistakes on purpose afterwards")
    parser.add_argument("--publish", action="store_true", help="write the figures into docs/machine.md")
    parser.add_argument("--keep", action="store_true", help="do not remove the media, below build/machine/")
    arguments = parser.parse_args()
    # So that QEMU is ended too, whoever ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return _carry_out(arguments)
    except MachineError as error:
        print(f"pmemobj: {error}", file=sys.stderr)
        return 2


def _carry_out(arguments: argparse.Namespace) -> int:
    requirements.demand(root_is_made=materials.is_root_made())
    made = materials.make(_say)
    found: dict[str, str] = {}
    if arguments.mistake:
        found[arguments.mistake] = _first(cut_often(made, ENOUGH, arguments.seed, _say, arguments.mistake))
        return _verdict(None, found)
    run = cut_often(made, arguments.rounds, arguments.seed, _say, keep_media=arguments.keep)
    modes = {program.mode for program in run.judge.accounts}
    if not arguments.no_mistakes:
        for name in MISTAKES:
            if name != "relaxed-as-full" or "relaxed" in modes:
                _say(f"on purpose: {MISTAKES[name]}")
                found[name] = _first(cut_often(made, ENOUGH, arguments.seed, _say, name))
    text = page.figures(run, _command(arguments), found)
    print(text)
    if arguments.publish:
        page.publish(text)
    return _verdict(run, found)


def _command(arguments: argparse.Namespace) -> str:
    """How this run can be repeated."""
    more = [f"--seed {arguments.seed}"] if arguments.seed != 1 else []
    more += ["--no-mistakes"] if arguments.no_mistakes else []
    return f"make test-machine ROUNDS={arguments.rounds}" + (f' MACHINE_ARGS="{" ".join(more)}"' if more else "")


def _first(run: Run) -> str:
    return run.judge.violations[0] if run.judge.violations else ""


def _verdict(run: Run | None, found: dict[str, str]) -> int:
    missed = [name for name, text in found.items() if not text]
    for name in missed:
        print(f"pmemobj: this mistake was not found: {MISTAKES[name]}", file=sys.stderr)
    if run and run.judge.violations:
        print(f"pmemobj: {len(run.judge.violations)} violations, see above", file=sys.stderr)
    return int(bool(missed or (run and run.judge.violations)))


def _say(text: str) -> None:
    print(f"machine: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
