"""The timeline as HTML that needs no script, for saved notebooks and other viewers."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from pmemobj_magics.common.pages import details
from pmemobj_magics.common.signs import chip, legend
from pmemobj_magics.common.texts import count_short, number_text, plural
from pmemobj_magics.views.crash.looks import OUTCOMES, SIGNS, row
from pmemobj_magics.views.crash.timeline import CacheLine, Cut, Step, Timeline
from pmemobj_magics.views.graph import PoolGraph, figure

__all__ = ["film", "outcome_strip", "three_figures"]

#: The largest numbers of steps in a film and of crashes in a strip.
_FRAMES, _CHIPS = 40, 300
_CAPTION = "Each letter is one simulated crash; the number is the step just before which the power was cut."


def outcome_strip(timeline: Timeline, results: Sequence[str]) -> str:
    """The outcome of each crash, step by step."""
    left, groups = _CHIPS, []
    for step in timeline.steps:
        if step.results and left > 0:
            told = f"power cut before step {step.number}, {step.title}"
            chips = "".join(
                chip(OUTCOMES[result], f"{told}: {OUTCOMES[result].meaning}") for result in step.results[:left]
            )
            groups.append(f'<span style="margin-right:.6em"><small>{step.number}</small>{chips}</span>')
            left -= len(step.results)
    more = f" … and {number_text(-left)} more" if left < 0 else ""
    caption = f"<small>{_CAPTION}</small>"
    return (
        f"<p>{caption}<br>{' '.join(groups)}{more}</p>{legend(OUTCOMES[each] for each in OUTCOMES if each in results)}"
    )


def three_figures(graphs: dict[str, PoolGraph], cut: Cut) -> str:
    """The pool before the cell, at the crash, and after recovery."""
    shown = [("before: A", "A"), ("at the crash", cut.at_crash), ("after recovery", cut.after)]
    figures = []
    for number, (title, letter) in enumerate(shown):
        name = f"{title}: {letter}" if number and letter else title
        figures.append(
            figure(name, graphs[letter]) if letter else f"<p><strong>{title}</strong>: {_missing(cut, number)}</p>"
        )
    return row(figures)


def _missing(cut: Cut, number: int) -> str:
    return "the contents of the medium cannot be read" if number == 1 else f"no state; recovery: {cut.status}"


def film(timeline: Timeline) -> str:
    """The steps before which the power was cut; each unfolds."""
    steps = [step for step in timeline.steps if step.results]
    stride = -(-len(steps) // _FRAMES) or 1
    shown = steps[::stride]
    frames = "".join(details(_headline(step), _frame(step)) for step in shown)
    head = f"step by step: {len(shown)} of {plural(timeline.total, 'step')}"
    return details(head, f"{legend(SIGNS[letter] for letter in 'DFS')}{_states(timeline)}{frames}")


def _states(timeline: Timeline) -> str:
    items = []
    for letter in timeline.states.graphs:
        changes = timeline.states.changes(letter)
        text = "as before the cell" if letter == "A" else "; ".join(changes) or "other objects than before the cell"
        items.append(f"<li><strong>{letter}</strong> <code>{html.escape(text)}</code></li>")
    return f"<p>States of the pool, compared with A:</p><ul style='list-style:none'>{''.join(items)}</ul>"


def _headline(step: Step) -> str:
    where = f" · {html.escape(step.where)} <code>{html.escape(step.source)}</code>" if step.where else ""
    signs = "".join(chip(SIGNS[line.sign], line.told) for line in step.lines)
    return f"<strong>{step.number}</strong> {html.escape(step.title)}{where} {signs}"


def _frame(step: Step) -> str:
    results = "".join(chip(OUTCOMES[result]) for result in step.results)
    return (
        f'<div style="margin:0 0 1em 1.5em"><p>{_possible(step)}; the outcomes of the simulated crashes: {results}</p>'
        f"{_lines(step.lines)}{_undo_log(step.undo_log)}"
        f"<p>If all unfenced data is lost: {_cut(step.lost)}<br>If nothing is lost: {_cut(step.kept)}</p></div>"
    )


def _possible(step: Step) -> str:
    """How many states a power cut before a step can leave."""
    return f"A power cut before this step can leave {count_short(step.possible)} state{'s' * (step.possible > 1)}"


def _lines(lines: Iterable[CacheLine]) -> str:
    chips = {False: "", True: ""}
    for line in lines:
        chips[line.by_library] += chip(SIGNS[line.sign], line.told)
    data, metadata = (chips[by_library] or "none" for by_library in (False, True))
    return f"<p>Cache lines with data: {data}; with libpmemobj's metadata: {metadata}</p>"


def _undo_log(entries: Iterable[str]) -> str:
    items = "".join(f"<li><code>{html.escape(entry)}</code></li>" for entry in entries)
    return f"<p>Undo log:</p><ul>{items}</ul>" if items else "<p>The undo log is empty.</p>"


def _cut(cut: Cut) -> str:
    at_crash = f"the medium has state <strong>{cut.at_crash}</strong>" if cut.at_crash else "the medium cannot be read"
    after = (
        f"recovery turns it into <strong>{cut.after}</strong>" if cut.after else f"recovery: {html.escape(cut.status)}"
    )
    return f"{at_crash}, {after}"
