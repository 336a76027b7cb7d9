"""The panel as somebody at a browser meets it: by its labels and its sentences, and never by its Python objects."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from test_browser import READY

PATIENCE = 15_000
#: What notebooks of these tests begin with: a class of their own.
PRELUDE = (
    "%load_ext pmemobj_magics\n"
    "import pmemobj\n"
    "class Player(pmemobj.PersistentObject):\n"
    "    def __init__(self, name, score=0):\n"
    "        self.name, self.score = name, score"
)


def eventually(look: Callable[[], Any], wanted: Any) -> None:
    """Wait until what is seen is what is wanted."""
    deadline = time.monotonic() + PATIENCE / 1000
    while (seen := look()) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert seen == wanted, f"{seen!r} is not {wanted!r}"


class Book:
    """A notebook in a page, with a kernel.

    Args:
        page: The page of the browser.
        address: The address of notebooks, with ``{}`` for the path.
        file: The file of the notebook, below the folder ``notebooks``.
    """

    def __init__(self, page: Any, address: str, file: Path) -> None:
        self.page, self.file = page, file
        self._address = address.format(f"{file.parent.name}/{file.name}")
        self._here = (
            "(window.jupyterapp.shell.currentWidget?.context ? window.jupyterapp.shell.currentWidget : "
            f"[...window.jupyterapp.shell.widgets('main')].find(it => it.context?.path.endsWith('{file.name}')))"
        )

    def open(self) -> Book:
        """Open it, in the JupyterLab that the page shows or else in a new one, and wait for the kernel."""
        if self.page.evaluate("() => !!window.jupyterapp"):
            self.command("docmanager:open", path=f"notebooks/{self.file.parent.name}/{self.file.name}")
        else:
            self.page.goto(self._address)
        self.page.wait_for_function(READY, arg=self.file.name, timeout=60_000)
        return self

    def close(self) -> None:
        """Save it, end its kernel, and close it."""
        self.evaluate(
            "async here => { await here.context.save(); await here.sessionContext.shutdown(); here.dispose(); }"
        )

    def run(self, *numbers: int) -> None:
        """Run these cells, one after the other, and wait for each."""
        for number in numbers:
            self.start(number)
            self.page.wait_for_function(
                f"number => {self._here}.content.widgets[number].model.executionCount !== null "
                f"&& {self._here}.content.widgets[number].model.executionState !== 'running' "
                f"&& {self._here}.sessionContext.session?.kernel?.status === 'idle'",
                arg=number,
                timeout=PATIENCE,
            )

    def start(self, number: int) -> None:
        """Start a cell, and do not wait for it."""
        self.evaluate(
            "async (here, number) => { here.content.deselectAll(); here.content.activeCellIndex = number; "
            "window.jupyterapp.commands.execute('notebook:run-cell'); }",
            number,
        )

    def command(self, name: str, **arguments: Any) -> None:
        """Run a command of JupyterLab, and wait for it."""
        self.page.evaluate(
            "async ([name, given]) => { await window.jupyterapp.commands.execute(name, given); }", [name, arguments]
        )

    def evaluate(self, function: str, argument: Any = None) -> Any:
        """Call a function of JavaScript with the widget of the notebook and an argument."""
        return self.page.evaluate(f"argument => ({function})({self._here}, argument)", argument)

    @property
    def sources(self) -> list[str]:
        """The text of each cell."""
        found: list[str] = self.evaluate("here => here.content.widgets.map(cell => cell.model.sharedModel.getSource())")
        return found

    def dark(self, theme: str = "JupyterLab Dark") -> None:
        """Turn to another theme."""
        self.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        self.page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)

    def panel(self, at: int = 0) -> Panel:
        """The panel of this number, from top to bottom."""
        found = Panel(self.page, self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .pmem-panel").nth(at))
        found.place.get_by_role("button", name="Begin").wait_for(timeout=PATIENCE)
        return found


class Panel:
    """What a reader sees of a panel, and does to it."""

    def __init__(self, page: Any, place: Any) -> None:
        self.page, self.place = page, place

    # ---- by mouse ----

    def button(self, name: str) -> Any:
        return self.place.get_by_role("button", name=name, exact=True).locator("visible=true")

    def press(self, *names: str) -> None:
        """Click these buttons, one after the other; each is waited for until it can be pressed."""
        for name in names:
            self.button(name).click(timeout=PATIENCE)

    def field(self, label: str) -> Any:
        return self.place.get_by_label(label, exact=True).locator("visible=true")

    def fill(self, **texts: str) -> None:
        """Write into fields, by their labels."""
        for label, text in texts.items():
            self.field(label).fill(text)

    def choose(self, label: str, option: str) -> None:
        field = self.field(label)
        try:
            field.select_option(label=option)
        except Exception as error:
            there = field.locator("option").all_inner_texts()
            raise AssertionError(f"{option!r} is none of {there} in a panel that shows {self.place.inner_text()}") from error

    def change(self, kind: str = "", **texts: str) -> None:
        """Make one change of the selected object, and wait until it is made."""
        if kind:
            self.choose("change", kind)
        self.fill(**texts)
        self.press("Do it")
        self.empties("value")

    def empties(self, label: str) -> None:
        """Wait until a field is empty, as it is after a change was made."""
        field = self.field(label)
        eventually(lambda: field.count() == 0 or field.input_value() == "", True)

    # ---- what is seen ----

    def says(self, text: str | re.Pattern[str], within: str = "") -> Any:
        """Wait for a visible text."""
        place = self.place.locator(within) if within else self.place
        found = place.get_by_text(text).locator("visible=true").first
        found.wait_for(timeout=PATIENCE)
        return found

    @property
    def badge(self) -> str:
        text: str = self.place.locator(".pmem-badge").inner_text()
        return text

    def becomes(self, badge: str) -> None:
        """Wait until the line at the top begins with this word."""
        self.place.locator(".pmem-badge", has_text=re.compile(f"^{badge}$")).wait_for(timeout=PATIENCE)

    @property
    def pending(self) -> list[list[str]]:
        """The list of what is not committed: place, was, is, and a word."""
        rows = self.place.locator(".pmem-pending tbody tr")
        return [row.locator("th, td").all_inner_texts() for row in rows.all()]

    @property
    def rows(self) -> list[str]:
        """The tree in the explorer, without what says how it has changed."""
        found: list[str] = self.place.locator(".pmem-row").evaluate_all(
            "rows => rows.map(row => [...row.childNodes].filter(it => !/pmem-(mark|said|sign)/.test(it.className))"
            ".map(it => it.textContent).join('').trim())"
        )
        return found

    def row(self, text: str) -> Any:
        return self.place.locator(".pmem-row", has_text=text).first

    @property
    def code(self) -> str:
        """The session as code, whatever page is shown."""
        text: str = self.place.locator(".pmem-code[aria-label='the session as code']").text_content()
        return text

    # ---- by keyboard ----

    @property
    def focus(self) -> str:
        """The name of what has the focus; empty if that is outside the panel."""
        found: str = self.place.evaluate(
            """panel => {
                const it = document.activeElement;
                if (!panel.contains(it)) return '';
                const label = it.labels?.[0]?.textContent || it.getAttribute('aria-label') || it.innerText || it.tagName;
                return label.trim();
            }"""
        )
        return found

    def tab_to(self, name: str, back: bool = False, kind: str = "") -> None:
        """Press Tab until something of this name has the focus, which must be visible."""
        for _ in range(80):
            if self.focus == name and (not kind or self.page.evaluate("document.activeElement.tagName") == kind):
                break
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
        assert self.focus == name, f"Tab does not lead to {name!r}, but to {self.focus!r}"
        ring = self.page.evaluate(
            "() => { const style = getComputedStyle(document.activeElement); "
            "return document.activeElement.matches(':focus-visible') && style.outlineStyle !== 'none' "
            "&& parseFloat(style.outlineWidth) >= 1; }"
        )
        assert ring, f"the focus on {name!r} cannot be seen"

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Replace what stands in the focused field."""
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)


def photograph(panel: Panel | Any, name: str) -> None:
    """With ``PMEMOBJ_PICTURES=directory``, take a picture for somebody to look at."""
    directory = os.environ.get("PMEMOBJ_PICTURES")
    if directory:
        (panel.place if isinstance(panel, Panel) else panel).screenshot(path=str(Path(directory) / f"{name}.png"))


def write(file: Path, *cells: str) -> None:
    """Write a notebook of these cells."""
    # Without a kernel's name JupyterLab would ask for one.
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, cells)], metadata=kernel), file)
