"""The timeline to be stepped through: in a notebook as a widget, elsewhere as a page; both run the same script.

Everything that can be shown is handed over at once, so stepping needs no kernel: a page that is open goes on
working when the kernel has died. A notebook without the state of its widgets shows the film instead.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from pmemobj_magics.display import count_short
from pmemobj_magics.errors import DrawingError
from pmemobj_magics.views.crash.looks import OUTCOMES, SIGNS, Sign
from pmemobj_magics.views.graph import PoolGraph

if TYPE_CHECKING:
    from pmemobj_magics.views.crash.power import PowerResult
    from pmemobj_magics.views.crash.timeline import Cut, Step

__all__ = ["TimelineWidget", "data_of", "script"]

_PLACE = Path(__file__).parent
_SCRIPT = (_PLACE / "timeline.js").read_text()
_STYLE = (_PLACE / "timeline.css").read_text()
_INSTEAD = "<p>(A timeline with a slider stood here; run the cell again to have it. Below is what it shows.)</p>"
_EXPORT = "export default { render };"


class TimelineWidget(anywidget.AnyWidget):
    """A timeline with a slider.

    Attributes:
        data: All that it shows.
        step: Setting it moves the slider; what the reader does to the slider stays in the page.
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
    """HTML with the timeline that loads nothing."""
    # What could end the element early is written another way.
    told = json.dumps(data).replace("<", "\\u003c")
    run = f"const data = {told};\nrender({{ model: {{ get: (name) => (name === 'data' ? data : 0) }}, el: place }});"
    module = _SCRIPT.replace(_EXPORT, f"const place = document.getElementById('pmem-timeline');\n{run}")
    return f'<style>{_STYLE}</style><div id="pmem-timeline"></div><script type="module">{module}</script>'


def data_of(result: PowerResult, source: Sequence[tuple[int, str]]) -> dict[str, Any]:
    """What the script shows, as JSON; `source` are the numbered lines of the cell."""
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
        "outcomes": {sign.letter: _sign(sign) for sign in OUTCOMES.values()},
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
        "results": "".join(OUTCOMES[result].letter for result in step.results),
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


def _example(result: PowerResult) -> dict[str, Any] | None:
    """The counterexample: at which of the steps, and which lines it loses."""
    found, example = result.timeline.example, result.report.counterexample
    first = result.report.first_violation
    if found is None or example is None or first is None:
        return None
    number, cut = found
    at = next(at for at, step in enumerate(result.timeline.steps) if step.number == number)
    kept = dict(example.choice)
    lost = [line for line, versions in first.moment.pending.items() if kept.get(line, 0) < len(versions)]
    return _cut(cut) | {"at": at, "lines_lost": lost}
