"""SVG elements as text, in a form that notebooks, GitHub and dark themes show well.

Only presentation attributes are used, because GitHub removes style attributes. Each picture has a light panel behind
it, because JupyterLab shows it as an image, which cannot follow the theme. No element has an id, so that several
pictures on one page cannot disturb each other.
"""

from __future__ import annotations

import html
from typing import Any

__all__ = ["FAINT", "INK", "MAX_WIDTH", "PANEL_EDGE", "element", "label", "panel", "rule", "text_width"]

INK, FAINT, PANEL, PANEL_EDGE = "#1f2430", "#5b6577", "#fbfcfe", "#d0d7e2"
SANS, MONO = "Helvetica,Arial,sans-serif", "DejaVu Sans Mono,Menlo,Consolas,monospace"
#: Upper bounds for the width of a character, relative to the size of the font.
_MONO_WIDTH, _SANS_WIDTH, _WIDE = 0.61, 0.61, 1.05
#: Pixels; a wider picture, or drawing of graphviz, is scaled down to it.
MAX_WIDTH = 1000


def element(tag: str, content: str = "", **attributes: Any) -> str:
    """One element; ``stroke_width=1`` becomes ``stroke-width="1"``, and an attribute that is None is left out."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>"


def _value(value: Any) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else html.escape(str(value))


def label(x: float, y: float, text: str, size: int = 11, *, mono: bool = False, **attributes: Any) -> str:
    """A line of text; `y` is the middle of its height."""
    shown = {"font_family": MONO} if mono else {}
    return element(
        "text",
        html.escape(_printable(text)) or " ",
        x=float(x),
        y=float(y + size * 0.36),
        font_size=size,
        **shown,
        **attributes,
    )


def _printable(text: str) -> str:
    """Replace characters that XML forbids or that reverse the text, and keep several spaces in a row."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return shown.replace("  ", "\N{NO-BREAK SPACE}" * 2)


def text_width(text: str, size: int, mono: bool = False) -> float:
    """An upper estimate of the width of a text."""
    each = _MONO_WIDTH if mono else _SANS_WIDTH
    return size * sum(_WIDE if ord(char) > 0x2E7F else each for char in text)


def rule(x1: float, y1: float, x2: float, y2: float, **attributes: Any) -> str:
    """A straight line."""
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), **attributes)


def panel(width: float, height: float, title: str, body: str) -> str:
    """A complete picture on its panel."""
    scale = min(1.0, MAX_WIDTH / width)
    back = element(
        "rect", x=0.5, y=0.5, width=width - 1, height=height - 1, rx=8, fill=PANEL, stroke=PANEL_EDGE, class_="panel"
    )
    return element(
        "svg",
        element("title", html.escape(_printable(title))) + back + body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=f"{width * scale:.0f}",
        height=f"{height * scale:.0f}",
        font_family=SANS,
        fill=INK,
        role="img",
        aria_label=_printable(title),
    )
