"""The timeline with a slider: a widget in a notebook, a page elsewhere; both run the same script.

The script gets everything that it can show at once, so moving the slider needs no kernel, and an open page still
works when the kernel has died. A notebook without the state of its widgets shows the film instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import anywidget
import traitlets

from pmemobj.crash import Exploration
from pmemobj_magics.common.signs import Sign
from pmemobj_magics.common.texts import count_short
from pmemobj_magics.errors import DrawingError
from pmemobj_magics.views.crash.looks import OUTCOMES, SIGNS
from pmemobj_magics.views.crash.timeline import Cut, Step, Timeline
from pmemobj_magics.views.graph import PoolGraph

__all__ = ["TimelineResult", "TimelineWidget", "data_of", "script"]

_PLACE = Path(__file__).parent
_SCRIPT = (_PLACE / "timeline.js").read_text()
_STYLE = (_PLACE / "timeline.css").read_text()
_INSTEAD = "<p>(Here was a timeline with a slider. Run the cell again to see it. The same content follows below.)</p>"
_EXPORT = "export default { render };"


class TimelineResult(Protocol):
    """What the widget shows of a result."""

    @property
    def ok(self) -> bool:
        """Whether nothing went wrong."""

    @property
    def summary(self) -> str:
        """The verdict in words."""

    @property
    def coverage(self) -> str:
        """How much was tried."""

    @property
    def report(self) -> Exploration:
        """What `pmemobj.crash` found."""

    @property
    def timeline(self) -> Timeline:
        """The steps of the cell."""

    @property
    def graphs(self) -> Mapping[str, PoolGraph]:
        """The states of the pool, by letter."""


class TimelineWidget(anywidget.AnyWidget):
    """A timeline with a slider.

    Attributes:
        data: Everything that it shows.
        step: Setting it moves the slider; a move of the slider in the page does not change it.
    """

    _esm = _SCRIPT
    _css = _STYLE
    data = traitlets.Dict().tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)

    def __repr__(self) -> str:
        return f"TimelineWidget({len(self.data['steps'])} steps)"

    def _repr_mimebundle_(self, **_options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        shown = {"text/plain": repr(self), "text/html": _INSTEAD, "application/vnd.jupyter.widget-view+json": view}
        return shown, {}


def script(data: dict[str, Any]) -> str:
    """HTML with the timeline, which loads nothing."""
    # "</script>" in the data would end the element, so "<" is escaped.
    told = json.dumps(data).replace("<", "\\u003c")
    run = f"const data = {told};\nrender({{ model: {{ get: (name) => (name === 'data' ? data : 0) }}, el: place }});"
    module = _SCRIPT.replace(_EXPORT, f"const place = document.getElementById('pmem-timeline');\n{run}")
    return f'<style>{_STYLE}</style><div id="pmem-timeline"></div><script type="module">{module}</script>'


def data_of(result: TimelineResult, source: Sequence[tuple[int, str]]) -> dict[str, Any]:
    """The data of the script as JSON; `source` has the numbered lines of the cell."""
    timeline = result.timeline
    steps = [_step(step) for step in timeline.steps]
    return {
        "ok": result.ok,
        "summary": result.summary,
        "coverage": result.coverage,
        "total": timeline.total,
        "code": [list(line) for line in source],
        "steps": steps,
        "states": {letter: _state(graph, timeline.states.changes(letter)) for letter, graph in result.graphs.items()},
        "signs": {letter: _sign(sign) for letter, sign in SIGNS.items()},
        "outcomes": {sign.mark: _sign(sign) for sign in OUTCOMES.values()},
        "example": _example(result),
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "number": step.number,
        "kind": step.kind,
        "title": step.title,
        "where": f"{step.where}: {step.source}" if step.source else step.where,
        "line": step.cell_line,
        "lines": [
            {"offset": line.offset, "sign": line.sign, "by_library": line.by_library, "told": line.told}
            for line in step.lines
        ],
        "undo": list(step.undo_log),
        "possible": count_short(step.possible),
        "results": "".join(OUTCOMES[result].mark for result in step.results),
        "lost": _cut(step.lost),
        "kept": _cut(step.kept),
    }


def _cut(cut: Cut) -> dict[str, str]:
    return {"at_crash": cut.at_crash, "after": cut.after, "status": cut.status}


def _state(graph: PoolGraph, changes: list[str]) -> dict[str, Any]:
    told = {"alt": repr(graph), "changes": changes}
    try:
        return told | {"svg": graph.svg}
    except DrawingError as error:
        return told | {"tree": f"{graph.tree}\n({error.todo})"}


def _sign(sign: Sign) -> dict[str, str]:
    return {"colour": sign.colour, "meaning": sign.meaning}


def _example(result: TimelineResult) -> dict[str, Any] | None:
    """The counterexample: the index of its step, and the cache lines that it loses."""
    found, example = result.timeline.example, result.report.counterexample
    first = result.report.first_violation
    if found is None or example is None or first is None:
        return None
    number, cut = found
    at = next(at for at, step in enumerate(result.timeline.steps) if step.number == number)
    kept = dict(example.choice)
    lost = [line for line, versions in first.moment.pending.items() if kept.get(line, 0) < len(versions)]
    return _cut(cut) | {"at": at, "lines_lost": lost}
