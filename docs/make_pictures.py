"""Draws the pictures of the README: ``python docs/make_pictures.py``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pmemobj
from pmemobj import PersistentDict, PersistentList
from pmemobj_magics.graph import PoolGraph

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    """A game: a name, a number and a list of guesses."""
    with (
        tempfile.TemporaryDirectory() as directory,
        pmemobj.create(Path(directory, "game.pmem"), pool_size=16 << 20) as pool,
    ):
        game = pool.root = pool.new(PersistentDict, player="Ada", number=36)
        game["guesses"] = pool.new(PersistentList, [25, 40, 30])
        game["best"] = pool.new(PersistentDict, player="Grace Hopper", guesses=game["guesses"])
        PoolGraph(pmemobj.inspect.walk(pool)).save(str(IMAGES / "graph.svg"))


if __name__ == "__main__":
    main()
