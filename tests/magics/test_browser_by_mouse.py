"""The tables *by mouse* of the course, done word for word in a real JupyterLab: what they say can be done, and is seen.

Each line of a table has acts, which this module reads and does as a reader would. What is seen after each line is
written here, since the tables say it in free words.
"""

# ruff: noqa: F811 - fixtures are imported, and are parameters

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from test_browser import NOTEBOOKS, READY, lab, page  # noqa: F401 - fixtures

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

#: Milliseconds that something may take to be seen.
PATIENCE = 60_000
#: The acts of a line, in their order.
ACT = re.compile(
    r"[Cc]hoose \*(?P<option>[^*]+)\* in \*(?P<choice>[^*]+)\*"
    r"|[Cc]lick on `(?P<row>[^`]+)`"
    r"|`(?P<text>[^`]+)`(?: with its quotes)? into (?:the field )?\*(?P<field>[^*]+)\*"
    r"|and `(?P<second>[^`]+)` into \*(?P<second_field>[^*]+)\*"
    r"|\*\*(?P<button>[^*]+)\*\*"
)
RUN = """async (number) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = number;
  notebook.deselectAll();
  await window.jupyterapp.commands.execute('notebook:run-cell');
}"""
#: JupyterLab takes cells out of the page that are out of sight.
SHOW = """async (number) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = number;
  await notebook.scrollToItem(number, 'start');
}"""

#: Before what is to be seen in the graph, without spaces.
GRAPH = "graph: "
#: For each table by its cell, what the panel shows after each of its lines.
SEEN: dict[str, dict[str, list[str | tuple[str, ...]]]] = {
    "01_hello": {
        "cell-01": [
            "no pool",
            "pool: first.pmem",
            ("pool.root = pool.persistent({'ada': 100, 'bob': 100})", f"{GRAPH}'ada'100'bob'100"),
            "uncommitted",
            ("pool.root['ada'] = 70", f"{GRAPH}'ada'70was100'bob'100"),
            ("rolled back", f"{GRAPH}'ada'100'bob'100"),
        ],
        "panel-02": [
            "uncommitted",
            "pool.root['ada'] = 70",
            "pool.root['bob'] = 130",
            "committed",
            "is closed",
            ("the last program closed it properly", f"{GRAPH}'ada'70'bob'130"),
            "%pmem_commit\n%pmem_close\n%pmem_open first.pmem",
            "is closed",
        ],
    },
    "04_transactions": {
        "mouse-01": ["pool.root['shelf']", "del pool.root['shelf'][2]", "pool.root['shelf'].append('Solaris')"],
        "mouse-02": ["uncommitted", "del pool.root['shelf'][1]", "pool.root['lent']['Solaris'] = 'Bob'", "rolled back"],
        "mouse-03": ["depth 2", "del pool.root['shelf'][0]", ("%pmem_commit", "uncommitted"), "rolled back"],
    },
    "05_crashes": {
        "mouse-01": [
            "uncommitted",
            "pool.root['shelf'] = 9",
            "pool.root['customers'].append('Ada')",
            "torn: some of its statements are stored, others are not",
            "rolled back",
        ],
        "mouse-02": [
            "uncommitted",
            "pool.root['shelf'] = 9",
            "pool.root['customers'].append('Ada')",
            ("%pmem_crash", "killed in the middle of the transaction", "after recovery"),
            "rolled back",
        ],
        "mouse-03": [
            "uncommitted",
            "pool.root['shelf'] = 9",
            "pool.root['customers'].append('Ada')",
            "after every simulated power cut the pool was as before the cell, or as after it",
            "violate your check",
            "rolled back",
        ],
    },
}


def lines_of(source: str) -> list[str]:
    """What is to be done in each line of a table."""
    return [line.split(" | ")[1] for line in source.splitlines() if re.match(r"\| \d+ \|", line)]


def texts_of(cell: dict[str, Any]) -> list[str]:
    """What a cell shows as text."""
    found = [
        each.get("data", {}).get("text/plain", each.get("text", each.get("evalue", ""))) for each in cell["outputs"]
    ]
    return ["".join(text) for text in found]


