"""Name lines of the program and steps of a recording in words that are the same in every run."""

from __future__ import annotations

import linecache
import os
from collections.abc import Callable
from pathlib import Path

import pmemobj
from pmemobj.crash import Counterexample, Event, LineStory, Place, What
from pmemobj_magics.views.crash.owners import Owners

__all__ = ["Places", "without_our_frames"]

_MAGICS = str(Path(__file__).parents[2]) + os.sep
_OURS = (str(Path(pmemobj.__file__).parent) + os.sep, _MAGICS)


class Places:
    """Names places in the crashed cell, in other cells, and in files.

    Args:
        filename: The name under which the cell was compiled; `Place.file` has this name.
        other_cell: A function that takes a file name and names the cell, such as ``cell In[3]``; None if it is no cell.

    Attributes:
        owners: The names of offsets; the timeline sets it when it has seen the states of the pool.
    """

    def __init__(self, filename: str, other_cell: Callable[[str], str | None] = lambda _: None) -> None:
        self._filename, self._other_cell = filename, other_cell
        self.owners = Owners()

    def of(self, event: Event) -> Place | None:
        """The line of the user's program that caused an event."""
        for place in event.stack:
            if place.file.startswith(_MAGICS):
                return None  # the frames below it only run the magic
            if not place.is_ours:
                return place
        return None

    def is_in_the_cell(self, place: Place) -> bool:
        """Whether a place is in the crashed cell."""
        return place.file == self._filename

    def name(self, place: Place) -> str:
        """``line 3``, ``line 3 of cell In[2]``, ``bank.py:3``."""
        if self.is_in_the_cell(place):
            return f"line {place.line}"
        other = self._other_cell(place.file)
        return f"line {place.line} of {other}" if other else str(place)

    @staticmethod
    def source(place: Place) -> str:
        """The text of the line."""
        return linecache.getline(place.file, place.line).strip()

    def event(self, event: Event | None) -> str:
        """An event in words."""
        if event is None:
            return "the end of the cell"
        text = event.what.value
        if event.what is What.STORE:
            text = f"store {event.size} bytes: {self.owners.name(event.offset)}"
            text += ", by libpmemobj" if event.by_library else ""
        elif event.what in (What.FLUSH, What.SNAPSHOT):
            text = f"{event.what.value} {event.size} bytes: {self.owners.name(event.offset)}"
        elif event.text.strip():
            text = f"{text}: {event.text}"
        return text

    def story(self, story: LineStory) -> str:
        """What a counterexample says about one cache line."""
        part = f" (all but the first {story.kept} of {story.versions} versions)" if story.kept else ""
        by = dict.fromkeys(
            f"{self.name(place)}, {self.source(place)}" for store in story.stores if (place := self.of(store))
        )
        line = f"a cache line of {self.owners.names(store.offset for store in story.stores)}"
        return f"{line}{part}" + (f", stored by {'; '.join(by)}" if by else "")

    def counterexample(self, example: Counterexample) -> list[str]:
        """A counterexample in sentences."""
        place = self.of(example.before) if example.before else None
        where = f" ({self.name(place)})" if place else ""
        when = "after the end of the cell"
        if example.before:
            when = f"before step {example.event}, {self.event(example.before)}{where}"
        lines = [f"cut the power {when}"]
        if example.kept:
            lines += ["of the unfenced data, only this reaches the medium:"]
            lines += [f"  {self.story(story)}" for story in example.kept]
        elif example.lost:
            lines += ["everything reaches the medium except:"]
            lines += [f"  {self.story(story)}" for story in example.lost]
        else:
            lines += ["no data is lost"]
        return [*lines, f"then {example.broken.invariant}: {without_our_frames(example.broken.text)}"]


def without_our_frames(text: str) -> str:
    """Remove the frames of pmemobj and pmemobj_magics from a traceback; other text stays as it is."""
    if not text.startswith("Traceback"):
        return text
    kept, ours = [], False
    for line in text.splitlines():
        if line.startswith("  File "):
            ours = line.startswith(tuple(f'  File "{place}' for place in _OURS))
        elif not line.startswith("  "):
            ours = False
        if not ours:
            kept.append(line)
    return "\n".join(kept)
