"""What notebook 3 shows and asks: a recording in words, cache lines as a drawing, and the checks of its exercises.

Lines of the pool are called A, B, ... in the order in which the program first stores to them, because where they
lie says nothing to a reader. The undo log, which libpmemobj writes by itself, is called log.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Collection, Iterator
from typing import Any
from xml.sax.saxutils import escape

from pmemobj import PersistentObjectPool
from pmemobj.crash import Event, Frame, Line, LineState, Recording, Report, What, record

LOG = "log"
WORD = 8
STATES = {LineState.DIRTY: "dirty (D)", LineState.FLUSHED: "flushed (F)", LineState.FENCED: "safe (S)"}


# ---- in words -----------------------------------------------------------------------------------


def source(event: Event | None) -> str:
    """The line of the program that made an event, as it was typed."""
    place = event.place if event else None
    return linecache.getline(place.file, place.line).strip() if place else ""


def names(recording: Recording) -> dict[int, str]:
    """What each cache line is called, by its offset."""
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
    """Print everything that was recorded: number, what, which cache line, and the line of the program."""
    called = names(recording)
    for event in recording.steps:
        lines = " ".join(dict.fromkeys(called[line] for line in event.lines if line in called)) if event.size else ""
        print(f"{event.number:3}  {event.what.value:20} {lines:5} {source(event)}".rstrip())


def show_undo_log(recording: Recording) -> None:
    """Print the numbers that recovery would put back when the commit begins."""
    at = next(event.number for event in recording.steps if event.what is What.COMMIT)
    for entry in recording.frame(at).undo_log:
        # A small int lies in its word shifted left, with a 1 behind it: docs/format.md.
        print("put back", int.from_bytes(entry.data, "little", signed=True) >> 1)


def tell(report: Report) -> None:
    """Print the verdict, how much was tried, and the smallest counterexample."""
    print(" and ".join(f"{count} x {name}" for name, count in report.counts().items()) or "no violation")
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
    print(f"  then {smallest.finding}")


# ---- as a drawing -------------------------------------------------------------------------------

_BOX, _ROW, _TOP, _LEFT, _GAP = 21, 30, 46, 58, 64
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
        parts, y = [], 8
        for frame in self._frames:
            parts += self._panel(frame, y)
            y += _TOP + _ROW * len(self._shown(frame)) + 10
        legend = "n: the new bytes    ?: the new bytes or the old ones, nobody knows    empty: nothing new"
        parts.append(_text(12, y + 8, legend, 12))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{y + 22}" viewBox="0 0 860 {y + 22}" '
            f'role="img" font-family="Helvetica,Arial,sans-serif" aria-label="{escape(repr(self))}">'
            f'<rect width="860" height="{y + 22}" rx="8" fill="#fbfcfe" stroke="#d0d7e2"/>{"".join(parts)}</svg>'
        )

    def _shown(self, frame: Frame) -> list[Line]:
        return [line for line in frame.lines if line.content != self._first[line.offset]]

    def _panel(self, frame: Frame, y: int) -> Iterator[str]:
        step = f" ({frame.step.what.value}: {source(frame.step)})" if frame.step else ""
        yield _text(12, y + 16, f"before step {frame.number}{step}: {_states(frame)}", 13, "bold")
        right = _LEFT + 8 * _BOX + _GAP
        yield _text(_LEFT, y + 36, "in the cache of the processor", 11)
        yield _text(right, y + 36, "on the medium", 11)
        for at, line in enumerate(self._shown(frame)):
            top = y + _TOP + _ROW * at
            yield _text(12, top + 15, self._names[line.offset], 13, "bold")
            cached, durable = self._words(line)
            yield from _boxes(_LEFT, top, cached)
            yield _text(right - _GAP + 22, top + 16, "→", 18)
            yield from _boxes(right, top, durable)
            yield _text(right + 8 * _BOX + 16, top + 15, f"{STATES[line.state]}   {source(line.stored_by)}", 12)

    def _words(self, line: Line) -> tuple[list[str], list[str]]:
        cached, durable = [], []
        for at in range(0, len(line.content), WORD):
            old, now, safe = (each[at : at + WORD] for each in (self._first[line.offset], line.content, line.durable))
            cached.append("n" if now != old else "")
            durable.append("?" if now != safe else "n" if safe != old else "")
        return cached, durable


def _first_contents(recording: Recording) -> dict[int, bytes]:
    """What each cache line held before anything was stored to it: what is durable when it is first seen."""
    found: dict[int, bytes] = {}
    for number in range(len(recording.steps) + 1):
        for line in recording.frame(number).lines:
            found.setdefault(line.offset, line.durable)
    return found


def _states(frame: Frame) -> str:
    return f"{frame.possible} possible state" + "s" * (frame.possible > 1)


def _text(x: int, y: int, text: str, size: int, weight: str = "normal") -> str:
    look = f'font-size="{size}" font-weight="{weight}" fill="#1b2733" xml:space="preserve"'
    return f'<text x="{x}" y="{y}" {look}>{escape(text)}</text>'


def _boxes(x: int, y: int, letters: list[str]) -> Iterator[str]:
    for at, letter in enumerate(letters):
        left = x + at * _BOX
        yield f'<rect x="{left}" y="{y}" width="{_BOX}" height="{_BOX}" fill="{_FILLS[letter]}" stroke="#8593a6"/>'
        if letter:
            yield (
                f'<text x="{left + _BOX // 2}" y="{y + 15}" font-size="12" text-anchor="middle" '
                f'fill="{_INK[letter]}">{letter}</text>'
            )


# ---- the exercises: the lab is asked, not a list of answers -------------------------------------


def check_totals(recording: Recording, total: Callable[[Any], int], answer: Collection[int] | None) -> bool:
    """Whether these are the totals that a power cut can leave, no more and no less."""
    if not answer:
        return _not_yet("put the totals into answer, in braces")
    if not recording.explore(lambda pool: total(pool) in answer, atomic=False).ok:
        return _not_yet("a power cut can leave a total that is not in your answer")
    for each in sorted(answer):
        if recording.explore(lambda pool, each=each: total(pool) != each, atomic=False).ok:
            return _not_yet(f"no power cut leaves {each}")
    return _right("these totals are possible, and no others")


def check_count(recording: Recording, answer: int | None) -> bool:
    """Whether so many states are possible at the end of a recording."""
    if answer is None:
        return _not_yet("put a number into answer")
    if answer != recording.frame(len(recording.steps)).possible:
        return _not_yet(f"it is not {answer}; count the versions of each line, the old one too, and multiply")
    return _right(f"{answer} states")


def check_vault(pool: PersistentObjectPool, vault: Any) -> bool:
    """Whether ``vault.move(0, 100, 30)`` moves 30 coins, and a power cut leaves all of it or nothing."""

    def coins(pool: PersistentObjectPool) -> tuple[int, int]:
        return pool.root["vault"].coins[0], pool.root["vault"].coins[100]

    before = coins(pool)
    after = before[0] - 30, before[1] + 30
    return _check(pool, lambda: vault.move(0, 100, 30), coins, after, lambda pool: coins(pool) in (before, after))


def check_message(pool: PersistentObjectPool, message: Any) -> bool:
    """Whether ``message.send(7)`` sends 7, and a power cut never leaves a message that is ready without its content."""

    def sent(pool: PersistentObjectPool) -> tuple[bool, int]:
        return pool.root["message"].ready, pool.root["message"].content[0]

    allowed = (False, 0), (False, 7), (True, 7)
    return _check(pool, lambda: message.send(7), sent, (True, 7), lambda pool: sent(pool) in allowed)


def _check(
    pool: PersistentObjectPool,
    action: Callable[[], object],
    state: Callable[[PersistentObjectPool], object],
    wanted: object,
    allowed: Callable[[PersistentObjectPool], bool],
) -> bool:
    recording = record(pool, action)
    if not recording.returned:
        lines = recording.output.strip().splitlines()
        return _not_yet(f"the code {recording.ending}: {lines[-1] if lines else ''}")
    report = recording.explore(allowed, atomic=False)
    if not report.ok:
        tell(report)
        return _not_yet("this is what can still happen")
    if recording.explore(lambda pool: state(pool) != wanted, atomic=False).ok:
        return _not_yet("no violation, but the work is not done either")
    if recording.frame(len(recording.steps)).possible > 1:
        return _not_yet("when the code has ended, some of what it stored can still be lost")
    return _right(report.coverage)


def _right(text: str) -> bool:
    print(f"✓ right: {text}")
    return True


def _not_yet(text: str) -> bool:
    print(f"✗ not yet: {text}")
    return False