class Reader:
    """Somebody who reads a notebook and does what it says."""

    def __init__(self, page: Any, address: str, name: str) -> None:
        self.page, self.name = page, name
        self.cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
        self.panel = page.locator(".jp-NotebookPanel .pmem-panel").first
        page.goto(address.format(f"{name}.ipynb"))
        page.wait_for_selector(".jp-NotebookPanel .jp-Notebook", timeout=PATIENCE)
        page.wait_for_function(READY, arg=f"{name}.ipynb", timeout=PATIENCE)

    def source(self, at: int) -> str:
        return "".join(self.cells[at]["source"])

    def run(self, at: int) -> None:
        self.page.evaluate(RUN, at)

    def show_panel(self) -> None:
        at = next(at for at, cell in enumerate(self.cells) if self.source(at).endswith("%pmem_panel"))
        self.page.evaluate(SHOW, at)
        self.panel.wait_for(timeout=PATIENCE)

    def do(self, line: str) -> None:
        """Do the acts of one line of a table."""
        acts = list(ACT.finditer(line))
        assert acts, line
        typed = ""
        for act in acts:
            if act["option"]:
                self.panel.get_by_label(act["choice"], exact=True).select_option(act["option"])
            elif act["row"]:
                self.panel.locator(".pmem-row").get_by_text(act["row"], exact=True).first.click()
                self.sees("pool.root (" if act["row"] == "root" else f"pool.root[{act['row']}] (")  # it is selected
            elif act["button"]:
                if act["button"] == "Do it":
                    self.sees_line(typed)
                self.panel.get_by_role("button", name=act["button"], exact=True).first.click()
                if act["button"] == "Do it":
                    value = self.panel.get_by_label("value", exact=True).element_handle()
                    self.page.wait_for_function("field => !field.value", arg=value, timeout=PATIENCE)
            else:
                field = act["field"] or act["second_field"]
                typed = act["text"] or act["second"]
                self.panel.get_by_label(field, exact=True).fill(typed)

    def sees_line(self, typed: str) -> None:
        """Wait until the line that a button would run has what was typed: the front end sends it with a delay."""
        self.page.wait_for_function(
            "([panel, typed]) => [...panel.querySelectorAll('.widget-html-content > pre')].some((it) => it.innerText.includes(typed))",
            arg=[self.panel.element_handle(), typed],
            timeout=PATIENCE,
        )

    def sees(self, text: str) -> None:
        """Wait until the panel shows a text, also in a box with code."""
        self.page.wait_for_function(
            "([panel, text]) => panel.innerText.includes(text)",
            arg=[self.panel.element_handle(), text],
            timeout=PATIENCE,
        )

    def do_table(self, lines: list[str], seen: list[str | tuple[str, ...]]) -> None:
        """Do a whole table, and look after each line."""
        assert len(lines) == len(seen)
        self.show_panel()
        for line, texts in zip(lines, seen, strict=True):
            if "this table" not in line:  # it was done: without the cell there is no panel
                self.do(line)
            for text in (texts,) if isinstance(texts, str) else texts:
                if text.startswith(GRAPH):
                    self.sees_in_graph(text.removeprefix(GRAPH))
                else:
                    self.sees(text)

    def sees_in_graph(self, values: str) -> None:
        """Wait until the graph of the explorer has these values next to each other."""
        self.page.wait_for_function(
            "([panel, values]) => panel.querySelector('.pmem-graph svg')?.textContent.replace(/\\s/g, '').includes(values)",
            arg=[self.panel.element_handle(), values],
            timeout=PATIENCE,
        )

    def compare(self) -> None:
        """Compare what the cells have shown with what is stored."""
        model = json.loads(
            self.page.evaluate("() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.model)")
        )
        for stored, ran in zip(self.cells, model["cells"], strict=True):
            if stored["cell_type"] == "code" and not set(stored["metadata"].get("tags", [])) & {"nbval-ignore-output"}:
                assert texts_of(ran) == texts_of(stored), "".join(stored["source"])


@pytest.fixture
def reader(lab: str, page: Any, request: pytest.FixtureRequest) -> Reader:
    return Reader(page, lab, request.param)


@pytest.mark.parametrize("reader", SEEN, indirect=True)
def test_the_tables_can_be_done(reader: Reader) -> None:
    """Cell after cell, with each table where it stands; and each cell shows the same as for one who passes them over."""
    if reader.name == "05_crashes":
        pytest.importorskip(
            "pmemobj.crash._native", reason="there is no recorder without a C compiler or off x86-64 Linux"
        )
    tables = SEEN[reader.name]
    assert [cell["id"] for cell in reader.cells if lines_of("".join(cell["source"]))] == list(tables)
    ran: set[int] = set()
    for at, cell in enumerate(reader.cells):
        if cell["cell_type"] == "code" and at not in ran:
            reader.run(at)
        if cell["id"] in tables:
            if cell["id"] == "cell-01":
                reader.run(at + 1)  # as its first line says
                ran.add(at + 1)
            reader.do_table(lines_of(reader.source(at)), tables[cell["id"]])
    reader.compare()
