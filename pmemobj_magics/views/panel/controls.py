"""Buttons, fields and choices. Each has a label that a screen reader reads, and takes the width that there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

__all__ = ["button", "choice", "field", "heading", "offer", "row", "suggesting_field", "tick"]


def button(text: str, tip: str, action: Callable[[], object], look: str = "") -> ipywidgets.Button:
    """A button.

    Args:
        text: What stands on it.
        tip: A sentence that says more.
        action: What a press does.
        look: ``primary``, ``danger`` or nothing.
    """
    made = ipywidgets.Button(description=text, tooltip=tip, button_style=look, layout={"width": "auto"})
    made.on_click(lambda _: action())
    return made


def field(label: str, hint: str = "", value: str = "") -> ipywidgets.Text:
    """A field for a text; `hint` is shown while it is empty."""
    return ipywidgets.Text(description=label, placeholder=hint, value=value, layout={"width": "auto"})


def suggesting_field(label: str, hint: str = "") -> ipywidgets.Combobox:
    """A field for a text that offers what exists."""
    return ipywidgets.Combobox(
        description=label, placeholder=hint, ensure_option=False, layout={"width": "auto"}, continuous_update=True
    )


def choice(label: str, options: Sequence[Any]) -> ipywidgets.Dropdown:
    """A choice of one of several options."""
    return ipywidgets.Dropdown(description=label, options=options, layout={"width": "auto"})


def offer(made: ipywidgets.Dropdown, options: Sequence[Any]) -> None:
    """Offer other options; what was chosen stays chosen if it is still offered, otherwise it is the first one."""
    if tuple(made.options) == tuple(options):
        return
    chosen = made.label
    made.options = tuple(options)
    labels = [option[0] if isinstance(option, tuple) else option for option in options]
    if labels:
        made.index = labels.index(chosen) if chosen in labels else 0


def tick(label: str, tip: str) -> ipywidgets.Checkbox:
    """A box to tick."""
    return ipywidgets.Checkbox(description=label, tooltip=tip, indent=False, layout={"width": "auto"})


def heading(text: str, level: int = 4) -> ipywidgets.HTML:
    """A heading."""
    return ipywidgets.HTML(f'<h{level} class="pmem-panel-heading">{text}</h{level}>')


def row(*children: ipywidgets.Widget) -> ipywidgets.HBox:
    """Controls in a row, which wraps where there is little room."""
    made = ipywidgets.HBox(children)
    made.add_class("pmem-panel-row")
    return made
