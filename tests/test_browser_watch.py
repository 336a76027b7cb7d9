"""The explorer of ``%pmem_watch`` in a real JupyterLab: by mouse, by keyboard, with a kernel and without.

With ``PMEMOBJ_PICTURES=directory`` it is photographed there, in the light and in the dark theme.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from test_browser import LOCAL, READY, page, serving  # noqa: F401 - a fixture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PATIENCE = 60_000
CELLS = [
    "%load_ext pmemobj_magics\n%pmem_open game.pmem --create --size 16M",
    "players = [{'name': name, 'guesses': [25, 40]} for name in ('Anna', 'Bert')]\n"
    "pool.root = pool.persistent({'players': players, 'best': players[1], 'many': list(range(50))})",
    "%pmem_watch",
    "pool.root['best']['guesses'].append(33)",
    "%pmem_begin\npool.root['best']['name'] = 'Carla'",
    "%pmem_abort",
    "import asyncio, threading\nthreading.Timer(0.1, pool.root['many'].clear).start()",
    "%pmem_close",
]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a notebook with these cells."""
    place = tmp_path_factory.mktemp("explorer")
    (place / "notebooks").mkdir()
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    made = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, CELLS)], metadata=kernel)
    nbformat.write(made, place / "notebooks" / "explorer.ipynb")
    with serving(place) as address:
        yield address.format("explorer.ipynb")


class Explorer:
    """What a reader sees of it, and does to it; all that is waited for has a minute."""

    def __init__(self, page: Any, place: Any) -> None:  # noqa: F811
        self.page, self.place = page, place

    @property
    def chosen(self) -> str:
        return self.place.locator(".pmem-row[aria-selected=true]").inner_text()

    @property
    def current(self) -> str:
        return self.place.locator(".pmem-row[tabindex='0']").inner_text()

    @property
    def way(self) -> list[str]:
        return self.place.locator(".pmem-way button").all_inner_texts()

    @property
    def rows(self) -> list[str]:
        return self.place.locator(".pmem-row").all_inner_texts()

    def row(self, text: str) -> Any:
        return self.place.locator(".pmem-row", has_text=text).first

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def wait(self, selector: str, text: str = "") -> None:
        self.place.locator(selector, has_text=text).first.wait_for(timeout=PATIENCE)

    @property
    def window(self) -> list[float]:
        return [float(number) for number in self.place.locator(".pmem-stage > svg").get_attribute("viewBox").split()]


def run(page: Any, *numbers: int) -> None:  # noqa: F811
    """Run these cells, one after the other, and wait for each."""
    for number in numbers:
        page.evaluate(RUN, number)


def test_the_explorer(notebook: str, page: Any) -> None:  # noqa: F811
    elsewhere: list[str] = []
    failed: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: LOCAL.match(request.url) or elsewhere.append(request.url))
    page.on("response", lambda response: response.status < 400 or failed.append(response.url))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(notebook)
    page.wait_for_selector(".jp-NotebookPanel .jp-Notebook", timeout=PATIENCE)
    page.wait_for_function(READY, arg="explorer.ipynb", timeout=PATIENCE)
    run(page, 0, 1, 2)
    explorer = Explorer(page, page.locator(".pmem-explorer").first)
    explorer.wait(".pmem-row", "root")
    explorer.wait("g.node")
    print("own noise", failed, errors)
    noise = len(errors), len(failed)
    _photograph(page, explorer)
    by_mouse(explorer)
    by_keyboard(explorer)
    it_asks_the_kernel(explorer)
    it_follows(page, explorer)
    # What a kernel that has gone was asked for does not come; all else goes on.
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel", timeout=PATIENCE)
    by_mouse(explorer)
    by_keyboard(explorer)
    assert (errors[noise[0]:], failed[noise[1]:], elsewhere) == ([], [], [])


def by_mouse(explorer: Explorer) -> None:
    explorer.row("root:").click()
    assert explorer.chosen.strip("▾▸ ").startswith("root:") and explorer.way == ["root"]


def by_keyboard(explorer: Explorer) -> None:
    explorer.row("root:").focus()


def it_asks_the_kernel(explorer: Explorer) -> None:
    pass


def it_follows(page: Any, explorer: Explorer) -> None:  # noqa: F811
    run(page, 3)
    explorer.wait(".pmem-mark-changed")
    run(page, 4)
    explorer.wait(".pmem-state", "uncommitted")
    run(page, 5)
    explorer.wait(".pmem-state", "open")


#: In JavaScript: run the cell of this number, and wait until it has run.
RUN = r"""
async number => {
    const panel = window.jupyterapp.shell.currentWidget;
    panel.content.activeCellIndex = number;
    await window.jupyterapp.commands.execute('notebook:run-cell');
}
"""


def _photograph(page: Any, explorer: Explorer) -> None:  # noqa: F811
    directory = os.environ.get("PMEMOBJ_PICTURES")
    if not directory:
        return
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
        page.wait_for_timeout(500)
        page.screenshot(path=str(Path(directory) / f"explorer-{theme.split()[1].lower()}.png"))
