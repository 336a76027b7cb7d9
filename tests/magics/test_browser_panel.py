"""The panel of ``%pmem_panel`` in real browsers: its whole story by mouse and by keyboard, and what can come in between.

With ``PMEMOBJ_PICTURES=directory`` it is photographed there at each step.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from panel_driver import PATIENCE, PRELUDE, Book, Panel, eventually, photograph, write
from test_browser import CHROMIUM, FLAGS, serving, sync_api

import pmemobj

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

Opens = Callable[..., Book]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all of these tests."""
    assert CHROMIUM, "there is no chromium: run `make test-browser`, which installs it"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, Any]]:
    """A JupyterLab: the folder with its notebooks, their address, and a page that shows them one after the other."""
    place = tmp_path_factory.mktemp("panel")
    (place / "notebooks").mkdir()
    page = browser.new_page(viewport={"width": 1200, "height": 1600})
    with serving(place) as address:
        yield place / "notebooks", address, page


@pytest.fixture
def opened(lab: tuple[Path, str, Any], request: pytest.FixtureRequest) -> Iterator[Opens]:
    """Opens a notebook of these cells in a folder of its own; its first cell is `PRELUDE`."""
    place, address, page = lab
    books = []

    def opened(*cells: str) -> Book:
        folder = place / f"n{next(_numbers)}"
        folder.mkdir()
        file = folder / f"{folder.name}.ipynb"
        write(file, PRELUDE, *cells)
        books.append(Book(page, address, file).open())
        return books[-1]

    yield opened
    photograph(page, f"end-of-{request.node.name}")
    for book in books:
        book.close()


def test_the_story_by_mouse(opened: Opens) -> None:
    book = opened("%pmem_panel")
    book.run(0, 1)
    panel = book.panel()
    photograph(panel, "mouse-1-empty")
    _create_by_mouse(panel)
    _change_by_mouse(panel)
    _crash_by_mouse(panel)
    panel.press("Change")
    _abort_by_mouse(panel)
    _commit_by_mouse(panel)
    _as_code_by_mouse(book, panel)


def _create_by_mouse(panel: Panel) -> None:
    assert panel.badge == "no pool" and panel.button("Begin").is_disabled()
    panel.fill(path="bank.pmem")
    panel.choose("size", "16 MiB")
    panel.press("Create")
    panel.says("%pmem_open bank.pmem --exclusive --size 16M")
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
    panel.says("A transaction is open. Commit keeps its changes, Abort undoes them.", ".pmem-message-done")
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


def _crash_by_mouse(panel: Panel) -> None:
    """In the middle of the open transaction, which stays open with all its changes."""
    panel.press("Crash")
    pending = panel.pending
    panel.press("End the program here")
    panel.says("%pmem_crash", ".pmem-message-done")
    panel.says(re.compile("rolled back"), ".pmem-panel-result, .pmem-message-done")
    photograph(panel, "mouse-4-killed")
    panel.choose("check", "the sum stays 100")
    eventually(panel.field("must hold").input_value, "sum(pool.root.values()) == 100")
    panel.press("Cut the power")
    panel.says("with pool.transaction():", ".pmem-message-code")
    timeline = panel.place.locator(".pmem-timeline")
    timeline.wait_for(timeout=PATIENCE)
    verdict = panel.place.locator(".pmem-message-what").locator("visible=true").inner_text()
    assert "violate" not in verdict, verdict
    photograph(panel, "mouse-5-power")
    panel.press("The same without a transaction")
    panel.says(re.compile("violate your check"), ".pmem-message-found")
    photograph(panel, "mouse-5-torn")
    assert panel.badge == "uncommitted" and panel.pending == pending


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
    panel.says("%pmem_open keys.pmem --exclusive --size 16M")
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
    _crash_by_keyboard(panel)
    panel.tab_to("Abort", back=True)
    panel.keys("Enter")
    panel.becomes("open")
    # Abort cannot be pressed any more, so what one presses next has the focus.
    eventually(lambda: panel.focus, "Begin")
    _nothing_but_buttons(panel, "Begin")
    eventually(lambda: panel.rows[1], "'ada': 70")


