"""The notebooks in a real JupyterLab, in a real browser, as a reader meets them.

The structure of the page is asserted, not its pixels. With ``PMEMOBJ_PICTURES=directory`` each
notebook is photographed there, for somebody to look at.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import PATIENCE, child_environment

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

sync_api = pytest.importorskip("playwright.sync_api")

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CHROMIUM = shutil.which("chromium")
#: Without its background networking; it would only look for hosts that a test must not need.
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
#: Addresses of this very server, and those that lead nowhere.
LOCAL = re.compile(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:")
#: A cell that forgets its transaction, to be stepped through.
TIMELINE = [
    "%load_ext pmemobj_magics\n%pmem_open bank.pmem --create --size 16M\npool.root = pool.persistent({'anna': 60, 'bert': 40})",
    "%%pmem_crash --power --interactive --save bank.html --check sum(pool.root.values()) == 100\n"
    "pool.root['anna'] -= 10\npool.root['bert'] += 10",
]
#: Seconds that all cells of a notebook may take together.
RUN_ALL = 120


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a notebook in a JupyterLab that serves a copy of them, token included; ``{}`` is its name.

    The workspace starts empty: it would open the notebooks of earlier pages again, and which of them is the current
    one would change while the page loads.
    """
    place = tmp_path_factory.mktemp("lab")
    shutil.copytree(NOTEBOOKS, place / "notebooks", ignore=shutil.ignore_patterns("*.pmem", "__pycache__"))
    # Without a kernel's name JupyterLab would ask for one.
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    timeline = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, TIMELINE)], metadata=kernel)
    nbformat.write(timeline, place / "notebooks" / "timeline.ipynb")
    with serving(place) as address:
        yield address


@contextlib.contextmanager
def serving(place: Path, program: str = "jupyterlab", way: str = "lab/tree") -> Iterator[str]:
    """A JupyterLab on a directory; see `lab`, whose address it gives. Another program shows notebooks at another way."""
    runtime = place / "runtime"
    log = (place / "log").open("w")
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            program,
            "--no-browser",
            "--allow-root",
            "--port=0",
            "--ServerApp.ip=127.0.0.1",
            "--expose-app-in-browser",
        ],
        cwd=place,
        env=child_environment(JUPYTER_RUNTIME_DIR=str(runtime), JUPYTER_CONFIG_DIR=str(place / "config")),
        stdout=log,
        stderr=log,
    )
    try:
        yield _address(server, runtime, way)
    finally:
        server.terminate()
        server.wait(2 * PATIENCE)  # it first ends each kernel
        log.close()


def _address(server: subprocess.Popen[bytes], runtime: Path, way: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        for found in runtime.glob("jpserver-*.json"):
            if text := found.read_text():
                info = json.loads(text)
                return f"{info['url']}{way}/notebooks/{{}}?reset&token={info['token']}"
        time.sleep(0.1)
    raise AssertionError(f"the server of {way} did not start")


@pytest.fixture
def page() -> Iterator[Any]:
    """An empty page of a headless Chromium."""
    assert CHROMIUM, "there is no chromium: run `make test-browser`, which installs it"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 1600})
        yield page
        browser.close()


@pytest.mark.parametrize("notebook", sorted(path.name for path in NOTEBOOKS.glob("*.ipynb")))
def test_a_notebook_runs_from_top_to_bottom(lab: str, page: Any, notebook: str) -> None:
    text = (NOTEBOOKS / notebook).read_text()
    if "--power" in text or "crash.record(" in text:
        pytest.importorskip("pmemobj.crash._native", reason="there is no recorder without a C compiler or off x86-64 Linux")
    elsewhere: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: LOCAL.match(request.url) or elsewhere.append(request.url))
    # What the page itself calls off has not failed.
    page.on("requestfailed", lambda asked: asked.failure == "net::ERR_ABORTED" or failed.append(asked.url))
    page.on("response", lambda response: response.status < 400 or failed.append(f"{response.status} {response.url}"))
    page.goto(lab.format(notebook))
    page.wait_for_selector(".jp-NotebookPanel .jp-Notebook", timeout=60_000)
    page.wait_for_function(READY, arg=notebook, timeout=60_000)
    source = json.loads((NOTEBOOKS / notebook).read_text())
    _clear(page)
    assert page.evaluate(OUTPUTS) == []
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    code = [cell for cell in source["cells"] if cell["cell_type"] == "code"]
    page.wait_for_function(ALL_RUN, arg=len(code), timeout=RUN_ALL * 1000)
    _photograph(page, notebook)

    shown = page.evaluate(OUTPUTS)
    announced = [cell for cell in code if "raises-exception" in cell["metadata"].get("tags", [])]
    errors = [text for kind, text, _ in shown if kind == "error"]
    assert len(errors) == len(announced), errors
    # Three parts and no traceback.
    assert all(len(text.strip().splitlines()) <= 3 for text in errors), errors
    drawings = [width for kind, _, width in shown if kind == "svg"]
    expected = sum("image/svg+xml" in output.get("data", {}) for cell in code for output in cell.get("outputs", []))
    assert len(drawings) == expected
    # Nothing to look at would be no course.
    assert expected or any("text/html" in output.get("data", {}) for cell in code for output in cell.get("outputs", []))
    assert all(20 < width <= 1200 for width in drawings), drawings
    assert not elsewhere, "the page asked other hosts for something"
    assert not failed, "the page asked for something in vain"


