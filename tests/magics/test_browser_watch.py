"""The explorer of ``%pmem_watch`` in a real JupyterLab: by mouse, by keyboard, with a kernel and without.

With ``PMEMOBJ_PICTURES=directory`` it is photographed there, in the light and in the dark theme.
"""

# ruff: noqa: F811 - fixtures are imported, and are parameters

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
    "import threading\nthreading.Timer(0.1, pool.root['many'].clear).start()",
    "pool.root['many'].append('x' * 5)",
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

    def __init__(self, page: Any, place: Any) -> None:
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


def run(page: Any, *numbers: int) -> None:
    """Run these cells, one after the other, and wait for each."""
    for number in numbers:
        page.evaluate(RUN, number)


def test_the_explorer(notebook: str, page: Any) -> None:
    trouble: list[str] = []
    page.on("request", lambda request: LOCAL.match(request.url) or trouble.append(request.url))
    page.on("requestfailed", lambda request: trouble.append(request.url))
    page.on("response", lambda response: response.status < 400 or trouble.append(response.url))
    page.on("console", lambda message: message.type == "error" and trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(notebook)
    page.wait_for_selector(".jp-NotebookPanel .jp-Notebook", timeout=PATIENCE)
    page.wait_for_function(READY, arg="explorer.ipynb", timeout=PATIENCE)
    run(page, 0, 1, 2)
    explorer = Explorer(page, page.locator(".jp-NotebookPanel .pmem-explorer"))
    explorer.wait(".pmem-row", "root")
    explorer.wait("g.node")
    trouble.clear()  # whatever JupyterLab does when it starts
    _photograph(page, explorer)
    by_mouse(explorer)
    by_keyboard(explorer)
    it_asks_the_kernel(explorer)
    it_follows(page, explorer)
    beside_the_notebook(page, explorer)
    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); }")
    assert trouble == []

    page.evaluate(f"() => {PANEL}.sessionContext.shutdown()")
    page.wait_for_function(f"() => !{PANEL}.sessionContext.session?.kernel", timeout=PATIENCE)
    by_mouse(explorer)
    by_keyboard(explorer)
    explorer.row("'many'").click()
    explorer.place.get_by_role("button", name="begin the tree and the graph at").click()
    explorer.wait(".pmem-note", "the kernel does not answer")
    # JupyterLab's own debugger complains when its kernel goes.
    assert [text for text in trouble if "restore the debugger state" not in text] == []

    # Without widget state there is no explorer any more, but what it showed last.
    page.goto(notebook)
    picture = page.locator(".jp-OutputArea-output details", has_text="static version").first
    picture.locator("summary").first.click(timeout=PATIENCE)
    assert picture.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    assert "PersistentDict #1" in picture.inner_text()


def by_mouse(explorer: Explorer) -> None:
    """Choose, fold, jump, go back; move and enlarge the graph."""
    place = explorer.place
    explorer.row("root:").click()
    assert "root: PersistentDict, 3 keys" in explorer.chosen and explorer.way == ["root"]
    before = explorer.rows
    explorer.row("'players'").locator(".pmem-sign").click()
    assert len(explorer.rows) < len(before)
    explorer.row("'players'").locator(".pmem-sign").click()
    assert explorer.rows == before
    # A reference leads to where the object is written out; the way there is told, and back.
    explorer.row("1: PersistentDict #1").click()
    assert "'best': PersistentDict #1" in explorer.chosen and explorer.way == ["root", "'best'"]
    assert "2 references, from" in place.locator(".pmem-details").inner_text()
    place.get_by_role("button", name="back", exact=True).click()
    assert "root:" in explorer.chosen
    place.locator(".pmem-details td button", has_text="PersistentList, 2 items").click()
    assert "'players'" in explorer.chosen
    place.locator("g.node[aria-label^='PersistentDict #1']").click()
    assert "'best'" in explorer.chosen and place.locator(".pmem-halo").count() == 1
    place.locator(".pmem-way button").first.click()
    assert explorer.way == ["root"]
    place.get_by_role("button", name="show all").click()
    whole = explorer.window
    place.get_by_role("button", name="zoom in").click()
    near = explorer.window
    assert near[2] < whole[2]
    box = place.locator(".pmem-stage").bounding_box()
    explorer.page.mouse.move(box["x"] + 40, box["y"] + box["height"] - 20)
    explorer.page.mouse.down()
    explorer.page.mouse.move(box["x"] + 90, box["y"] + box["height"] - 40, steps=4)
    explorer.page.mouse.up()
    assert explorer.window[0] < near[0] and explorer.window[2] == near[2] and explorer.way == ["root"]
    place.get_by_role("button", name="show all").click()
    assert explorer.window == whole


