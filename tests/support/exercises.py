"""The cells of the course's exercises, with somebody's answers put in, and what the checks say to them."""

from __future__ import annotations

import json
import linecache
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from scratch import scratch_parent

#: Where the pools of checks can lie, for ``tempfile.tempdir``: a commit costs microseconds there.
FAST = scratch_parent()
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

Ask = Callable[..., str]


def cell(notebook: str, check: str) -> str:
    """The code of the one cell of a notebook that has this text in it."""
    cells = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (found,) = (source for source in sources if check in source)
    return found


def run(source: str, variables: dict[str, Any]) -> None:
    """Run a cell; what is defined in it counts as the learner's."""
    variables.setdefault("__name__", "cells")
    linecache.cache["<cell>"] = len(source), None, source.splitlines(keepends=True), "<cell>"
    exec(compile(source, "<cell>", "exec"), variables)


def changed(source: str, *changes: str) -> str:
    """A cell with parts of it replaced, each of which it must have: old, new, old, new, ..."""
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in source, old
        source = source.replace(old, new)
    return source


def assert_told(
    source: str, place: str, said: dict[str, str], variables: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each version, put in the place of what the cell has, gets the answer that belongs to it.

    Args:
        source: The cell.
        place: What each version replaces.
        said: Versions, and a piece of what is to be printed; of right ones it begins with the check mark.
        variables: Those of the notebook.
        capsys: The fixture.
    """
    for version, expected in said.items():
        run(changed(source, place, version), variables)
        answer = capsys.readouterr().out
        assert expected in answer, (version, answer)
        assert ("✓ right" in answer) is expected.startswith("✓"), version


def asker(notebook: str, variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Ask:
    """``ask(check, old, new)`` runs the cell with that check, with `old` replaced, and returns the line that is printed."""

    def ask(check: str, old: str = "", new: str = "") -> str:
        source = cell(notebook, check)
        assert old in source
        capsys.readouterr()
        run(source.replace(old, new, 1) if old else source, variables)
        said = capsys.readouterr().out.splitlines()
        assert said and said[-1].startswith(("✓ right: ", "✗ not yet: ")), said
        return said[-1]

    return ask


def assert_told_apart(ask: Ask, check: str, blank: str, wrong: dict[str, str], right: Iterable[str]) -> None:
    """Each wrong answer gets its hint, each right one is told right; as it stands, the exercise is not solved.

    Args:
        ask: See `asker`.
        check: The name of the check, by which its cell is found.
        blank: What is to be filled in.
        wrong: Answers, and a piece of the hint that each should get.
        right: Answers that are right.
    """
    untouched = ask(check)
    assert untouched.startswith("✗")
    hints = {untouched}
    for answer, hint in wrong.items():
        said = ask(check, blank, answer)
        assert said.startswith("✗") and hint in said, (answer, said)
        hints.add(said)
    assert len(hints) > len(wrong) / 2, "the hints are all alike"
    for answer in right:
        said = ask(check, blank, answer)
        assert said.startswith("✓"), (answer, said)
