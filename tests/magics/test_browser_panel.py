"""The panel of ``%pmem_panel`` in real browsers: its whole story by mouse and by keyboard, and what can come in between.

With ``PMEMOBJ_PICTURES=directory`` it is photographed there at each step.
"""

# ruff: noqa: F811 - fixtures are imported, and are parameters

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from panel_driver import PATIENCE, PRELUDE, Book, Panel, eventually, photograph, write
from test_browser import page, serving  # noqa: F401 - a fixture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

Opens = Callable[..., Book]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A JupyterLab: its folder, and the address of its notebooks."""
    place = tmp_path_factory.mktemp("panel")
    (place / "notebooks").mkdir()
    with serving(place) as address:
        yield place / "notebooks", address


@pytest.fixture
def opened(lab: tuple[Path, str], page: Any) -> Opens:
    """Opens a notebook of these cells in a folder of its own, whose first cell is `PRELUDE`."""

    def opened(*cells: str) -> Book:
        folder = lab[0] / f"n{next(_numbers)}"
        folder.mkdir()
        file = folder / f"{folder.name}.ipynb"
        write(file, PRELUDE, *cells)
        return Book(page, lab[1].replace("{}", f"{folder.name}/{{}}"), file).open()

    return opened


def test_the_story_by_mouse(opened: Opens) -> None:
    book = opened("%pmem_panel")
    book.run(0, 1)
    panel = book.panel()
    photograph(panel, "mouse-1-empty")
    _create_by_mouse(panel)
    _change_by_mouse(panel)
    _abort_by_mouse(panel)
    _commit_by_mouse(panel)
    _as_code_by_mouse(book, panel)


def _create_by_mouse(panel: Panel) -> None:
    assert panel.badge == "no pool" and panel.button("Begin").is_disabled()
    panel.fill(path="bank.pmem")
    panel.choose("size", "16 MiB")
    panel.press("Create")
    panel.says("%pmem_open bank.pmem --create --size 16M")
    panel.becomes("open")
    photograph(panel, "mouse-2-created")
    panel.press("Change")
    panel.says("each change is durable by itself")
    panel.choose("new", "{}")
    panel.press("Do it")
    panel.says("pool.root = pool.persistent({})")
    for key, value in (("'ada'", "70"), ("'bob'", "30")):
        panel.change("set", key=key, value=value)
        panel.says(f"pool.root[{key}] = {value}")
    eventually(lambda: panel.rows, ["root: PersistentDict, 2 keys", "'ada': 70", "'bob': 30"])


def _change_by_mouse(panel: Panel) -> None:
    panel.press("Begin")
    panel.becomes("uncommitted")
    panel.says("Abort undoes it")
    panel.change(key="'ada'", value="40")
    panel.change(key="'bob'", value="60")
    eventually(
        lambda: panel.pending,
        [
            ["pool.root['ada']", "70", "40", "changed"],
            ["pool.root['bob']", "30", "60", "changed"],
        ],
    )
    panel.place.locator(".pmem-stage", has_text="changed, uncommitted").wait_for(timeout=PATIENCE)
    panel.place.locator(".pmem-stage", has_text="was 70").wait_for(timeout=PATIENCE)
    photograph(panel, "mouse-3-uncommitted")


def _abort_by_mouse(panel: Panel) -> None:
    panel.press("Abort")
    panel.becomes("open")
    eventually(lambda: panel.pending, [])
    panel.place.locator(".pmem-row", has_text="'ada': 70").wait_for(timeout=PATIENCE)


def _commit_by_mouse(panel: Panel) -> None:
    panel.press("Begin")
    panel.becomes("uncommitted")
    panel.change(key="'eve'", value="Player('Eve', 7)")
    panel.says("pool.root['eve'] = pool.new(Player, 'Eve', 7)")
    panel.press("Begin nested")
    panel.says(re.compile("depth 2"))
    panel.row("'eve'").click()
    panel.says("selected: pool.root['eve']")
    panel.change("set", attribute="score", value="8")
    panel.row("'eve'").locator(".pmem-sign").click()
    photograph(panel, "mouse-6-nested")
    panel.press("Commit")
    panel.place.get_by_text(re.compile("depth 2")).first.wait_for(state="hidden", timeout=PATIENCE)
    panel.becomes("uncommitted")
    panel.press("Commit")
    panel.becomes("open")
    panel.place.locator(".pmem-row", has_text="score: 8").wait_for(timeout=PATIENCE)


def _as_code_by_mouse(book: Book, panel: Panel) -> None:
    """The session, run in a cell after the pool was deleted, makes the same pool again."""
    panel.press("As code")
    panel.says("pool.root['eve'].score = 8")
    photograph(panel, "mouse-7-code")
    panel.press("Put it into a new cell")
    panel.says("A cell with the code is below the panel.")
    made, rows = book.sources[2], panel.rows
    assert made == panel.code
    panel.press("Pools", "Close")
    panel.becomes("closed")
    panel.press("Delete…")
    panel.says("Delete bank.pmem (16 MiB), and all that is in it?")
    photograph(panel, "mouse-8-question")
    panel.press("Keep it")
    panel.says("Nothing was deleted.")
    assert (book.file.parent / "bank.pmem").exists()
    panel.press("Delete…", "Delete")
    panel.says("deleted: bank.pmem")
    assert not (book.file.parent / "bank.pmem").exists()
    book.run(2)
    panel.becomes("open")
    eventually(lambda: panel.rows, rows)


def test_the_story_by_keyboard(opened: Opens) -> None:
    """No mouse: Tab, Shift+Tab, Enter, Space, arrows and letters. The notebook must not take these keys for its own."""
    book = opened("%pmem_panel")
    book.run(0, 1)
    panel = book.panel()
    book.evaluate(
        "here => { here.content.activeCellIndex = 1; here.content.mode = 'command'; here.content.node.focus(); }"
    )
    _create_by_keyboard(panel)
    _abort_by_keyboard(panel)
    _explore_by_keyboard(panel)
    _delete_by_keyboard(panel)
    # The keys that mean something to the notebook did not reach it.
    assert book.sources[1:] == ["%pmem_panel"]


def _create_by_keyboard(panel: Panel) -> None:
    panel.tab_to("path")
    panel.type("keys.pmem")
    panel.tab_to("size")
    panel.keys("ArrowDown", "ArrowUp")
    panel.tab_to("Create")
    panel.keys("Enter")
    panel.becomes("open")
    panel.says("%pmem_open keys.pmem --create --size 16M")
    _nothing_but_buttons(panel, "Create")
    panel.tab_to("Change", back=True)
    panel.keys("Space")
    panel.tab_to("value")
    panel.type("{'ada': 70, 'notes': []}")
    panel.says("pool.root = pool.persistent({'ada': 70, 'notes': []})")
    panel.tab_to("Do it")
    panel.keys("Enter")
    panel.says("Done; durable.")
    _nothing_but_buttons(panel, "Do it")


def _abort_by_keyboard(panel: Panel) -> None:
    panel.tab_to("Begin", back=True)
    panel.keys("Enter")
    panel.becomes("uncommitted")
    _nothing_but_buttons(panel, "Begin nested")
    panel.tab_to("key")
    panel.type("'ada'")
    panel.tab_to("value")
    panel.type("40")
    panel.says("pool.root['ada'] = 40")
    panel.tab_to("Do it")
    panel.keys("Space")
    eventually(lambda: panel.pending, [["pool.root['ada']", "70", "40", "changed"]])
    panel.tab_to("Abort", back=True)
    panel.keys("Enter")
    panel.becomes("open")
    # Abort cannot be pressed any more, so what one presses next has the focus.
    eventually(lambda: panel.focus, "Begin")
    _nothing_but_buttons(panel, "Begin")
    eventually(lambda: panel.rows[1], "'ada': 70")


def _nothing_but_buttons(panel: Panel, focus: str) -> None:
    """The act left the focus where it was, and keys that are shortcuts of the notebook do nothing there."""
    eventually(lambda: panel.focus, focus)
    panel.keys("b", "a", "d", "d", "x", "m")
    assert panel.focus == focus


def _explore_by_keyboard(panel: Panel) -> None:
    """Select in the explorer, and change what was selected."""
    panel.tab_to("Change")
    for _ in range(40):
        panel.keys("Tab")
        if panel.focus.startswith("▾root"):
            break
    panel.keys("Home", "ArrowDown", "ArrowDown")
    panel.says("selected: pool.root['notes']")
    panel.tab_to("change", back=True)
    panel.keys("ArrowDown")  # from set to append
    panel.tab_to("value")
    panel.type("'by keyboard'")
    panel.says("pool.root['notes'].append('by keyboard')")
    panel.tab_to("Do it")
    panel.keys("Enter")
    panel.says("Done; durable.")
    eventually(lambda: panel.rows[-1], "0: 'by keyboard'")


def _delete_by_keyboard(panel: Panel) -> None:
    panel.tab_to("Pools", back=True)
    panel.keys("Enter")
    panel.tab_to("Close")
    panel.keys("Enter")
    panel.becomes("closed")
    panel.tab_to("Delete…")
    panel.keys("Enter")
    panel.says("Delete keys.pmem (16 MiB), and all that is in it?")
    panel.tab_to("Keep it")
    panel.keys("Enter")
    panel.says("Nothing was deleted.")
    eventually(lambda: panel.focus, "Delete…")
    panel.keys("Enter")
    panel.tab_to("Delete")
    panel.keys("Space")
    panel.says("deleted: keys.pmem")
    eventually(lambda: panel.focus, "Delete…")