def _crash_by_keyboard(panel: Panel) -> None:
    panel.tab_to("Crash", back=True)
    panel.keys("Enter")
    panel.tab_to("End the program here")
    panel.keys("Enter")
    panel.says(re.compile("Killed in the middle of the transaction"), ".pmem-message-done")
    _nothing_but_buttons(panel, "End the program here")
    panel.tab_to("must hold")
    panel.type("pool.root['ada'] in (40, 70)")
    panel.tab_to("Cut the power", back=True)
    panel.keys("Space")
    panel.says("pool.root['ada'] = 40", ".pmem-message-code")
    _nothing_but_buttons(panel, "Cut the power")
    panel.tab_to("Change", back=True)
    panel.keys("Enter")


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


def test_notebook_7(browser: Any, tmp_path: Path) -> None:
    """The other program that shows notebooks: create, begin, change, abort."""
    folder = tmp_path / "notebooks" / "seven"
    folder.mkdir(parents=True)
    write(folder / "seven.ipynb", PRELUDE, "%pmem_panel")
    page = browser.new_page(viewport={"width": 1000, "height": 1600})
    with serving(tmp_path, "notebook", "notebooks") as address:
        book = Book(page, address, folder / "seven.ipynb").open()
        book.run(0, 1)
        panel = book.panel()
        _create_by_mouse(panel)
        _change_by_mouse(panel)
        _abort_by_mouse(panel)
        photograph(panel, "notebook-7")
        panel.press("As code", "Put it into a new cell")
        panel.says("A cell with the code is below the panel.")
        assert book.sources[2] == panel.code
    page.close()


# ---- what can come in between ----


def test_a_busy_kernel(opened: Opens) -> None:
    """A press while a cell runs is announced, and done when the cell has ended."""
    book = opened("%pmem_open busy.pmem --create --size 16M\n%pmem_panel", "import time\ntime.sleep(4)")
    book.run(0, 1)
    panel = book.panel()
    book.start(2)
    eventually(lambda: book.evaluate("here => here.sessionContext.session.kernel.status"), "busy")
    panel.press("Begin")
    panel.says("The kernel is running a cell. This will be done when the cell has ended.")
    assert panel.badge == "open"
    photograph(panel, "busy")
    panel.becomes("uncommitted")
    assert panel.place.locator(".pmem-status-notice").inner_text() == ""


@pytest.mark.parametrize("text", ["5", "6"], ids=["the same again", "another"])
def test_what_is_written_before_the_kernel_answers_stays(opened: Opens, text: str) -> None:
    """The kernel empties the fields after a change; whoever writes the next one in the meantime loses nothing."""
    book = opened(
        "%pmem_open early.pmem --create --size 16M\npool.root = pool.persistent({'ada': 1})\n%pmem_panel",
        "import time\ntime.sleep(2)",
    )
    book.run(0, 1)
    panel = book.panel()
    panel.press("Change")
    panel.says("selected:")
    book.start(2)
    eventually(lambda: book.evaluate("here => here.sessionContext.session.kernel.status"), "busy")
    panel.fill(key="'ada'", value="5")
    panel.press("Do it")
    panel.fill(key="'ada'", value=text)
    eventually(lambda: panel.rows, ["root: PersistentDict, 1 key", "'ada': 5"])
    panel.says(f"pool.root['ada'] = {text}", ".pmem-panel-preview")
    assert (panel.field("key").input_value(), panel.field("value").input_value()) == ("'ada'", text)
    panel.press("Do it")
    panel.empties("value")
    eventually(lambda: panel.rows, ["root: PersistentDict, 1 key", f"'ada': {text}"])


