"""The ways in which graphviz can arrange a drawing, by the names that people give.

``LR`` and ``TB`` are directions of graphviz's ``dot``. (The opposite ones would draw arrows across the tables,
whose heads are at the top and whose references are at the right.) Of its other programs two are of use for tables with
arrows: ``radial`` puts the beginning in the middle and each step on a ring around it, ``spring`` shows what belongs
together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pmemobj_magics.errors import MagicUsageError, did_you_mean

__all__ = ["LAYOUTS", "Layout", "find_layout"]


@dataclass(frozen=True)
class Layout:
    """One way.

    Attributes:
        engine: The program of graphviz.
        attributes: Those of the graph.
        leaves, arrives: Where arrows leave a row, and where they arrive at a head.
    """

    engine: str = "dot"
    attributes: dict[str, str] = field(default_factory=dict)
    leaves: str = ":e"
    arrives: str = ":w"


#: Without these the tables would lie on top of each other, and the arrows on the tables.
_APART = {"overlap": "false", "splines": "true", "sep": "+12", "esep": "+4"}

LAYOUTS = {
    "LR": Layout(attributes={"rankdir": "LR"}),
    "TB": Layout(attributes={"rankdir": "TB"}, arrives=":n"),
    "radial": Layout("twopi", {**_APART, "ranksep": "1.6", "root": "start"}, "", ""),
    "spring": Layout("fdp", {**_APART, "K": "0.8"}, "", ""),
}


def find_layout(name: str) -> Layout:
    """The layout of a name, however it is capitalised.

    Raises:
        MagicUsageError: there is none.
    """
    known = {each.lower(): each for each in LAYOUTS}
    if name.lower() not in known:
        hint = did_you_mean(name.lower(), known)
        raise MagicUsageError(
            f"use --layout {name}", "there is no such layout", hint or f"choose one of {', '.join(LAYOUTS)}"
        )
    return LAYOUTS[known[name.lower()]]