def test_the_board_of_the_guessing_game_is_played_by_mouse(lab: str, page: Any) -> None:
    notebook = "03_persistent_objects.ipynb"
    page.goto(lab.format(notebook))
    page.wait_for_selector(".jp-NotebookPanel .jp-Notebook", timeout=60_000)
    page.wait_for_function(READY, arg=notebook, timeout=60_000)
    _clear(page)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    code = [cell for cell in json.loads((NOTEBOOKS / notebook).read_text())["cells"] if cell["cell_type"] == "code"]
    page.wait_for_function(ALL_RUN, arg=len(code), timeout=RUN_ALL * 1000)
    board = page.locator(".jp-OutputArea-output .widget-vbox").first
    board.get_by_text("Your guess is too high.").wait_for(timeout=60_000)
    board.get_by_role("button", name="look").wait_for(timeout=60_000)
    board.scroll_into_view_if_needed()
    assert board.get_by_role("button").all_text_contents() == ["guess", "look"]  # those that are shown
    board.locator("input[type=number]").fill("36")
    board.locator("input[type=number]").press("Tab")
    board.get_by_role("button", name="guess").click()
    board.get_by_text("You guessed my number in 3 tries, Ada.").wait_for(timeout=60_000)
    assert board.get_by_role("button").all_text_contents() == ["new game"]
    board.get_by_role("button", name="new game").click()
    board.get_by_text("Ada, I've picked a number between 1 and 50.").wait_for(timeout=60_000)


def test_the_timeline_is_stepped_through_without_a_kernel(lab: str, page: Any) -> None:
    elsewhere = []
    page.on("request", lambda request: LOCAL.match(request.url) or elsewhere.append(request.url))
    page.goto(lab.format("timeline.ipynb"))
    page.wait_for_selector(".jp-NotebookPanel .jp-Notebook", timeout=60_000)
    page.wait_for_function(READY, arg="timeline.ipynb", timeout=60_000)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    timeline = page.locator(".pmem-timeline")
    timeline.wait_for(timeout=60_000)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel", timeout=60_000)
    _step_through(timeline)
    # The keys that mean something to JupyterLab do not reach it: no cell was added, and none deleted.
    page.keyboard.press("b")
    page.keyboard.press("b")
    page.keyboard.press("d")
    page.keyboard.press("d")
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.model.cells.length") == len(TIMELINE)
    _photograph(page, "timeline")
    assert not elsewhere


def _step_through(timeline: Any) -> None:
    """By keyboard: through the steps, to the ends, and from one fate to the other; all that is shown follows."""
    headline, pictures = timeline.locator(".pmem-headline"), timeline.locator(".pmem-pictures figcaption")

    def letters() -> list[str]:
        return [text.rpartition(": ")[2] for text in pictures.all_inner_texts()]

    # It begins at the counterexample: the first of two stores has arrived, the second has not.
    start = headline.inner_text()
    assert "fence" in start and letters() == ["A", "B", "B"]
    assert timeline.locator(".pmem-code .pmem-now").inner_text().strip() == "2  pool.root['anna'] -= 10"
    timeline.locator(".pmem-slider").focus()
    timeline.page.keyboard.press("Home")
    assert "before step 0 of" in headline.inner_text() and letters() == ["A", "A", "A"]
    timeline.page.keyboard.press("End")
    assert "the end" in headline.inner_text() and letters() == ["A", "C", "C"]
    timeline.page.keyboard.press("Home")
    timeline.page.keyboard.press("ArrowRight")
    assert "before step 1 of" in headline.inner_text() and timeline.locator(".pmem-slider").input_value() == "1"
    assert letters() == ["A", "B", "B"] and timeline.locator(".pmem-sign-D").count() == 2  # one of them explains it
    timeline.locator("input[value=lost]").check()
    assert letters() == ["A", "A", "A"] and timeline.locator(".pmem-side .pmem-sign-L").count() == 1
    timeline.locator("input[value=example]").check()
    assert headline.inner_text() == start and letters() == ["A", "B", "B"]
    timeline.locator(".pmem-strip > span").first.click()
    assert "before step 0 of" in headline.inner_text()
    timeline.get_by_role("button", name="play", exact=True).click()
    timeline.page.wait_for_function("(place) => place.innerText.includes('before step 2 of')", arg=headline.element_handle())


def test_a_saved_timeline_loads_nothing(page: Any, scratch: Path, run_python: Any) -> None:
    run_python(SAVE)
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((scratch / "bank.html").as_uri())
    _step_through(page.locator(".pmem-timeline"))
    assert [url for url in requests if not url.startswith("data:")] == [(scratch / "bank.html").as_uri()]
    _fits_at_every_width(page)
    assert not errors