def test_a_press_is_about_what_was_selected_when_it_was_made(opened: Opens) -> None:
    """Whoever clicks on another object before the kernel has answered does not change that one."""
    book = opened(
        "%pmem_open aimed.pmem --create --size 16M\npool.root = pool.persistent({'other': {}})\n%pmem_panel",
        "import time\ntime.sleep(3)",
    )
    book.run(0, 1)
    panel = book.panel()
    panel.press("Change")
    panel.says("selected:")
    book.start(2)
    eventually(lambda: book.evaluate("here => here.sessionContext.session.kernel.status"), "busy")
    panel.fill(key="'early'", value="2")
    panel.press("Do it")
    panel.row("'other'").click()
    eventually(lambda: panel.rows, ["root: PersistentDict, 2 keys", "'other': PersistentDict, 0 keys", "'early': 2"])
    panel.says("pool.root['other']")
    panel.change(key="'late'", value="3")
    panel.says("pool.root['other']['late'] = 3", ".pmem-message-done")


KILL = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"


def test_a_restarted_kernel(opened: Opens) -> None:
    """The panel says that nobody answers; the cell shows it again; the open transaction was rolled back."""
    book = opened("%pmem_panel", "%pmem_open again.pmem --create --size 16M\npool.root = 1", KILL)
    book.run(0, 2, 1)
    panel = book.panel()
    panel.press("Begin", "Change")
    panel.change(value="2")
    eventually(lambda: panel.pending, [["pool.root", "1", "2", "changed"]])
    book.evaluate("here => here.sessionContext.session.kernel.restart()")
    panel.becomes("no kernel")
    panel.says(re.compile("The transaction that was open is rolled back.*Run the cell of this panel again"))
    photograph(panel, "restarted-1")
    book.run(0, 1)
    panel = book.panel()
    panel.becomes("no pool")
    panel.fill(path="again.pmem")
    panel.press("Open")
    panel.becomes("open")
    eventually(lambda: panel.rows, ["root: 1"])
    # A kernel that is killed cannot close its pools; they are recovered when they are opened.
    panel.press("Begin", "Change")
    panel.change(value="3")
    book.start(3)
    panel.becomes("no kernel")
    book.page.get_by_role("dialog").get_by_role("button", name="Ok").click()
    book.run(0, 1)
    panel = book.panel()
    panel.fill(path="again.pmem")
    panel.press("Open")
    panel.says(re.compile("rolled back"), ".pmem-message-done")
    photograph(panel, "restarted-2")
    eventually(lambda: panel.rows, ["root: 1"])


def test_run_all_and_a_saved_notebook(opened: Opens) -> None:
    """Run All twice; and without a kernel there is still a picture, and the code."""
    book = opened("%pmem_panel", "%pmem_open all.pmem --create --size 16M\npool.root = pool.persistent({'ada': 70})")
    for _ in range(2):
        book.command("notebook:run-all-cells")
        panel = book.panel()
        panel.becomes("open")
        eventually(lambda panel=panel: panel.rows, ["root: PersistentDict, 1 key", "'ada': 70"])
    panel.press("Change")
    panel.change("set", key="'ada'", value="71")
    panel.says("pool.root['ada'] = 71")
    below = book.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) details").first
    eventually(lambda: "pool.root['ada'] = 71" in below.text_content(), True)
    book.close()
    book.open()
    book.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) details summary").first.click()
    picture = book.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) details").first
    assert picture.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    assert "pool.root['ada'] = 71" in picture.inner_text()
    photograph(book.page, "saved")


def test_two_panels_follow_each_other(opened: Opens) -> None:
    book = opened(
        "%pmem_open two.pmem --create --size 16M\npool.root = 1\n%pmem_panel",
        "from pmemobj_magics import PoolPanel\nPoolPanel(pool)",
    )
    book.run(0, 1, 2)
    first, second = book.panel(0), book.panel(1)
    first.press("Begin")
    second.becomes("uncommitted")
    second.press("Change")
    second.change(value="2")
    eventually(lambda: first.pending, [["pool.root", "1", "2", "changed"]])
    second.press("Abort")
    first.becomes("open")
    eventually(lambda: first.rows, ["root: 1"])


def test_a_pool_that_is_closed_in_a_cell(opened: Opens) -> None:
    book = opened("%pmem_open shut.pmem --create --size 16M\npool.root = 1\n%pmem_panel", "pool.close()")
    book.run(0, 1)
    panel = book.panel()
    panel.press("Change")
    panel.says("root: 1", ".pmem-explorer")
    book.run(2)
    panel.becomes("closed")
    panel.says("Open a pool to change something in it.")
    photograph(panel, "closed")
    book.run(1)
    panel.becomes("open")


