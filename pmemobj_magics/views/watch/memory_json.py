"""The memory of an object as JSON for the page.

Offsets differ from run to run, so they are left out, as in every text of this package, unless the user asks for them.
"""

from __future__ import annotations

from typing import Any

from pmemobj.inspect import Gap, Memory, Piece, State, Word
from pmemobj_magics.common.texts import plural, size_text
from pmemobj_magics.views.graph.dot import node_name

__all__ = ["memory_json"]

#: The text for the state of a word.
_STATES = {State.NEW: "new", State.CHANGED: "changed", State.LOGGED: "logged, not changed"}


def memory_json(memory: Memory, offsets: bool) -> dict[str, Any]:
    """All allocations with their words."""
    return {
        "pieces": [_piece(piece, offsets) for piece in memory.pieces],
        "left_out": f"and {plural(memory.left_out, 'more value')} with allocations of their own"
        if memory.left_out
        else "",
    }


def _piece(piece: Piece, offsets: bool) -> dict[str, Any]:
    facts = [f"at {piece.offset:#x}"] if offsets else []
    facts += [size_text(piece.size)] if piece.size else []
    facts += ["uncommitted"] if piece.new else []
    return {
        "name": piece.name,
        "facts": ", ".join(facts),
        "text": piece.text,
        "damage": piece.damage,
        "rows": [_word(row, offsets) if isinstance(row, Word) else _gap(row) for row in piece.rows],
    }


def _word(word: Word, offsets: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "at": f"{word.at:+d}",
        "hex": word.hex(whole=offsets),
        "label": word.label,
        "text": f"{word.text} ({word.tag})" if word.tag else word.text,
        "meaning": word.meaning.name.lower(),
        "kind": word.meaning.value,
    }
    if word.piece:
        told["piece"] = word.piece
    elif word.target:
        told["target"] = node_name(word.target)
    if word.state in _STATES:
        told["state"] = _STATES[word.state]
    if word.old is not None and word.old != word.raw:
        told["old"] = [word.hex(whole=offsets, old=True), word.old_text]
    return told


def _gap(gap: Gap) -> dict[str, Any]:
    return {"gap": f"{plural(gap.count, 'word')}: {gap.text}"}
