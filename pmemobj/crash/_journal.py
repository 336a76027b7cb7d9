"""What cache lines came to hold, one after another, so that what they held at any time can be made again.

A recording has thousands of moments, and each of them differs from the one before by a few lines. So a moment
is told by how many entries of the journal there were then, and its lines are made where they are needed: mostly
in the order of the moments, for which the last ones made are kept.
"""

from __future__ import annotations

from pmemobj.crash._image import Lines


class Journal:
    """The contents of lines in the order in which they came; it only grows."""

    def __init__(self, entries: list[tuple[int, bytes]] | None = None) -> None:
        self._entries = entries if entries is not None else []
        self._made: tuple[int, Lines] = (0, {})

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, line: int, content: bytes) -> None:
        """From now on a line holds this."""
        self._entries.append((line, content))

    def between(self, begin: int, end: int) -> list[tuple[int, bytes]]:
        """Some of the entries."""
        return self._entries[begin:end]

    def at(self, count: int) -> Lines:
        """What the lines held after so many entries; not to be changed."""
        made, lines = self._made
        if made > count:
            made, lines = 0, {}
        if made < count:
            lines = lines | dict(self._entries[made:count])
            # Both at once, since other threads may ask too.
            self._made = count, lines
        return lines

    def __deepcopy__(self, _memo: object) -> Journal:
        return self

    def __reduce__(self) -> tuple[type[Journal], tuple[list[tuple[int, bytes]]]]:
        return Journal, (self._entries,)
