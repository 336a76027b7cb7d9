"""The ways to arrange a drawing, by the names that users give.

``LR`` and ``TB`` are directions of graphviz's program ``dot``. (The opposite directions would draw arrows across the
tables, because the head of a table is at its top and the references leave at its right.) Two other programs of
graphviz are useful for tables with arrows: ``radial`` puts the first object in the middle and the others on rings
around it; ``spring`` draws objects with many references to each other close together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pmemobj_magics.errors import MagicUsageError, did_you_mean

__all__ = ["LAYOUTS", "Layout", "find_layout"]


@dataclass(frozen=True)
class Layout:
    """One way to arrange a drawing.

    Attributes:
        engine: The program of graphviz.
        attributes: The attributes of the graph in DOT.
        leaves: The side of a row at which arrows begin.
        arrives: The side of a head at which arrows end.
    """

    engine: str = "dot"
    attributes: dict[str, str] = field(default_factory=dict)
    leaves: str = ":e"
    arrives: str = ":w"


#: These keep tables from covering each other, and arrows from covering tables.
_APART = {"overlap": "false", "splines": "true", "sep": "+12", "esep": "+4"}

LAYOUTS = {
    "LR": Layout(attributes={"rankdir": "LR"}),
    "TB": Layout(attributes={"rankdir": "TB"}, arrives=":n"),
    "radial": Layout("twopi", {**_APART, "ranksep": "1.6", "root": "start"}, "", ""),
    "spring": Layout("fdp", {**_APART, "K": "0.8"}, "", ""),
}


def find_layout(name: str) -> Layout:
    """The layout with this name, in upper or lower case.

    Raises:
        MagicUsageError: there is no such layout.
    """
    known = {each.lower(): each for each in LAYOUTS}
    if name.lower() not in known:
        hint = did_you_mean(name.lower(), known)
        raise MagicUsageError(
            f"use --layout {name}", "there is no such layout", hint or f"choose one of {', '.join(LAYOUTS)}"
        )
    return LAYOUTS[known[name.lower()]]
