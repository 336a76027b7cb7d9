"""The timeline as HTML that needs no script, for notebooks that are saved, sent around and shown elsewhere."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from pmemobj_magics.display import count_short, number_text, plural
from pmemobj_magics.views.crash.looks import OUTCOMES, SIGNS, chip, details, figure, legend, row
from pmemobj_magics.views.crash.timeline import Cut, Line, Step, Timeline
from pmemobj_magics.views.graph import PoolGraph

__all__ = ["film", "outcome_strip", "three_figures"]

#: Steps of a film, and crashes of a strip, that are shown.
_FRAMES, _CHIPS = 40, 300


def outcome_strip(timeline: Timeline, results: Sequence[str]) -> str:
    """What became of each crash, step by step."""
    left, groups = _CHIPS, []
    for step in timeline.steps:
        if step.results and left > 0:
            told = f"cut before step {step.number}: {step.title}"
            chips = "".join(
                chip(OUTCOMES[result], f"{told}: {OUTCOMES[result].meaning}") for result in step.results[:left]
            )
            groups.append(f'<span style="margin-right:.6em"><small>{step.number}</small>{chips}</span>')
            left -= len(step.results)
    more = f" … and {number_text(-left)} more" if left < 0 else ""
    caption = "<small>each letter is a crash, behind the number of the step before which the power was cut</small>"
    return (
        f"<p>{caption}<br>{' '.join(groups)}{more}</p>{legend(OUTCOMES[each] for each in OUTCOMES if each in results)}"
    )


def three_figures(graphs: dict[str, PoolGraph], cut: Cut) -> str:
    """Before, at the crash, and after recovery."""
    shown = [("before: A", "A"), ("at the crash", cut.at_crash), ("after recovery", cut.after)]
    figures = []
    for number, (title, letter) in enumerate(shown):
        name = f"{title}: {letter}" if number and letter else title
        figures.append(
            figure(name, graphs[letter]) if letter else f"<p><strong>{title}</strong>: {_missing(cut, number)}</p>"
        )
    return row(figures)


def _missing(cut: Cut, number: int) -> str:
    return "what lies there cannot be read" if number == 1 else f"none; {cut.status}"


def film(timeline: Timeline) -> str:
    """The steps at which the power was cut, each to be opened."""
    steps = [step for step in timeline.steps if step.results]
    stride = -(-len(steps) // _FRAMES) or 1
    shown = steps[::stride]
    frames = "".join(details(_headline(step), _frame(step)) for step in shown)
    head = f"film: {len(shown)} of {plural(timeline.total, 'step')}"
    return details(head, f"{legend(SIGNS[letter] for letter in 'DFS')}{_states(timeline)}{frames}")


def _states(timeline: Timeline) -> str:
    items = []
    for letter in timeline.states.graphs:
        changes = timeline.states.changes(letter)
        text = "as before" if letter == "A" else "; ".join(changes) or "other objects than before"
        items.append(f"<li><strong>{letter}</strong> <code>{html.escape(text)}</code></li>")
    return f"<p>states of the pool:</p><ul style='list-style:none'>{''.join(items)}</ul>"


def _headline(step: Step) -> str:
    where = f" · {html.escape(step.where)} <code>{html.escape(step.source)}</code>" if step.where else ""
    signs = "".join(chip(SIGNS[line.sign], line.told) for line in step.lines)
    return f"<strong>{step.number}</strong> {html.escape(step.title)}{where} {signs}"


def _frame(step: Step) -> str:
    results = "".join(chip(OUTCOMES[result]) for result in step.results)
    return (
        f'<div style="margin:0 0 1em 1.5em"><p>power cut before this step: {count_short(step.possible)} possible; '
        f"what became of those that were tried: {results}</p>"
        f"{_lines(step.lines)}{_undo_log(step.undo_log)}"
        f"<p>if all that is not fenced is lost: {_cut(step.lost)}<br>if nothing is lost: {_cut(step.kept)}</p></div>"
    )


def _lines(lines: Iterable[Line]) -> str:
    chips = {False: "", True: ""}
    for line in lines:
        chips[line.by_library] += chip(SIGNS[line.sign], line.told)
    return f"<p>cache lines with data: {chips[False] or 'none'}; with libpmemobj's notes: {chips[True] or 'none'}</p>"


def _undo_log(entries: Iterable[str]) -> str:
    items = "".join(f"<li><code>{html.escape(entry)}</code></li>" for entry in entries)
    return f"<p>undo log:</p><ul>{items}</ul>" if items else "<p>undo log: empty</p>"


def _cut(cut: Cut) -> str:
    at_crash = f"the medium holds <strong>{cut.at_crash}</strong>" if cut.at_crash else "the medium cannot be read"
    after = (
        f"recovery makes it <strong>{cut.after}</strong>" if cut.after else f"no recovery: {html.escape(cut.status)}"
    )
    return f"{at_crash}, {after}"