def test_a_pool_that_another_program_has(opened: Opens) -> None:
    """And a folder in which nobody can create a file."""
    book = opened("%pmem_panel")
    with pmemobj.create(book.file.parent / "theirs.pmem", 16 << 20) as pool:
        pool.root = 5
        book.run(0, 1)
        panel = book.panel()
        row = panel.field("pools here").locator("option").inner_text().replace("\xa0", " ")
        assert row.startswith("theirs.pmem") and f"open in another program (process {os.getpid()})" in row
        panel.fill(path="theirs.pmem")
        panel.press("Open")
        error = panel.says("Cannot open pool", ".pmem-message-error").locator("xpath=..")
        assert str(os.getpid()) in error.inner_text() and error.locator(".pmem-message-todo").inner_text()
        photograph(panel, "taken")
    panel.press("Look again", "Open")
    panel.becomes("open")
    eventually(lambda: panel.rows, ["root: 5"])
    folder = Path("/sys") if os.geteuid() == 0 else book.file.parent / "locked"
    if os.geteuid():
        folder.mkdir(mode=0o555)
    panel.fill(path=str(folder / "new.pmem"))
    panel.press("Create")
    panel.says(re.compile("Cannot create"), ".pmem-message-error")
    photograph(panel, "read-only")


def test_a_full_pool(opened: Opens) -> None:
    """The error stands beside the button, the transaction was rolled back, and Abort ends it."""
    book = opened(
        "%pmem_open full.pmem --create --size 16M\npool.root = pool.persistent({})\n%pmem_panel",
        "try:\n    while True: pool.root[len(pool.root)] = b'x' * 100_000\nexcept pmemobj.PmemError: pass",
    )
    book.run(0, 1, 2)
    panel = book.panel()
    panel.press("Change", "Begin")
    panel.becomes("uncommitted")
    panel.field("key").fill("'more'")
    panel.field("value").fill(repr("y" * 150_000))
    panel.says(re.compile("pool.root"), ".pmem-panel-stack pre")
    panel.press("Do it")
    panel.says(re.compile("Cannot"), ".pmem-message-error")
    # Nothing of that one statement was done, and the transaction can go on.
    assert panel.badge == "uncommitted" and panel.pending == []
    photograph(panel, "full")
    panel.press("Abort")
    panel.becomes("open")


def test_an_object_of_a_missing_class(opened: Opens, run_python: Any) -> None:
    book = opened("%pmem_panel")
    run_python(GHOST, book.file.parent / "ghost.pmem")
    book.run(0, 1)
    panel = book.panel()
    panel.fill(path="ghost.pmem")
    panel.press("Open", "Change")
    panel.row("'ghost'").click()
    panel.says(re.compile("the class is not defined"))
    photograph(panel, "missing-class")


GHOST = """
import sys, pmemobj
class Ghost(pmemobj.PersistentObject):
    def __init__(self): self.age = 400
with pmemobj.create(sys.argv[1], 16 << 20) as pool:
    pool.root = pool.persistent({})
    pool.root["ghost"] = pool.new(Ghost)
"""


def test_a_hundred_thousand_objects(opened: Opens, scratch: Path, run_python: Any) -> None:
    """Each act is answered within two seconds, and the page can be used meanwhile."""
    book = opened("%pmem_panel")
    run_python(MANY, scratch / "many.pmem", env={"PMEMOBJ_CHECK": "0"})
    book.run(0, 1)
    panel = book.panel()
    panel.fill(path=str(scratch / "many.pmem"))
    panel.press("Open")
    panel.becomes("open")
    panel.press("Change")
    times: dict[str, float] = {}
    pauses = []
    # The fastest of three, since other programs may have the processors now and then.
    for _ in range(3):
        book.page.evaluate(LONGEST_PAUSE)
        with taking(times, "begin"):
            panel.press("Begin")
            panel.becomes("uncommitted")
        panel.choose("change", "append")
        panel.fill(value="[5]")
        panel.says("pool.root.append(pool.persistent([5]))")
        with taking(times, "change"):
            panel.press("Do it")
            eventually(lambda: len(panel.pending), 1)
        with taking(times, "abort"):
            panel.press("Abort")
            panel.becomes("open")
        pauses.append(book.page.evaluate("() => window.longestPause"))
    photograph(panel, "many")
    assert max(times.values()) < 2 and min(pauses) < 500, (times, pauses)


