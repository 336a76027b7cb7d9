"""The command line: ``python -m pmemobj COMMAND PATH``, or ``pmemobj`` where it is installed."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pmemobj import inspect
from pmemobj._containers.base import kind_at
from pmemobj._durability import leftover
from pmemobj._files import busy_copies, pool_file
from pmemobj._files.sizes import PoolSize, bytes_of
from pmemobj._objects import gc
from pmemobj._progress import Progress
from pmemobj._version import __version__
from pmemobj.check import check
from pmemobj.dump import dump, is_dump, resize, restore
from pmemobj.errors import BadPoolSizeError, PmemError, PoolBusyError, PoolExistsError
from pmemobj.pool import PersistentObjectPool

FINE, FINDINGS, USAGE, FAILED, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 3, 130, 141

_DESCRIPTION = "Look into pools of persistent Python objects, check them, and move them."
_EPILOG = """\
examples:
  python -m pmemobj info game.pmem
  python -m pmemobj tree game.pmem --depth 2 --items 5
  python -m pmemobj check game.pmem --json
  python -m pmemobj dump game.pmem game.jsonl
  python -m pmemobj dump game.pmem | python -m pmemobj restore copy.pmem
  python -m pmemobj restore grows game.jsonl --size auto --max-size 1G
  python -m pmemobj resize game.pmem 256M
  python -m pmemobj backup game.pmem copy.pmem

info, tree, check and dump also work while another process has the pool open: on
a copy of it, as of its last commit.

exit codes:
  0    fine
  1    check found damage
  2    wrong usage
  3    the pool or file cannot be opened, read or written; the message says why
  130  interrupted    141  the program that reads the output has ended
