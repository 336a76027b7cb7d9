"""Notebook 7: a recording in words, cache lines as a drawing, and the checks of the exercises.

Cache lines of the pool are called A, B, ... in the order in which the program first stores to them, because their
offsets mean nothing to a reader. The lines of the undo log, which libpmemobj itself writes, are called log.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

from course.answers import not_yet, right
from pmemobj import PersistentObjectPool
from pmemobj.crash import CacheLine, Event, Exploration, Frame, LineState, Recording, What, record
from pmemobj_magics.common.texts import count_short

LOG = "log"
WORD = 8
STATES = {LineState.DIRTY: "dirty (D)", LineState.FLUSHED: "flushed (F)", LineState.FENCED: "safe (S)"}


# ---- in words -----------------------------------------------------------------------------------


def source(event: Event | None) -> str:
    """The source line that caused an event."""
    place = event.place if event else None
    return linecache.getline(place.file, place.line).strip() if place else ""


def names(recording: Recording) -> dict[int, str]:
    """The name of each cache line, by its offset."""
    found: dict[int, str] = {}
    for event in recording.steps:
        if event.what is What.STORE:
            for line in event.lines:
                if event.by_library:
                    found.setdefault(line, LOG)
                elif found.get(line, LOG) == LOG:
                    found[line] = chr(ord("A") + sum(name != LOG for name in found.values()))
    return found


def show_steps(recording: Recording) -> None:
    """Print every recorded step: its number, its kind, its cache line, and the source line."""
    called = names(recording)
    for event in recording.steps:
        lines = " ".join(dict.fromkeys(called[line] for line in event.lines if line in called)) if event.size else ""
        code = source(event) if event.what is not What.ENDED else ""
        print(f"{event.number:3}  {event.what.value:20} {lines:5} {code}".rstrip())


def commit_begins(recording: Recording) -> int:
    """The number of the step at which the first commit begins."""
    return next(event.number for event in recording.steps if event.what is What.COMMIT)


def show_undo_log(recording: Recording, moment: int) -> None:
    """Print the numbers that recovery would restore after a crash just before a step."""
    for entry in recording.frame(moment).undo_log:
        # The word of a small int is twice the int, plus 1 (docs/format.md).
        print("put back", int.from_bytes(entry.data, "little", signed=True) >> 1)


def tell(report: Exploration) -> None:
    """Print the verdict, the number of states that were tried, and the smallest counterexample."""
    broken = ", ".join(f"{name} {count}" for name, count in report.counts().items())
    print(f"violations: {broken or 'none'}")
    print(report.coverage)
    smallest = report.counterexample
    if smallest is None:
        return
    what = f" ({smallest.before.what.value})" if smallest.before else ""
    print(f"smallest counterexample: cut the power before step {smallest.event}{what}")
    stories = smallest.kept or smallest.lost
    fate = "reached the medium" if smallest.kept else "was lost"
    for code in dict.fromkeys(source(store) for story in stories for store in story.stores):
        print(f"  only this {fate}:  {code}")
    print(f"  then {smallest.broken}")


# ---- as a drawing -------------------------------------------------------------------------------

_BOX, _ROW, _TOP, _LEFT, _GAP, _WIDTH, _CODE = 17, 26, 44, 40, 36, 580, 27
_FILLS = {"": "#e9edf3", "n": "#0072b2", "?": "#f0e442"}
_INK = {"": "#1b2733", "n": "#ffffff", "?": "#1b2733"}


class Drawing:
    """The cache lines of a recording just before some of its steps."""

    def __init__(self, recording: Recording, *moments: int) -> None:
        self._names = names(recording)
        self._first = _first_contents(recording)
        self._frames = [recording.frame(number) for number in moments]

    def __repr__(self) -> str:
        return "\n".join(f"before step {frame.number}: {_states(frame)}" for frame in self._frames)

    def _repr_svg_(self) -> str:
        parts: list[str] = []
        y = 8
        for frame in self._frames:
            parts += self._panel(frame, y)
            y += _TOP + _ROW * len(self._shown(frame)) + 10
        legend = "n: the new bytes    ?: either the new bytes or the old ones    empty: not changed"
        parts.append(_text(12, y + 8, legend, 12))
        size = f'width="{_WIDTH}" height="{y + 20}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_WIDTH} {y + 20}" role="img" '
            f'font-family="Helvetica,Arial,sans-serif" aria-label="{escape(repr(self))}">'
            f'<rect {size} rx="8" fill="#fbfcfe" stroke="#d0d7e2"/>{"".join(parts)}</svg>'
        )

    def _shown(self, frame: Frame) -> list[CacheLine]:
        def order(line: CacheLine) -> tuple[bool, str]:
            name = self._names[line.offset]
            return name != LOG, name

        return sorted((line for line in frame.lines if line.content != self._first[line.offset]), key=order)

    def _panel(self, frame: Frame, y: int) -> Iterator[str]:
        step = f", {frame.step.what.value}" if frame.step else ""
        yield _text(12, y + 16, f"before step {frame.number}{step}: {_states(frame)}", 13, "bold")
        right = _LEFT + 8 * _BOX + _GAP
        yield _text(_LEFT, y + 36, "in the cache", 11)
        yield _text(right, y + 36, "on the medium", 11)
        for at, line in enumerate(self._shown(frame)):
            top = y + _TOP + _ROW * at
            yield _text(12, top + 13, self._names[line.offset], 13, "bold")
            cached, durable = self._words(line)
            yield from _boxes(_LEFT, top, cached)
            yield _text(right - _GAP + 10, top + 14, "→", 16)
            yield from _boxes(right, top, durable)
            state = right + 8 * _BOX + 8
            yield _text(state, top + 13, STATES[line.state], 11)
            yield _text(state + 66, top + 13, _shortened(source(line.stored_by)), 10)

    def _words(self, line: CacheLine) -> tuple[list[str], list[str]]:
        cached, durable = [], []
        for at in range(0, len(line.content), WORD):
            old, now, safe = (each[at : at + WORD] for each in (self._first[line.offset], line.content, line.durable))
            cached.append("n" if now != old else "")
            durable.append("?" if now != safe else "n" if safe != old else "")
        return cached, durable


def _first_contents(recording: Recording) -> dict[int, bytes]:
    """The content of each cache line before the first store to it: its durable content when it first appears."""
    found: dict[int, bytes] = {}
    for number in range(len(recording.steps) + 1):
        for line in recording.frame(number).lines:
            found.setdefault(line.offset, line.durable)
    return found


def _states(frame: Frame) -> str:
    return f"{count_short(frame.possible)} possible state" + "s" * (frame.possible > 1)


def _text(x: int, y: int, text: str, size: int, weight: str = "normal") -> str:
    look = f'font-size="{size}" font-weight="{weight}" fill="#1b2733" xml:space="preserve"'
    return f'<text x="{x}" y="{y}" {look}>{escape(text)}</text>'


def _shortened(code: str) -> str:
    return code if len(code) <= _CODE else f"{code[: _CODE - 1]}…"


def _boxes(x: int, y: int, letters: list[str]) -> Iterator[str]:
    for at, letter in enumerate(letters):
        left = x + at * _BOX
        yield f'<rect x="{left}" y="{y}" width="{_BOX}" height="{_BOX}" fill="{_FILLS[letter]}" stroke="#8593a6"/>'
        if letter:
            yield (
                f'<text x="{left + _BOX // 2}" y="{y + 13}" font-size="12" text-anchor="middle" '
                f'fill="{_INK[letter]}">{letter}</text>'
            )


# ---- the exercises: the lab is asked, not a list of answers -------------------------------------


def check_totals(recording: Recording, total: Callable[[Any], int], answer: Collection[int] | None) -> None:
    """Check that a power cut can leave these totals and no others."""
    if not answer:
        return not_yet("put the totals into answer, in braces")
    if not recording.explore(lambda pool: total(pool) in answer, atomic=False).ok:
        return not_yet("a power cut can leave a total that is not in your answer")
    for each in sorted(answer):
        # A total is possible if there is a counterexample to the claim that it never occurs.
        if not recording.explore(partial(_differs, total, each), atomic=False).violations:
            return not_yet(f"no power cut leaves {each}")
    return right("these totals are possible, and no others")


def _differs(state: Callable[[Any], object], value: object, pool: PersistentObjectPool) -> bool:
    return state(pool) != value


def check_count(recording: Recording, answer: int | None) -> None:
    """Check the number of states that are possible at the end of a recording."""
    if answer is None:
        return not_yet("put a number into answer")
    if answer != recording.frame(len(recording.steps)).possible:
        return not_yet(
            f"it is not {answer}; count the versions of each cache line, with the old one, and multiply the numbers"
        )
    return right(f"{answer} states are possible")


def check_give(pool: PersistentObjectPool) -> None:
    """Check that the red purse gives 30 coins to the blue one, and that a power cut leaves all of that or nothing."""

    def coins(pool: PersistentObjectPool) -> tuple[int, int]:
        return pool.root["red"].coins, pool.root["blue"].coins

    before = coins(pool)
    after = before[0] - 30, before[1] + 30

    def give() -> None:
        pool.root["red"].give(pool.root["blue"], 30)

    return _check(pool, give, coins, after, lambda pool: coins(pool) in (before, after))


def check_send(pool: PersistentObjectPool) -> None:
    """Check that the message is sent, and that a power cut never leaves it ready without its content."""

    def sent(pool: PersistentObjectPool) -> tuple[bool, int]:
        content = pool.root["message"].content
        return pool.root["message"].ready, content if isinstance(content, int) else content[0]

    allowed = (False, 0), (False, 7), (True, 7)
    return _check(pool, lambda: pool.root["message"].send(7), sent, (True, 7), lambda pool: sent(pool) in allowed)


def _check(
    pool: PersistentObjectPool,
    action: Callable[[], object],
    state: Callable[[PersistentObjectPool], object],
    wanted: object,
    allowed: Callable[[PersistentObjectPool], bool],
) -> None:
    recording = record(pool, action)
    if not recording.returned:
        lines = recording.output.strip().splitlines()
        return not_yet(f"the code {recording.ending}: {lines[-1] if lines else ''}")
    report = recording.explore(allowed, atomic=False)
    if not report.ok:
        tell(report)
        return not_yet("this crash can still happen")
    if not recording.explore(partial(_differs, state, wanted), atomic=False).violations:
        return not_yet("no power cut does harm, but the work is not done")
    if recording.frame(len(recording.steps)).possible > 1:
        return not_yet("a power cut after the end of the code can still lose some of its stores")
    return right(report.coverage)