@contextlib.contextmanager
def taking(times: dict[str, float], name: str) -> Iterator[None]:
    """Note how many seconds a block takes, if it takes less than before."""
    began = time.monotonic()
    yield
    times[name] = min(time.monotonic() - began, times.get(name, PATIENCE))


MANY = """
import sys, pmemobj
with pmemobj.create(sys.argv[1], 64 << 20) as pool:
    pool.root = pool.persistent([])
    for start in range(0, 100_000, 10_000):
        with pool.transaction():
            pool.root.extend(pool.persistent([[start + number] for number in range(10_000)]))
"""

#: In JavaScript: from now on, keep the longest time in milliseconds in which the page did not answer.
LONGEST_PAUSE = """
() => {
    let last = performance.now();
    window.longestPause = 0;
    clearInterval(window.pauseTimer);
    window.pauseTimer = setInterval(() => {
        const now = performance.now();
        window.longestPause = Math.max(window.longestPause, now - last - 20);
        last = now;
    }, 20);
}
"""


# ---- for everybody ----

PAGES = ("Pools", "Change", "Crash", "As code")
#: The panel with everything in it: a pool with an open transaction, and an instance of a class of the notebook.
FULL = (
    "%pmem_open looks.pmem --create --size 16M\n"
    "pool.root = pool.persistent({'ada': 70, 'bob': 30, 'players': [1, 2, 3]})\n"
    "%pmem_panel"
)


