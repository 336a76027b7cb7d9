"""The table of one object in graphviz's HTML-like language.

The head has the type; below it is one row for each slot. The last row says how many entries the limits left out. A
row also has the former value of its slot, if it is known. The texts of slots arrive already cut: `describe` in
`pmemobj/_values/words.py` does that.
"""

from __future__ import annotations

import html
import textwrap

from pmemobj.inspect import Node, Slot, slot_note
from pmemobj_magics.common.texts import number_text, size_text
from pmemobj_magics.views.graph.arrows import Arrows, Origin
from pmemobj_magics.views.graph.look import BORDER, FAINT, GONE, PLAIN, TEXT, Look, Looks, SlotLook

__all__ = ["FONT", "node_label", "start_label"]

FONT, _MONO = "Helvetica,Arial,sans-serif", "DejaVu Sans Mono,Menlo,monospace"
_RULE = "#e3e7ee"
_SLACK = "\N{NO-BREAK SPACE}" * 3


def node_label(node: Node, arrows: Arrows, looks: Looks, *, offsets: bool) -> str:
    """The table of an object.

    Args:
        node: The object.
        arrows: The references that are arrows; the others are written as words.
        looks: What is new, changed, removed or unreachable.
        offsets: Whether to show the offset and the size.
    """
    look, change = looks.of(node), looks.change(node.offset)
    rows = [_head(node, look, arrows, offsets)]
    for number, slot in enumerate(node.slots):
        note = "" if change is None or number not in change.slots else slot_note(change.slots[number])
        rows.append(_slot_row(node.offset, number, slot, arrows, look.ink, looks.slot(node.offset, number), note))
    for number, slot in enumerate(() if change is None else change.gone):
        rows.append(_gone_row((node.offset, "g", number), slot, arrows))
    if node.damage:
        rows.append(_wide_row(_lines(node.damage), look.color))
    elif node.count > len(node.slots):
        rows.append(_wide_row(f"<I>+{number_text(node.count - len(node.slots))} more</I>", FAINT))
    return f"<<TABLE {_frame(look)}>{''.join(rows)}</TABLE>>"


def start_label(start: Slot, name: str, note: str = "") -> str:
    """The small tag at which the drawing begins; a plain value is written in it."""
    value = "" if start.target is not None else f"<TD>{_code(start.text, TEXT)}</TD>"
    if note:
        value += f"<TD>{_font(_text(note), FAINT, 10)}</TD>"
    frame = f'BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="4" COLOR="{BORDER}"'
    return f'<<TABLE {frame}><TR><TD BGCOLOR="#eef1f6"><B>{_text(name)}</B></TD>{value}</TR></TABLE>>'


def _frame(look: Look) -> str:
    style = f' STYLE="{look.line}"' if look.line else ""
    layout = 'CELLBORDER="1" CELLSPACING="0" CELLPADDING="4"'
    return f'BORDER="{look.width}" {layout} COLOR="{look.color}" BGCOLOR="#ffffff"{style}'


def _head(node: Node, look: Look, arrows: Arrows, offsets: bool) -> str:
    notes = [] if node.damage else [node.text]
    if arrows.references[node.offset] > 1:
        notes.append(f"{arrows.references[node.offset]} references")
    notes += look.words
    if offsets:
        notes.append(f"at {node.offset:#x}, {size_text(node.size)}")
    title = _font(f"<B>{_text(node.type + arrows.number_text(node.offset))}</B>", look.ink, 12)
    # The font of a browser can be wider than the font that graphviz measures, so there are spaces at the end.
    note = f"  {_font(_text(' · '.join(notes)), FAINT, 10)}{_SLACK}" if notes else ""
    cell = f'PORT="head" COLSPAN="2" SIDES="B" COLOR="{_RULE}" BGCOLOR="{look.head}" ALIGN="LEFT"'
    return f"<TR><TD {cell}>{title}{note}</TD></TR>"


def _slot_row(offset: int, number: int, slot: Slot, arrows: Arrows, ink: str, look: SlotLook, note: str) -> str:
    label = _reference(arrows, (offset, "k", number), slot.label, slot.key_target)
    value = _reference(arrows, (offset, "v", number), slot.text, slot.target)
    if note:
        before = _font(_text(note), look.color, 10)
        # The dot of a reference is at the end, where its arrow leaves the row.
        value = f"{before}  {value}" if value else f"{_code(slot.text, ink)}  {before}"
    align = "RIGHT" if slot.target is not None else "LEFT"
    return _row(
        (f"k{number}", _sign(look) + (label or _code(slot.label, FAINT))),
        (f"v{number}", value or _code(slot.text, ink)),
        align,
        look,
    )


def _gone_row(origin: Origin, slot: Slot, arrows: Arrows) -> str:
    """The row of a slot that was removed."""
    was = "●" if origin in arrows.ghosts else f"<S>{_code(slot.text, FAINT)}</S>"
    value = f"{_font('removed', FAINT, 10)}  {was}"
    label = f"{_sign(GONE)}<S>{_code(slot.label, FAINT)}</S>"
    return _row(("", label), (f"g{origin[2]}", value), "RIGHT" if origin in arrows.ghosts else "LEFT", GONE)


def _row(label: tuple[str, str], value: tuple[str, str], align: str, look: SlotLook) -> str:
    """A row of two cells, each with its port and its content."""
    side = f'SIDES="T" COLOR="{_RULE}"' + (f' BGCOLOR="{look.back}"' if look.back else "")
    port = f' PORT="{label[0]}"' if label[0] else ""
    return (
        f'<TR><TD {side} ALIGN="LEFT"{port}>{label[1]}</TD>'
        f'<TD {side} ALIGN="{align}" PORT="{value[0]}">{value[1]}</TD></TR>'
    )


def _sign(look: SlotLook) -> str:
    return "" if look is PLAIN else _code(look.sign, look.color)


def _reference(arrows: Arrows, origin: Origin, text: str, target: int | None) -> str:
    """A dot for a reference that is an arrow, words for another reference, nothing for a plain value."""
    if target is None:
        return ""
    if origin in arrows.drawn or origin in arrows.ghosts:
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
    """A long text, broken into lines."""
    lines = textwrap.wrap(text, 44) or [""]
    return "".join(f'{_text(line)}<BR ALIGN="LEFT"/>' for line in lines)


def _text(text: str) -> str:
    """Text for graphviz, which accepts neither an empty element nor characters that XML forbids."""
    printable = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return html.escape(printable) or " "