def _fits_at_every_width(page: Any) -> None:
    """Below 700 pixels there is one column; the pictures have one scale always, and nothing is cut."""
    for width, columns in ((1200, 3), (720, 1), (500, 1), (300, 1)):
        page.set_viewport_size({"width": width, "height": 1600})
        page.wait_for_function(
            "(columns) => getComputedStyle(document.querySelector('.pmem-pictures')).gridTemplateColumns"
            ".split(' ').length === columns",
            arg=columns,
        )
        scales = page.locator(".pmem-pictures img").evaluate_all("(all) => all.map((it) => it.width / it.naturalWidth)")
        assert len(scales) == 3 and max(scales) <= 1 and max(scales) - min(scales) < 0.02, (width, scales)
        code, told = (page.locator(".pmem-side > *").nth(number).bounding_box() for number in (0, 1))
        assert (code["y"] < told["y"]) == (columns == 1) and (code["x"] == told["x"]) == (columns == 1)
        timeline = page.locator(".pmem-timeline")
        assert timeline.evaluate("(it) => it.scrollWidth <= it.clientWidth"), width
        assert page.locator(".pmem-code").evaluate("(it) => it.scrollWidth <= it.clientWidth"), width


def test_saved_trees_and_graphs_load_nothing(page: Any, scratch: Path, run_python: Any) -> None:
    """In a light and in a dark page; a link of the tree unfolds what it leads to, without a script."""
    run_python(SAVE_PICTURES)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.goto((scratch / "graph.html").as_uri())
        assert page.locator("svg .node").count() > 30
        page.goto((scratch / "tree.html").as_uri())
        assert not page.get_by_text("0: 7", exact=True).is_visible()
        # What the tree says must be legible: the ink of the page is that of the theme.
        ink = page.evaluate("() => getComputedStyle(document.querySelector('.pmem-tree')).color")
        assert (ink == "rgb(0, 0, 0)") == (theme == "light")
        page.get_by_role("link", name="PersistentList #1").click()
        page.get_by_text("0: 7", exact=True).wait_for(state="visible")
    assert {url.partition("#")[0] for url in requests} == {(scratch / f"{each}.html").as_uri() for each in ("graph", "tree")}


SAVE_PICTURES = """
import pmemobj
from pmemobj_magics.views.graph import PoolGraph
from pmemobj_magics.views.tree import PoolTree
with pmemobj.create("a.pmem", 16 << 20) as pool:
    pool.root = pool.persistent({"first": {"inner": [7]}, "more": [[n + 100] for n in range(30)]})
    pool.root["second"] = pool.root["first"]["inner"]
    PoolGraph(pool.graph(max_items=40)).save("graph.html")
    PoolTree(pool.graph(max_items=40)).save("tree.html")
"""

SAVE = f"""
from IPython.core.interactiveshell import InteractiveShell
for cell in {TIMELINE!r}:
    InteractiveShell.instance().run_cell(cell).raise_error()
"""

#: In JavaScript: whether the notebook of this name is the current one, and its kernel waits for work.
READY = r"""
name => {
    const current = window.jupyterapp?.shell.currentWidget;
    return current?.context?.path.endsWith(name) && current.context.isReady
        && current.sessionContext.session?.kernel?.status === 'idle';
}
"""

#: In JavaScript: whether each of the code cells has a number that says that it has run.
ALL_RUN = r"""
count => {
    const panel = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)');
    const model = window.jupyterapp.shell.currentWidget.content.model;
    const cells = [...Array(model.cells.length).keys()].map(at => model.cells.get(at));
    const code = cells.filter(cell => cell.type === 'code');
    return panel && code.length === count && code.every(cell => cell.executionCount !== null && cell.executionState !== 'running')
        && window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle';
}
"""

#: In JavaScript: kind, text and width of every output that is an error or a drawing.
OUTPUTS = r"""
() => {
    const panel = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)');
    const found = [];
    for (const output of panel.querySelectorAll('.jp-OutputArea-output')) {
        const mime = output.getAttribute('data-mime-type');
        if (mime === 'application/vnd.jupyter.stderr' || output.classList.contains('jp-mod-error'))
            found.push(['error', output.textContent, 0]);
        for (const svg of output.querySelectorAll('svg, img'))
            if (mime === 'image/svg+xml') found.push(['svg', '', svg.getBoundingClientRect().width]);
    }
    return found;
}
"""


def _clear(page: Any) -> None:
    """Drop the stored outputs, so that what is found later was made here. Lab draws cells lazily; this one need not."""
    page.evaluate("() => window.jupyterapp.commands.execute('editmenu:clear-all')")


def _photograph(page: Any, notebook: str) -> None:
    directory = os.environ.get("PMEMOBJ_PICTURES")
    if not directory:
        return
    page.set_viewport_size({"width": 1000, "height": 12_000})
    page.evaluate("() => document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer').scrollTo(0, 0)")
    page.wait_for_timeout(2000)
    page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook").screenshot(
        path=str(Path(directory) / f"{notebook}.png")
    )
