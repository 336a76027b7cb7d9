"""Buttons, fields and choices. Each has a label that a screen reader reads, and takes the width that there is.

What somebody writes or chooses arrives in a subshell of the kernel, which is another thread; see `MainThread`. Two
threads that change one widget at the same time lose messages, so fields and choices take it in the main thread, in the
order of the messages, as the acts of the buttons are done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from pmemobj_magics.common.main_thread import MainThread

__all__ = ["button", "choice", "field", "heading", "list_of_choices", "offer", "row", "suggesting_field", "tick"]


class _InMainThread(ipywidgets.Widget):
    """A widget that takes what the page sends in the main thread."""

    def __init__(self, **traits: Any) -> None:
        self._main = MainThread()
        super().__init__(**traits)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the page sends, when the running cell has ended."""
        self._main.call(lambda: super(_InMainThread, self).set_state(sync_data))


class _Text(_InMainThread, ipywidgets.Text):
    pass


class _Combobox(_InMainThread, ipywidgets.Combobox):
    pass


class _Dropdown(_InMainThread, ipywidgets.Dropdown):
    pass


class _Select(_InMainThread, ipywidgets.Select):
    pass


class _Checkbox(_InMainThread, ipywidgets.Checkbox):
    pass


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
    return _Text(description=label, placeholder=hint, value=value, layout={"width": "auto"})


def suggesting_field(label: str, hint: str = "") -> ipywidgets.Combobox:
    """A field for a text that offers what exists."""
    return _Combobox(
        description=label, placeholder=hint, ensure_option=False, layout={"width": "auto"}, continuous_update=True
    )


def choice(label: str, options: Sequence[Any]) -> ipywidgets.Dropdown:
    """A choice of one of several options."""
    return _Dropdown(description=label, options=options, layout={"width": "auto"})


def list_of_choices(label: str, rows: int) -> ipywidgets.Select:
    """A list in which one line can be chosen."""
    return _Select(description=label, rows=rows, options=[], layout={"width": "auto"})


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
    return _Checkbox(description=label, tooltip=tip, indent=False, layout={"width": "auto"})


def heading(text: str, level: int = 4) -> ipywidgets.HTML:
    """A heading."""
    return ipywidgets.HTML(f'<h{level} class="pmem-panel-heading">{text}</h{level}>')


def row(*children: ipywidgets.Widget) -> ipywidgets.HBox:
    """Controls in a row, which wraps where there is little room."""
    made = ipywidgets.HBox(children)
    made.add_class("pmem-panel-row")
    return made
