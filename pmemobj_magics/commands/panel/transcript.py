"""The session as code: every act of a panel, in order, as lines that do the same in a cell."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Transcript", "as_statements"]


@dataclass(frozen=True)
class _Entry:
    code: str
    comment: bool = False


class Transcript:
    """What was done in one panel."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def add(self, code: str) -> None:
        """Add the lines of an act: Python, line magics, or one cell magic with its body."""
        self._entries.append(_Entry(code))

    def mention(self, text: str) -> None:
        """Add a remark, unless it stands there already as the last entry."""
        entry = _Entry(text, comment=True)
        if not self._entries or self._entries[-1] != entry:
            self._entries.append(entry)

    @property
    def cell(self) -> str:
        """The text of a cell that does all of it."""
        return "\n".join(f"# {each.code}" if each.comment else as_statements(each.code) for each in self._entries)


def as_statements(code: str) -> str:
    """Lines that can stand in the middle of a cell: a cell magic, which may not, becomes a call."""
    if not code.startswith("%%"):
        return code
    head, _, body = code.partition("\n")
    name, _, line = head[2:].partition(" ")
    if '"""' in body or "\\" in body:
        return f"get_ipython().run_cell_magic({name!r}, {line!r}, {body!r})"
    return f'get_ipython().run_cell_magic({name!r}, {line!r}, """\n{body}\n""")'
