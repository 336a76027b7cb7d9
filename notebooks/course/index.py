"""Notebook 0: the map of the course as a drawing, a check of the machine, and an exercise to try."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pmemobj
from course.answers import exercise, not_yet, right

#: The parts of the course: a title, and the number and the short name of each notebook.
PARTS: tuple[tuple[str, tuple[tuple[int, str], ...]], ...] = (
    ("first steps", ((1, "hello"), (2, "guessing game"))),
    ("programs", ((3, "objects"), (4, "transactions"), (5, "crashes"))),
    ("below", ((6, "inside the pool"), (7, "the crash lab"))),
    ("care", ((8, "garbage"), (9, "pools that move"), (10, "own container"))),
    ("beside", ((11, "how fast"), (12, "beside others"))),
)

# ---- the map ------------------------------------------------------------------------------------

_WIDTH, _LEFT, _COLUMN, _BOX, _ROW = 520, 92, 142, 134, 44


class Map:
    """The notebooks in their order: a row for each part of the course."""

    def __repr__(self) -> str:
        return "\n".join(f"{title}: {', '.join(f'{n} {name}' for n, name in part)}" for title, part in PARTS)

    def _repr_svg_(self) -> str:
        height = _ROW * len(PARTS) + 12
        drawn = "".join("".join(_part(12 + _ROW * at, *part)) for at, part in enumerate(PARTS))
        size = f'width="{_WIDTH}" height="{height}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_WIDTH} {height}" role="img" '
            f'font-family="Helvetica,Arial,sans-serif" aria-label="{escape(repr(self))}">'
            f'<rect {size} rx="8" fill="#fbfcfe" stroke="#d0d7e2"/>{drawn}</svg>'
        )


def _part(y: int, title: str, notebooks: tuple[tuple[int, str], ...]) -> Iterator[str]:
    yield f'<text x="14" y="{y + 20}" font-size="13" font-weight="bold" fill="#1b2733">{escape(title)}</text>'
    for at, (number, name) in enumerate(notebooks):
        x = _LEFT + _COLUMN * at
        yield f'<rect x="{x}" y="{y}" width="{_BOX}" height="32" rx="6" fill="#e4eef8" stroke="#7a9cc0"/>'
        yield f'<text x="{x + 8}" y="{y + 20}" font-size="12" font-weight="bold" fill="#0b4f83">{number}</text>'
        yield f'<text x="{x + 28}" y="{y + 20}" font-size="12" fill="#1b2733">{escape(name)}</text>'
        if at:
            yield f'<path d="M{x - 8} {y + 16}h8" stroke="#626c7d" stroke-width="1.5"/>'


# ---- the machine --------------------------------------------------------------------------------


def check_machine() -> None:
    """Print the things that the course needs, and whether they are installed."""
    for found, what, otherwise in (
        (_objects_survive(), "objects survive: a pool was made, closed, and opened again", ""),
        (shutil.which("dot"), "drawings: graphviz is there", "drawings come as text (apt-get install graphviz)"),
        (
            importlib.util.find_spec("ipywidgets"),
            "widgets: ipywidgets is there",
            "no board to play on in notebook 3 (pip install ipywidgets)",
        ),
        (
            importlib.util.find_spec("pmemobj.crash._native"),
            "power cuts: the crash lab can record",
            "notebook 7 cannot run: it needs x86-64 Linux, and a C compiler when pmemobj is installed",
        ),
    ):
        print(f"✓ {what}" if found else f"✗ {otherwise}")


def _objects_survive() -> bool:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "trial.pmem"
        with pmemobj.create(path, 16 << 20) as pool:
            pool.root = "still here"
        with pmemobj.open(path) as pool:
            return bool(pool.root == "still here")


# ---- the exercise -------------------------------------------------------------------------------


@exercise
def check_twice(twice: Callable[[Any], Any]) -> None:
    """Check that a function doubles its argument."""
    trials = 2, 7, 0.25, "ha"
    for given in trials:
        said = twice(given)
        if said is None:
            return not_yet(f"twice({given!r}) returns nothing")
        if said != given + given:
            return not_yet(f"twice({given!r}) returns {said!r}")
    return right(f"it was tried with {', '.join(map(repr, trials))}")
