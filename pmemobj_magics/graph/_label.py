"""The table of one object, in graphviz's HTML-like language.

A head with the type, then one row for each slot. What the limits left out stands there in words, and
what is damaged, not defined, new or changed is told by words and line style as well as by colour.
"""

from __future__ import annotations

import html
import textwrap

from pmemobj.inspect import Node, Slot
from pmemobj_magics.display import number_text, size_text
from pmemobj_magics.graph._arrows import Arrows

__all__ = ["FAINT", "FONT", "TEXT", "node_label", "start_label"]

TEXT, FAINT = "#1f2430", "#626c7d"
FONT, _MONO = "Helvetica,Arial,sans-serif", "DejaVu Sans Mono,Menlo,monospace"
_BORDER, _RULE = "#8a94a6", "#e3e7ee"
_DAMAGED, _UNDEFINED, _NEW, _CHANGED = "#b3261e", "#8a5a00", "#1a7f37", "#0b5cad"
_HEADS = {"PersistentDict": "#dbe8fb", "PersistentList": "#dcf2e1"}
_OBJECT_HEAD, _DAMAGED_HEAD, _UNDEFINED_HEAD = "#eae1fb", "#fbdcdc", "#fdf0d5"


def node_label(node: Node, arrows: Arrows, *, offsets: bool, mark: str) -> str:
    """The table of an object.

    Args:
        node: The object.
        arrows: Which references are arrows; the others are words.
        offsets: Whether to show offset and size.
        mark: ``new``, ``changed`` or nothing.
    """
    rows = [_head(node, arrows, offsets, mark)]
    rows += [_slot_row(node, number, slot, arrows) for number, slot in enumerate(node.slots)]
    if node.damage:
        rows.append(_wide_row(_lines(node.damage), _DAMAGED))
    elif node.count > len(node.slots):
        rows.append(_wide_row(f"<I>+{number_text(node.count - len(node.slots))} more</I>", FAINT))
    return f"<<TABLE {_frame(node, mark)}>{''.join(rows)}</TABLE>>"


def start_label(start: Slot, name: str) -> str:
    """A small tag where the drawing begins; a plain value stands in the tag itself."""
    value = "" if start.target is not None else f"<TD>{_code(start.text, TEXT)}</TD>"
    frame = f'BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="4" COLOR="{_BORDER}"'
    return f'<<TABLE {frame}><TR><TD BGCOLOR="#eef1f6"><B>{_text(name)}</B></TD>{value}</TR></TABLE>>'


def _is_undefined(node: Node) -> bool:
    return node.type.endswith("(not defined yet)")


def _frame(node: Node, mark: str) -> str:
    color, style, border = _BORDER, "", 1
    if node.damage:
        color, style = _DAMAGED, ' STYLE="DASHED"'
    elif _is_undefined(node):
        color, style = _UNDEFINED, ' STYLE="DASHED"'
    if mark:
        color, border = (_NEW if mark == "new" else _CHANGED), 3
    layout = 'CELLBORDER="1" CELLSPACING="0" CELLPADDING="4"'
    return f'BORDER="{border}" {layout} COLOR="{color}" BGCOLOR="#ffffff"{style}'


def _head(node: Node, arrows: Arrows, offsets: bool, mark: str) -> str:
    notes = [] if node.damage else [node.text]
    if arrows.references[node.offset] > 1:
        notes.append(f"shared ×{arrows.references[node.offset]}")
    if mark:
        notes.append(mark)
    if offsets:
        notes.append(f"at {node.offset:#x}, {size_text(node.size)}")
    title = f"<B>{_text(node.type + arrows.number_text(node.offset))}</B>"
    note = f"  {_font(_text(' · '.join(notes)), FAINT, 10)}" if notes else ""
    cell = f'PORT="head" COLSPAN="2" SIDES="B" COLOR="{_RULE}" BGCOLOR="{_head_color(node)}" ALIGN="LEFT"'
    return f"<TR><TD {cell}>{title}{note}</TD></TR>"


def _head_color(node: Node) -> str:
    if node.damage:
        return _DAMAGED_HEAD
    return _UNDEFINED_HEAD if _is_undefined(node) else _HEADS.get(node.type, _OBJECT_HEAD)


def _slot_row(node: Node, number: int, slot: Slot, arrows: Arrows) -> str:
    label = _reference(arrows, (node.offset, "k", number), slot.label, slot.key_target)
    value = _reference(arrows, (node.offset, "v", number), slot.text, slot.target)
    # The dot of a reference stands where its arrow leaves.
    align = "RIGHT" if value else "LEFT"
    side = f'SIDES="T" COLOR="{_RULE}"'
    return (
        f'<TR><TD {side} ALIGN="LEFT" PORT="k{number}">{label or _code(slot.label, FAINT)}</TD>'
        f'<TD {side} ALIGN="{align}" PORT="v{number}">{value or _code(slot.text, TEXT)}</TD></TR>'
    )


def _reference(arrows: Arrows, place: tuple[int, str, int], text: str, target: int | None) -> str:
    """A dot where an arrow begins, words for what is not drawn; nothing for a plain value."""
    if target is None:
        return ""
    if place in arrows.drawn:
        return "●"
    return _font(f"<I>{_text(text + (arrows.number_text(target) or ' …'))}</I>", FAINT, 11)


def _wide_row(text: str, color: str) -> str:
    cell = f'COLSPAN="2" SIDES="T" COLOR="{_RULE}" ALIGN="LEFT"'
    return f"<TR><TD {cell}>{_font(text, color, 11)}</TD></TR>"


def _code(text: str, color: str) -> str:
    return f'<FONT FACE="{_MONO}" COLOR="{color}" POINT-SIZE="11">{_text(text)}</FONT>'


def _font(text: str, color: str, size: int) -> str:
    return f'<FONT COLOR="{color}" POINT-SIZE="{size}">{text}</FONT>'


def _lines(text: str) -> str:
    """A longer text, broken into lines."""
    lines = textwrap.wrap(text, 44) or [""]
    return "".join(f'{_text(line)}<BR ALIGN="LEFT"/>' for line in lines)


def _text(text: str) -> str:
    """Text for graphviz, which accepts neither an empty element nor characters that XML forbids."""
    printable = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return html.escape(printable) or " "