def by_keyboard(explorer: Explorer) -> None:
    """The same without a mouse; the keys that mean something to JupyterLab do not reach it."""
    place = explorer.place
    count = explorer.page.evaluate(f"() => {PANEL}.content.model.cells.length")
    place.locator(".pmem-row[tabindex='0']").focus()
    explorer.press("Home", "ArrowDown")
    assert "'players'" in explorer.chosen and place.locator(".pmem-row:focus-visible").inner_text() == explorer.current
    explorer.press("ArrowLeft")
    assert place.locator(".pmem-row:focus").get_attribute("aria-expanded") == "false"
    explorer.press("ArrowDown", "ArrowUp", "ArrowRight", "ArrowRight")
    assert "0: PersistentDict" in explorer.current
    explorer.press("End", "Home", "b", "b", "d", "d")
    assert explorer.page.evaluate(f"() => {PANEL}.content.model.cells.length") == count
    # Search: all that matches, one after the other.
    explorer.press("/")
    explorer.page.keyboard.type("GUESSES")
    assert place.locator(".pmem-count").inner_text() == "1 of 2" and place.locator(".pmem-row mark").count() == 2
    first = explorer.current
    explorer.press("Enter")
    assert place.locator(".pmem-count").inner_text() == "2 of 2" and explorer.current != first
    explorer.press("Shift+Enter")
    assert explorer.current == first
    explorer.press("Escape")
    assert place.locator("mark").count() == 0 and place.locator(".pmem-row:focus").inner_text() == first
    explorer.press("Backspace")
    assert explorer.current != first
    # In the graph: from object to object, and the window.
    explorer.press("Home")
    place.locator("g.node[tabindex='0']").focus()
    explorer.press("ArrowRight")
    assert explorer.way != ["root"] and place.locator("g.node:focus").get_attribute("aria-pressed") == "true"
    explorer.press("ArrowLeft")
    assert explorer.way == ["root"]
    explorer.press("0")
    whole = explorer.window
    explorer.press("+", "Shift+ArrowLeft")
    assert explorer.window[0] < whole[0] + whole[2] * 0.1 and explorer.window[2] < whole[2]
    explorer.press("0")
    assert explorer.window == whole
    explorer.press("?")
    assert place.locator(".pmem-help").is_visible()
    explorer.press("?")
    assert not place.locator(".pmem-help").is_visible()


def it_asks_the_kernel(explorer: Explorer) -> None:
    """More entries, and another beginning."""
    place = explorer.place
    explorer.row("+30 more").click()
    explorer.wait(".pmem-row", "49: 49")
    explorer.row("'best'").click()
    place.get_by_role("button", name="begin the tree and the graph at").click()
    explorer.wait(".pmem-row[aria-level='1']", "'best'")
    assert explorer.way == ["root", "'best'"]
    place.get_by_role("button", name="focus on the root").click()
    explorer.wait(".pmem-row[aria-level='1']", "root")


def it_follows(page: Any, explorer: Explorer) -> None:
    """What cells, transactions and threads do, while what is folded, chosen and searched stays so."""
    explorer.row("'players'").locator(".pmem-sign").click()
    rows = len(explorer.rows)
    run(page, 3)
    explorer.wait(".pmem-mark")
    assert len(explorer.rows) == rows + 1  # the number that was added
    explorer.row("'guesses'").click()
    run(page, 4)
    explorer.wait(".pmem-state", "uncommitted")
    explorer.wait(".pmem-row", "'Carla'")
    explorer.row("'best'").click()
    assert place_texts(explorer, ".pmem-uncommitted")
    run(page, 5)
    explorer.wait(".pmem-state", "open")
    explorer.wait(".pmem-row", "'Bert'")
    assert "'best'" in explorer.chosen and not place_texts(explorer, ".pmem-uncommitted")
    run(page, 6)
    explorer.wait(".pmem-row", "'many': PersistentList, 0 items")
    explorer.row("'players'").locator(".pmem-sign").click()


def place_texts(explorer: Explorer, selector: str) -> list[str]:
    return explorer.place.locator(selector).all_inner_texts()


def beside_the_notebook(page: Any, explorer: Explorer) -> None:
    """JupyterLab's second view of an output follows too, and the two choose together."""
    page.evaluate(f"() => {{ {PANEL}.content.activeCellIndex = 2; }}")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:create-output-view')")
    second = Explorer(page, page.locator(".jp-LinkedOutputView .pmem-explorer"))
    second.wait("g.node")
    second.row("'many'").click()
    assert "'many'" in explorer.chosen
    run(page, 7)
    for each in (explorer, second):
        each.wait(".pmem-row", "'many': PersistentList, 1 item")
    _photograph(page, second, "beside")
    page.evaluate(CLOSE_VIEW)
    page.locator(".jp-LinkedOutputView").wait_for(state="detached", timeout=PATIENCE)


#: In JavaScript: the notebook, whatever is the current widget.
PANEL = "[...window.jupyterapp.shell.widgets('main')].find(widget => widget.context?.path.endsWith('explorer.ipynb'))"

#: In JavaScript: close the second view.
CLOSE_VIEW = """
() => [...window.jupyterapp.shell.widgets('main')].find(widget => widget.node.querySelector('.jp-LinkedOutputView')).close()
"""

#: In JavaScript: run the cell of this number, and wait until it has run.
RUN = f"""
async number => {{
    const panel = {PANEL};
    window.jupyterapp.shell.activateById(panel.id);
    panel.content.activeCellIndex = number;
    await window.jupyterapp.commands.execute('notebook:run-cell');
}}
"""


def _photograph(page: Any, explorer: Explorer, name: str = "explorer") -> None:
    directory = os.environ.get("PMEMOBJ_PICTURES")
    if not directory:
        return
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
        page.wait_for_timeout(500)
        page.screenshot(path=str(Path(directory) / f"{name}-{theme.split()[1].lower()}.png"))