"""

#: What a commit promises, by `PersistentObjectPool.durability`. It is a matter of each opening.
_PROMISES = {
    "full": "are durable when they return (full)",
    "relaxed": "are durable some time after they return (relaxed)",
    "in-place": "are durable when they return; libpmem writes them in place (in-place)",
    "memory": "outlive a program that is killed, but not the machine (memory)",
}

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


# ---- what the commands do ---------------------------------------------------------------------------


@contextlib.contextmanager
def _looked_into(path: str) -> Iterator[PersistentObjectPool]:
    """A pool for commands that only look: itself, or a sandbox of it if another process has it open."""
    try:
        pool = PersistentObjectPool(path)
    except PoolBusyError as error:
        if not busy_copies.is_refused_for_another(path, error):
            raise
        pool = PersistentObjectPool(path, sandbox=True)
    with pool:
        yield pool


def _whose(pool: PersistentObjectPool) -> str:
    """Which process has the pool open, as a line; empty if this process has."""
    return busy_copies.stands_for(pool.held_by) if pool.held_by else ""


def _info(arguments: argparse.Namespace) -> int:
    with _looked_into(arguments.path) as pool:
        types, sizes = _count_objects(pool)
        facts: dict[str, Any] = {
            "path": pool.path,
            "size": pool.size,
            "max_size": pool.max_size,
            "used": pool.used,
            "free": pool.free,
            "medium": pool.medium.text,
            "durability": pool.durability,
            "recovered": pool.recovered and not pool.held_by,
            "held_by": pool.held_by or None,
            "objects": sum(types.values()),
            "types": {name: {"count": count, "bytes": sizes[name]} for name, count in types.most_common()},
        }
        whose = _whose(pool)
    if arguments.json:
        _print_json(facts)
        return FINE
    _print(f"pool    {facts['path']}")
    _print(f"size    {_bytes(facts['size'])}, {_bytes(facts['used'])} used, {_bytes(facts['free'])} free")
    if facts["max_size"] > facts["size"]:
        _print(f"grows   by itself, up to {_bytes(facts['max_size'])}")
    _print(f"medium  {facts['medium']}")
    if whose:
        _print(f"state   {whose}")
        journal = leftover.journal_path(arguments.path, os.path.isdir(arguments.path))
        if os.path.exists(journal):
            _print(f"commits in the journal {journal}, until that process makes a checkpoint")
    else:
        _print(f"commits {_PROMISES[facts['durability']]}")
    if facts["recovered"]:
        _print("state   the last process had not closed the pool; it was recovered now")
    _print(f"objects {facts['objects']:,} that the root reaches")
    for name, count in types.most_common():
        _print(f"  {count:>10,}  {name} ({_bytes(sizes[name])} without the values in it)")
    return FINE


def _count_objects(pool: PersistentObjectPool) -> tuple[Counter[str], Counter[str]]:
    """The objects that the root reaches, and their bytes without the values in them, by the names of their types."""
    heap = pool._heap
    types: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for offset in gc.containers(heap, gc.root_words(heap)[:1]):
        walker = kind_at(heap, offset)
        name = walker._p_type_name(heap, offset)
        types[name] += 1
        bodies = [offset, *walker._p_bodies(heap, offset)]
        sizes[name] += sum(heap.allocation_size(body) for body in bodies)
    return types, sizes


def _tree(arguments: argparse.Namespace) -> int:
    with _looked_into(arguments.path) as pool:
        graph = inspect.walk(pool, depth=arguments.depth, max_nodes=arguments.nodes, max_items=arguments.items)
        held_by, whose = pool.held_by or None, _whose(pool)
    if arguments.json:
        facts: dict[str, Any] = {"pool": graph.pool, "held_by": held_by, "total": graph.total}
        facts["start"] = dataclasses.asdict(graph.start)
        for name, records in (("nodes", graph.nodes.values()), ("edges", graph.edges)):
            facts[name] = [dataclasses.asdict(record) for record in records]
        _print_json(facts)
        return FINE
    for line in inspect.tree_text(graph).splitlines():
        _print(line)
    if whose:
        _print(f"({whose})")
    if graph.hidden:
        _print(f"({graph.hidden:,} objects are not shown)")
    return FINE


def _check(arguments: argparse.Namespace) -> int:
    report = check(arguments.path, seconds=arguments.seconds)
    if arguments.json:
        _print_json(dataclasses.asdict(report) | {"ok": report.ok})
    else:
        _print(str(report))
    return FINE if report.ok else FINDINGS


def _collect(arguments: argparse.Namespace) -> int:
    with PersistentObjectPool(arguments.path) as pool:
        before = pool.used
        freed = pool.gc(keep_handles=False)
        gained = before - pool.used
    if arguments.json:
        _print_json({"path": arguments.path, "freed": dict(freed), "bytes": gained})
        return FINE
    _print(f"freed {sum(freed.values()):,} allocations of {_bytes(gained)}")
    for name, count in freed.most_common():
        _print(f"  {count:>10,}  {name}")
    return FINE


def _dump(arguments: argparse.Namespace) -> int:
    with _looked_into(arguments.path) as pool, _progress("dump", arguments) as progress:
        if pool.held_by and not arguments.quiet:
            # The standard output may have to be the dump.
            print(f"pmemobj: {arguments.path} is {_whose(pool)}", file=sys.stderr)
        if arguments.file == "-":
            dump(pool, sys.stdout.buffer, progress=progress)
            return FINE
        count = dump(pool, arguments.file, progress=progress)
    if arguments.json:
        _print_json({"path": arguments.path, "file": arguments.file, "objects": count})
    else:
        _print(f"{count:,} objects in {arguments.file}")
    return FINE


def _restore(arguments: argparse.Namespace) -> int:
    if is_dump(arguments.path):
        # The arguments are in the order of `pmemobj.restore`, and no other meaning is possible.
        if arguments.file == "-":
            raise PoolExistsError(
                f"restore pool {arguments.path}",
                "this file is a dump",
                "name the new pool before the dump: restore PATH FILE",
            )
        if os.path.lexists(arguments.file):
            raise PoolExistsError(
                f"restore pool {arguments.path}",
                f"this file is a dump, and there is a file {arguments.file} already",
                "name a new pool, and then the dump: restore PATH FILE",
            )
        arguments.path, arguments.file = arguments.file, arguments.path
    source = sys.stdin.buffer if arguments.file == "-" else arguments.file
    if arguments.max_size is not None and arguments.size != "auto":
        raise BadPoolSizeError(
            f"restore pool {arguments.path}",
            "--max-size is for a pool that grows",
            "give --size auto too, or leave --max-size out",
        )
    with _progress("restore", arguments) as progress:
        restore(source, arguments.path, arguments.size, max_size=arguments.max_size, progress=progress)
    return _print_size(arguments)


def _backup(arguments: argparse.Namespace) -> int:
    with _progress("backup", arguments, "B") as progress, PersistentObjectPool(arguments.path) as pool:
        pool.backup(arguments.file, progress=progress)
        size = pool.size
    if arguments.json:
        _print_json({"path": arguments.path, "file": arguments.file, "size": size})
    else:
        _print(f"{arguments.file} has {_bytes(size)}")
    return FINE


def _resize(arguments: argparse.Namespace) -> int:
    with _progress("resize", arguments) as progress:
        resize(arguments.path, arguments.size, max_size=arguments.max_size, progress=progress)
    return _print_size(arguments)


def _print_size(arguments: argparse.Namespace) -> int:
    size = pool_file.identify(arguments.path).size
    if arguments.json:
        _print_json({"path": arguments.path, "size": size})
    else:
        _print(f"{arguments.path} has {_bytes(size)}")
    return FINE


# ---- how the commands show their results ---------------------------------------------------------------


def _print(line: str) -> None:
    print(line)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def _bytes(size: int) -> str:
    for unit in ("T", "G", "M", "K"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.1f} {unit}iB"
    return f"{size} bytes"


@contextlib.contextmanager
def _progress(what: str, arguments: argparse.Namespace, unit: str = "objects") -> Iterator[Progress | None]:
    """A function that shows progress on a terminal, with tqdm if it is installed; None where there is no terminal."""
    if arguments.quiet or not sys.stderr.isatty():
        yield None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        try:
            yield lambda done, total: print(f"\r{what}: {100 * done // max(1, total)} %", end="", file=sys.stderr)
        finally:
            print(file=sys.stderr)
        return
    with tqdm(desc=what, unit=unit, unit_scale=unit == "B", file=sys.stderr) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield advance


# ---- how the command line is read ----------------------------------------------------------------------


def _pool_size(text: str) -> PoolSize:
    return "auto" if text == "auto" else _size(text)


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no count (give 0 or more, or leave the option out)")
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no time to wait (give a positive number of seconds)")
    return seconds


def _size(text: str) -> int:
    try:
        return int(bytes_of("", "max_size", text))
    except BadPoolSizeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size (write it as in 64M; K, M, G and T are powers of 1024)"
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pmemobj",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pmemobj {__version__}")
    parser.set_defaults(do=None)
    commands = parser.add_subparsers(metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("path", metavar="PATH", help="the pool: a file, or the directory of a growing pool")
    shared.add_argument("--json", action="store_true", help="print the result as JSON")
    shared.add_argument("--quiet", action="store_true", help="show no progress bar")

    def command(name: str, do: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[shared], help=text, description=text[0].upper() + text[1:] + ".")
        added.set_defaults(do=do)
        return added

    _add_looking(command)
    _add_moving(command)
    return parser


def _add_looking(command: Callable[..., argparse.ArgumentParser]) -> None:
    """The commands that look into one pool."""
    command("info", _info, "show sizes, the kind of memory, and how many objects of which types there are")
    tree = command("tree", _tree, "show the objects as a tree, beginning at the root")
    tree.add_argument("--depth", type=_count, metavar="N", help="how many steps from the root (all)")
    tree.add_argument("--items", type=_count, metavar="N", default=20, help="how many entries of each object (20)")
    tree.add_argument("--nodes", type=_count, metavar="N", default=1000, help="how many objects altogether (1000)")
    checking = command("check", _check, "report everything that is wrong with a pool; the file is not changed")
    checking.add_argument("--seconds", type=_seconds, metavar="S", help="how long libpmemobj may work on the file")
    command("gc", _collect, "free the objects that the root does not reach")


def _add_moving(command: Callable[..., argparse.ArgumentParser]) -> None:
    """The commands that make a file or a pool of another."""
    text = command("dump", _dump, "write everything that the root reaches as text, one line for each object")
    text.add_argument("file", metavar="FILE", nargs="?", default="-", help="where to write; - is the standard output")
    again = command("restore", _restore, "make a new pool of a dump")
    again.add_argument("file", metavar="FILE", nargs="?", default="-", help="the dump; - is the standard input")
    again.add_argument(
        "--size", type=_pool_size, metavar="SIZE", help="as in 64M (what the dump needs), or auto for a growing pool"
    )
    again.add_argument("--max-size", type=_size, metavar="SIZE", help="what a growing pool may grow to (64G)")
    copy = command("backup", _backup, "copy a pool that no program has open, so that there is a whole copy or none")
    copy.add_argument("file", metavar="FILE", help="the copy; there must be no file of this name")
    other = command("resize", _resize, "give a pool another size; it must not be open")
    other.add_argument(
        "size",
        type=_pool_size,
        metavar="SIZE",
        nargs="?",
        help="the size of a pool in one file, as in 64M (what the contents need)",
    )
    other.add_argument(
        "--max-size", type=_size, metavar="SIZE", help="what a growing pool (which takes no SIZE) may grow to"
    )


def _forget_output() -> None:
    """Discard what is still in the buffer, which Python would otherwise try to write again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(line: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code is documented in ``--help``."""
    parser = _parser()
    arguments = parser.parse_args(line)
    if arguments.do is None:
        parser.print_help(sys.stderr)
        return USAGE
    for stream in (sys.stdout, sys.stderr):
        # Names in a pool may have characters that the terminal cannot show.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code: int = arguments.do(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _forget_output()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        print("pmemobj: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (PmemError, OSError) as error:
        print(f"pmemobj: {error}", file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:
            _forget_output()
        return FAILED
    except ValueError as error:
        print(f"pmemobj: {error}", file=sys.stderr)
        return USAGE


if __name__ == "__main__":
    sys.exit(main())
