"""Crash a cell on purpose, and show what recovery makes of it."""

from __future__ import annotations

import base64
import builtins
import html
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from IPython.display import display

import pmemobj.crash
from pmemobj import TransactionError
from pmemobj.crash import CrashReport, Verdict
from pmemobj_magics.cell import CellCode, Shell
from pmemobj_magics.display import plural
from pmemobj_magics.errors import DrawingError
from pmemobj_magics.graph import PoolGraph, clip, news
from pmemobj_magics.session import Session

__all__ = ["CrashResult", "crash"]


class CrashResult:
    """One crash, in three frames: before, at the crash, after recovery.

    Attributes:
        report: What `pmemobj.crash` found.
        frames: The titles and graphs; what is new or changed since the first is marked.
        error: The last line of the exception, if the cell raised one instead.
    """

    def __init__(self, report: CrashReport, code: CellCode, max_nodes: int, max_items: int) -> None:
        self.report = report
        self._marks = [news(report.before, graph) for _, graph in report.frames]
        self.frames: tuple[tuple[str, PoolGraph], ...] = tuple(
            (title, PoolGraph(clip(graph, max_nodes, max_items), marks=marks, frame=title))
            for (title, graph), marks in zip(report.frames, self._marks, strict=True)
        )
        raised = report.verdict is Verdict.RAISED
        self.printed, self.error = _split_output(report.output, code.filename) if raised else (report.output, "")

    @property
    def verdict(self) -> Verdict:
        """What became of the pool."""
        return self.report.verdict

    @property
    def steps(self) -> int:
        """How many changes of live memory the cell had made when it died."""
        return self.report.changes

    @property
    def ok(self) -> bool:
        """Whether the pool came back as it was before."""
        return self.report.ok

    @property
    def summary(self) -> str:
        """When it died, and the verdict."""
        if self.error:
            return f"not killed, because the cell raised {self.error}; its transaction was rolled back"
        return f"{self._moment()}: {self.verdict.value}"

    def _moment(self) -> str:
        made, at = plural(self.steps, "change"), self.report.at
        if self.report.ending:
            return f"{self.report.ending}, after {made}"
        if at is None:
            return f"killed just before the commit, after {made}"
        if self.steps < at:
            return f"killed just before the commit, because the cell makes only {made}"
        return f"killed after change {at}"

    def __repr__(self) -> str:
        width = max(len(title) for title, _ in self.frames)
        lines = [
            f"{title:{width}}  {graph!r}{_marks_text(marks)}"
            for (title, graph), marks in zip(self.frames, self._marks, strict=True)
        ]
        printed = [f"printed: {line}" for line in self.printed.splitlines()]
        return "\n".join([*lines, self.summary, *printed])

    def _repr_html_(self) -> str:
        figures = "".join(_figure(title, graph) for title, graph in self.frames)
        printed = f"<pre>{html.escape(self.printed)}</pre>" if self.printed else ""
        return (
            f'<div class="pmem-crash"><p><strong>{"✓" if self.ok else "✗"}</strong> {html.escape(self.summary)}</p>'
            f'<div style="display:flex; flex-wrap:wrap; gap:12px; align-items:flex-start">{figures}</div>'
            f"{printed}</div>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def _marks_text(marks: dict[int, str]) -> str:
    counts = Counter(marks.values())
    texts = [f"{counts[mark]} {mark}" for mark in ("new", "changed") if counts[mark]]
    return f" with {', '.join(texts)}" if texts else ""


def _figure(title: str, graph: PoolGraph) -> str:
    """A titled frame; as an image, because notebooks that are not trusted drop SVG from HTML."""
    try:
        data = base64.b64encode(graph.svg.encode()).decode()
    except DrawingError as error:
        return _titled(title, f"<pre>{html.escape(graph.tree)}\n({html.escape(error.todo)})</pre>", "")
    width = int(graph.svg.partition(' width="')[2].partition('"')[0])
    look = f"max-width:100%; width:{width}px; height:auto"
    picture = f'<img alt="{html.escape(repr(graph))}" style="{look}" src="data:image/svg+xml;base64,{data}">'
    # So far the frames shrink to stand side by side; beyond that they wrap, to stay legible.
    return _titled(title, picture, f"flex:1 1 {width * 6 // 10}px; max-width:{width}px")


def _titled(title: str, content: str, style: str) -> str:
    caption = f"<figcaption><strong>{html.escape(title)}</strong></figcaption>"
    return f'<figure style="margin:0; {style}">{caption}{content}</figure>'


def _split_output(output: str, filename: str) -> tuple[str, str]:
    """What a failing cell printed before its traceback, and the gist of the traceback."""
    printed, _, trace = output.partition("Traceback (most recent call last):\n")
    last = trace.strip().rpartition("\n")[2]
    lines = re.findall(rf'File "{re.escape(filename)}", line (\d+)', trace)
    return printed, f"{last} (line {lines[-1]} of the cell)" if lines else last


def crash(
    session: Session,
    code: CellCode,
    name: str | None,
    *,
    at: int | None,
    seconds: float,
    max_nodes: int,
    max_items: int,
) -> CrashResult:
    """Run a cell in a transaction in a child process, kill it there, and recover the pool.

    Args:
        session: The session.
        code: The cell; what it does to variables happens in the child only.
        name: The pool.
        at: Die after this change, counted from 1; None for just before the commit.
        seconds: How long the cell may run.
        max_nodes, max_items: Limits of the pictures.

    Raises:
        TransactionError: a transaction is open.
        PmemError: recovery failed.
    """
    pool = session.find(name)
    if pool.in_transaction:
        raise TransactionError(
            f"crash a cell on {session.title(pool)}",
            "a transaction is open",
            session.how_to_end(pool),
        )

    show: Callable[[Any], Any] = display

    def action() -> None:
        _cut_off(session.shell)
        value = code.run(session.namespace)
        if value is not None and not code.quiet:
            show(value)

    try:
        report = pmemobj.crash.kill(pool, action, at, seconds=seconds)
    except KeyboardInterrupt as interrupt:
        said = f"KeyboardInterrupt: the cell was called off and its changes undone; {session.title(pool)} is open"
        if not pool.closed:
            interrupt._render_traceback_ = lambda: [said]  # type: ignore[attr-defined]
        raise
    return CrashResult(report, code, max_nodes, max_items)


# ---- in the child -------------------------------------------------------------------------------


def _cut_off(shell: Shell) -> None:
    """Keep the child away from the sockets that it inherited from the kernel: the front end is the parent's."""
    shell.display_pub = _Printer()
    builtins.input = _no_input


class _Printer:
    """Stands in for the display publisher: prints the plain text of what is displayed."""

    is_publishing = False

    def publish(self, data: dict[str, Any], *_args: Any, **_options: Any) -> None:
        print(data.get("text/plain", ""))

    def clear_output(self, wait: bool = False) -> None:
        """Nothing that was printed can be taken back."""


def _no_input(prompt: object = "") -> str:
    raise EOFError("input() is not possible in a cell that is going to crash")
