"""Photographs the panel for the README, in a real JupyterLab: ``python docs/make_panel_picture.py``.

It needs Chromium, as ``make test-browser`` installs it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
#: The pictures, each with the theme of JupyterLab.
THEMES = {"panel.png": "JupyterLab Light", "panel-dark.png": "JupyterLab Dark"}
WIDTH, HEIGHT = 1240, 830
CELL = "%load_ext pmemobj_magics\n%pmem_panel"
#: Milliseconds that something may take to appear, and that the page needs to come to rest.
PATIENCE, REST = 60_000, 1500
#: The largest number of bytes of a picture.
GREATEST = 200_000
SET_UP = """async (theme) => {
  const commands = window.jupyterapp.commands;
  await commands.execute('apputils:change-theme', { theme });
  await commands.execute('application:toggle-left-area');
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = 0;
  await commands.execute('notebook:run-cell');
}"""


def main() -> None:
    """Photograph the panel in each theme."""
    sys.path[:0] = [str(ROOT / "tests" / room) for room in ("", "magics", "support")]
    from playwright.sync_api import sync_playwright
    from test_browser import CHROMIUM, FLAGS, READY, serving

    for name, theme in THEMES.items():
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
            _write_notebook(Path(folder, "notebooks"))
            with serving(Path(folder)) as address:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
                page.goto(address.format("bank.ipynb"))
                page.wait_for_selector(".jp-NotebookPanel .jp-Notebook", timeout=PATIENCE)
                page.wait_for_function(READY, arg="bank.ipynb", timeout=PATIENCE)
                page.evaluate(SET_UP, theme)
                _pay(page)
                page.screenshot(path=IMAGES / name)
                browser.close()
        size = (IMAGES / name).stat().st_size
        print(f"{name}: {size:,} bytes")
        assert size < GREATEST, "too large for the README"


def _write_notebook(folder: Path) -> None:
    folder.mkdir()
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cell = {"cell_type": "code", "id": "panel", "metadata": {}, "execution_count": None, "outputs": [], "source": CELL}
    notebook = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "bank.ipynb").write_text(json.dumps(notebook))


def _pay(page: Any) -> None:
    """Make a bank, and a payment in the middle of which the photograph is taken."""
    panel = page.locator(".jp-NotebookPanel .pmem-panel").first
    panel.wait_for(timeout=PATIENCE)

    def press(name: str) -> None:
        panel.get_by_role("button", name=name, exact=True).first.click()
        page.wait_for_timeout(REST)

    def fill(**fields: str) -> None:
        for label, text in fields.items():
            panel.get_by_label(label, exact=True).fill(text)

    fill(path="bank.pmem")
    press("Create")
    press("Change")
    fill(value="{'ada': 100, 'bob': 100, 'history': [50, 20]}")
    press("Do it")
    press("Begin")
    fill(key="'ada'", value="70")
    press("Do it")
    panel.locator(".pmem-row").first.click()
    page.keyboard.press("ArrowRight")  # unfolds the root
    panel.locator(".pmem-row").get_by_text("'history'", exact=True).first.click()
    page.wait_for_timeout(REST)
    panel.get_by_label("change", exact=True).select_option("append")
    fill(value="30")
    press("Do it")
    for answer in page.get_by_role("button", name="No", exact=True).all():
        answer.click()  # to the question about news of Jupyter
    page.mouse.move(0, 0)
    page.wait_for_timeout(REST)


if __name__ == "__main__":
    main()
