"""The notebooks of the course as they are stored: executed, clean, and made alike.

Nothing is run here: `make test` lets nbval run each of them strictly, and the browser tests do it as a reader does.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"

#: The notebooks of the course, in their order. Links rely on these names.
COURSE = (
    "00_index",
    "01_hello",
    "02_guessing_game",
    "03_persistent_objects",
    "04_transactions",
    "05_crashes",
    "06_inside_the_pool",
    "07_crash_lab",
    "08_garbage",
    "09_pools_that_move",
    "10_own_class",
    "11_how_fast",
    "12_beside_others",
)
FOUND = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))

#: What depends on the machine or on the run: absolute paths, and where an object lies in memory. (Offsets in a pool do not.)
PATHS = re.compile(r"(?<![\w./:<])/(?:bin|dev|etc|home|mnt|opt|proc|root|srv|tmp|usr|var|work)/|~/|[A-Z]:\\\\")
ADDRESSES = re.compile(r"\bobject at 0x|\b0x[0-9a-f]{9,}")
#: Errors that are announced: nbval and nbclient let them pass, and nbval demands that they come.
RAISES, DEMANDED = {"raises-exception", "NBVAL_RAISES_EXCEPTION"}, "nbval-check-output"

pytestmark = pytest.mark.once
each = pytest.mark.parametrize("name", FOUND)


def read(name: str) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())
    return notebook


def code_cells(name: str) -> list[dict[str, Any]]:
    return [cell for cell in read(name)["cells"] if cell["cell_type"] == "code"]


def prose(name: str) -> str:
    return "\n\n".join("".join(cell["source"]) for cell in read(name)["cells"] if cell["cell_type"] == "markdown")


def tags(cell: dict[str, Any]) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def texts(cell: dict[str, Any]) -> str:
    """All that a cell shows, without the colours of errors."""
    found = []
    for output in cell["outputs"]:
        parts = [*output.get("data", {}).values(), output.get("text", ""), output.get("evalue", "")]
        found += ["".join(part) if isinstance(part, list) else str(part) for part in parts]
        found += output.get("traceback", [])
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(found))


def test_the_names_are_those_of_the_course() -> None:
    assert tuple(FOUND) == COURSE


@each
def test_every_cell_was_run_in_order(name: str) -> None:
    counts = [cell["execution_count"] for cell in code_cells(name)]
    assert counts == list(range(1, len(counts) + 1))


@each
def test_it_is_stored_clean(name: str) -> None:
    text = (NOTEBOOKS / f"{name}.ipynb").read_text()
    notebook = json.loads(text)
    # As a change of one line is to be one line of a diff.
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    assert "version" not in notebook["metadata"]["language_info"], "it depends on who ran it"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in notebook["cells"]:
        assert set(cell["metadata"]) <= {"tags"}
    # A view of a widget without its state is shown as an error.
    assert "vnd.jupyter.widget" not in text


@each
def test_no_output_tells_of_the_machine(name: str) -> None:
    for cell in code_cells(name):
        shown = texts(cell)
        assert not PATHS.search(shown), PATHS.search(shown)
        assert not ADDRESSES.search(shown), ADDRESSES.search(shown)
        streams = [output["name"] for output in cell["outputs"] if output["output_type"] == "stream"]
        assert "stderr" not in streams, shown


@each
def test_errors_are_announced_and_short(name: str) -> None:
    for cell in code_cells(name):
        errors = [output for output in cell["outputs"] if output["output_type"] == "error"]
        announced = bool(tags(cell) & RAISES)
        assert bool(errors) is announced, "".join(cell["source"])
        if announced:
            assert DEMANDED in tags(cell), "without it nbval is content when nothing is raised"
            assert len("\n".join(errors[0]["traceback"]).splitlines()) <= 3


@each
def test_it_begins_and_ends_like_the_others(name: str) -> None:
    number, text = int(name[:2]), prose(name)
    assert text.startswith("# " if number == 0 else f"# {number} · ")
    assert "\n**You will**" in text, "what one will be able to do"
    assert re.search(r"\bminutes\b", text), "how long it takes"
    assert "\n## What you have seen" in text
    assert re.search(r"^### Exercise", text, re.MULTILINE)
    assert len(text.split()) > 300


@each
def test_exercises_are_there_and_unsolved(name: str) -> None:
    exercises = len(re.findall(r"^### Exercise", prose(name), re.MULTILINE))
    answers = [line for cell in code_cells(name) for line in texts(cell).splitlines() if line[:2] in ("✓ ", "✗ ")]
    assert sum(line.startswith("✗ not yet: ") for line in answers) >= exercises > 0
    assert not [line for line in answers if line.startswith("✓ right: ")], "the solutions are in the tests only"


@each
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(name)):
        if "://" in target:
            continue
        path = (NOTEBOOKS / target.partition("#")[0]).resolve()
        assert path.is_relative_to(ROOT)
        assert path.exists() or path.stem in COURSE, target


@each
def test_no_cell_waits_for_somebody(name: str) -> None:
    code = "\n".join("".join(cell["source"]) for cell in code_cells(name))
    assert not re.search(r"\b(?:raw_)?input\(", code)


def test_the_index_and_the_readme_list_the_course() -> None:
    linked = re.findall(r"^\|.*?\]\((\w+)\.ipynb\)", prose("00_index"), re.MULTILINE)
    assert linked == list(COURSE[1:])
    readme = (ROOT / "README.md").read_text()
    assert re.findall(r"^\| \[(\w+)\]\(notebooks/\1\.ipynb\)", readme, re.MULTILINE) == list(COURSE)


def test_the_map_shows_the_course() -> None:
    from course.index import PARTS, Map

    assert [number for _, part in PARTS for number, _ in part] == list(range(1, len(COURSE)))
    assert Map()._repr_svg_().count('stroke="#7a9cc0"') == len(COURSE) - 1