def test_accessible_in_the_light_and_in_the_dark(opened: Opens) -> None:
    """No violation of the rules of axe-core that it calls serious or critical, on any page, in both themes."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    book = opened(FULL)
    book.run(0, 1)
    panel = book.panel()
    panel.press("Change", "Begin")
    panel.change("set", key="'ada'", value="40")
    panel.fill(value="ada")  # a hint stands below the field
    for name in PAGES:
        panel.press(name)
        if name == "Pools":
            panel.fill(path="nowhere.pmem")
            panel.press("Open")
            panel.says("Cannot open pool nowhere.pmem", ".pmem-message-error")
        if name == "Crash":
            panel.press("End the program here")
            panel.says("%pmem_crash", ".pmem-message-done")
        _demand_no_violation(axe.Axe(), book.page, f"light, {name}", {"resultTypes": ["violations", "passes"]})
        photograph(panel, f"axe-light-{name.lower().replace(' ', '-')}")
    _demand_names(panel)
    book.dark()
    for name in PAGES:
        panel.press(name)
        # Only the colours are others in the dark.
        rules = {"runOnly": ["color-contrast", "link-in-text-block"], "resultTypes": ["violations", "passes"]}
        _demand_no_violation(axe.Axe(), book.page, f"dark, {name}", rules)
        photograph(panel, f"axe-dark-{name.lower().replace(' ', '-')}")
    book.dark("JupyterLab Light")


def _demand_no_violation(axe: Any, page: Any, where: str, options: dict[str, Any]) -> None:
    found = axe.run(page, context=".jp-NotebookPanel:not(.lm-mod-hidden) .pmem-panel", options=options).response
    bad = [
        f"{where}: {each['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
    assert found["passes"] and not bad, "\n".join(bad)
    # axe-core leaves out most texts inside the cells of JupyterLab.
    faint = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .pmem-panel-controls").evaluate(FAINT)
    assert faint["looked"] > 10 and faint["found"] == [], (where, faint)


#: In JavaScript: how many texts were looked at, and those with a contrast below 4.5 to 1, which WCAG asks for.
FAINT = """
controls => {
    const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
    const parts = colour => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data].map(part => part / 255);
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((part, at) => part * a + below[at] * (1 - a));
    const ground = it => {
        const below = it.parentElement ? ground(it.parentElement) : [1, 1, 1];
        return over(parts(getComputedStyle(it).backgroundColor), below);
    };
    const light = colour => colour.map(part => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
    const found = [];
    let looked = 0;
    for (const it of controls.querySelectorAll('*')) {
        const says = [...it.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
        if (!says || !it.checkVisibility() || it.disabled || it.closest('svg, option, .pmem-timeline, [role=status]:empty')) continue;
        looked += 1;
        let opacity = 1;
        for (let each = it; each; each = each.parentElement) opacity *= getComputedStyle(each).opacity;
        const behind = ground(it);
        const ink = parts(getComputedStyle(it).color);
        const [one, other] = [light(over([...ink.slice(0, 3), ink[3] * opacity], behind)), light(behind)].sort();
        const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (contrast < 4.5) found.push(`${contrast.toFixed(2)}: ${it.outerHTML.slice(0, 90)}`);
    }
    return { looked, found };
}
"""


def _demand_names(panel: Panel) -> None:
    """Each control has a name, and what the panel says is read aloud."""
    for name in PAGES:
        panel.press(name)
        for role in ("button", "textbox", "combobox", "listbox", "checkbox"):
            eventually(lambda role=role: panel.place.get_by_role(role).evaluate_all(NAMELESS), [])
    live = panel.place.locator(".pmem-message").evaluate_all(
        "all => all.map(it => [it.getAttribute('role'), !!it.getAttribute('aria-live')])"
    )
    assert live and all(each == ["status", True] for each in live)


#: In JavaScript: the controls without a name.
NAMELESS = """
all => all.filter(it => !(it.getAttribute('aria-label') || it.labels?.[0]?.textContent.trim() || it.innerText.trim()))
    .map(it => it.outerHTML)
"""


def test_nothing_is_cut_at_any_width(opened: Opens) -> None:
    """The panel has no scroll bar from left to right on any page, and nothing sticks out of it."""
    book = opened(FULL)
    book.run(0, 1)
    panel = book.panel()
    panel.press("Change", "Begin")
    panel.change("set", key="'ada'", value="40")
    panel.press("Crash", "End the program here")
    panel.says("%pmem_crash", ".pmem-message-done")
    for width in (600, 900, 1400):
        book.page.set_viewport_size({"width": max(1200, width + 500), "height": 1600})
        panel.place.evaluate("(panel, width) => { panel.style.width = `${width}px`; }", width)
        for name in PAGES:
            panel.press(name)
            for view in ("Bytes", "Log", "Explorer") if name == "Pools" else ("Explorer",):
                panel.press(view)
                eventually(lambda: panel.place.evaluate(STICKS_OUT), [])
                photograph(panel, f"width-{width}-{name.lower().replace(' ', '-')}-{view.lower()}")
    book.page.set_viewport_size({"width": 1200, "height": 1600})


#: In JavaScript: the controls and texts that stick out of the panel, or that have a scroll bar of their own.
STICKS_OUT = """
panel => {
    const right = panel.getBoundingClientRect().right + 1;
    const found = panel.scrollWidth > panel.clientWidth + 1 ? [`the panel is ${panel.scrollWidth} wide`] : [];
    for (const it of panel.querySelectorAll('button, input, select, label, p, pre, table, h4, .pmem-explorer')) {
        const box = it.getBoundingClientRect();
        if (!box.width || it.closest('.pmem-explorer') !== (it.matches('.pmem-explorer') ? it : null)) continue;
        if (box.right > right || box.left < panel.getBoundingClientRect().left - 1) found.push(it.outerHTML.slice(0, 120));
        if (it.tagName === 'BUTTON' && it.scrollWidth > it.clientWidth + 1) found.push(`cut: ${it.innerText}`);
    }
    for (const it of panel.querySelectorAll('.pmem-panel-controls *'))
        if (it.scrollWidth > it.clientWidth + 1 && getComputedStyle(it).overflowX.match(/auto|scroll/)
            && it.getBoundingClientRect().width && !it.closest('.pmem-timeline'))
            found.push(`scrolls: ${it.outerHTML.slice(0, 120)}`);
    return found;
}
"""
