"""Draws the pictures of the README: ``python docs/make_pictures.py``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool, crash
from pmemobj_magics.views.graph import PoolGraph

IMAGES = Path(__file__).parent / "images"
NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def main() -> None:
    """Draw all of them."""
    with _pool("game.pmem") as pool:
        _game(pool)
    with _pool("bank.pmem") as pool:
        _transfer(pool)


@contextmanager
def _pool(name: str) -> Iterator[PersistentObjectPool]:
    with (
        tempfile.TemporaryDirectory() as directory,
        pmemobj.create(Path(directory, name), pool_size=16 << 20) as pool,
    ):
        yield pool


def _game(pool: PersistentObjectPool) -> None:
    """A game: a name, a number and a list of guesses."""
    game = pool.root = pool.new(PersistentDict, player="Ada", number=36)
    game["guesses"] = pool.new(PersistentList, [25, 40, 30])
    game["best"] = pool.new(PersistentDict, player="Grace Hopper", guesses=game["guesses"])
    PoolGraph(pmemobj.inspect.walk(pool)).save(str(IMAGES / "graph.svg"))


def _transfer(pool: PersistentObjectPool) -> None:
    """The cache lines of two accounts: after the first store, when it is durable, and after the second store."""
    sys.path.append(str(NOTEBOOKS))
    from course.crash_lab import Drawing

    pool.root = pool.new(PersistentDict, Ada=100, Bob=100)

    def transfer() -> None:
        pool.root["Ada"] -= 30
        pool.root["Bob"] += 30

    drawing = Drawing(crash.record(pool, transfer), 1, 3, 5)
    (IMAGES / "crash.svg").write_text(drawing._repr_svg_() + "\n")


if __name__ == "__main__":
    main()
