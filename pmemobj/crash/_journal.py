"""A journal of the contents of cache lines, from which their contents at any moment can be reconstructed.

A recording has thousands of moments, and each of them differs from the one before by a few lines. So a moment stores
only how long the journal was then. Its lines are reconstructed where they are needed, mostly in the order of the
moments; therefore the lines that were reconstructed last are kept.
"""

from __future__ import annotations

from pmemobj.crash._image import Lines


class Journal:
    """Pairs of a line and its new content, in the order of the recording; it only grows."""

    def __init__(self, entries: list[tuple[int, bytes]] | None = None) -> None:
        self._entries = entries if entries is not None else []
        self._made: tuple[int, Lines] = (0, {})

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, line: int, content: bytes) -> None:
        """Record that a line holds this content from now on."""
        self._entries.append((line, content))

    def between(self, begin: int, end: int) -> list[tuple[int, bytes]]:
        """The entries from number `begin` up to `end`, exclusive."""
        return self._entries[begin:end]

    def at(self, count: int) -> Lines:
        """The contents of the lines after `count` entries; the caller must not change the dict."""
        made, lines = self._made
        if made > count:
            made, lines = 0, {}
        if made < count:
            lines = lines | dict(self._entries[made:count])
            # Both values are stored in one step, since other threads may call this method too.
            self._made = count, lines
        return lines

    def __deepcopy__(self, _memo: object) -> Journal:
        return self

    def __reduce__(self) -> tuple[type[Journal], tuple[list[tuple[int, bytes]]]]:
        return Journal, (self._entries,)
