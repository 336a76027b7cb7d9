"""A sign: a letter or mark on a colour, with what both mean.

The colours are those of Okabe and Ito, which people with any kind of colour vision tell apart, and each comes with a
letter. All styles are inline, because JupyterLab removes style sheets from notebooks that are not trusted.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Sign", "chip", "legend"]

#: The letters of signs for something bad, which are drawn round; all other signs have corners.
_BAD = "LX"


@dataclass(frozen=True)
class Sign:
    """A sign.

    Attributes:
        mark: The letter or mark.
        colour: The colour behind it.
        meaning: What both mean, in words.
    """

    mark: str
    colour: str
    meaning: str


def chip(sign: Sign, title: str = "") -> str:
    """A mark on its colour as HTML; the tooltip is `title`, or else the meaning."""
    shape = "border-radius:50%;font-weight:bold;" if sign.mark in _BAD else ""
    box = "border:1px solid #0006;display:inline-block;min-width:1.2em;text-align:center"
    look = f"color:#000;background:{sign.colour};{shape}{box}"
    return f'<code title="{html.escape(title or sign.meaning)}" style="{look}">{sign.mark}</code>'


def legend(signs: Iterable[Sign]) -> str:
    """The signs and their meanings as a paragraph of HTML."""
    told = (f"{chip(sign)} {html.escape(sign.meaning)}" for sign in signs)
    return f"<p><small>{' &nbsp; '.join(told)}</small></p>"
