"""The page with the whole session as code."""

from __future__ import annotations

from pathlib import Path

import anywidget
import ipywidgets
import traitlets

from pmemobj_magics.views.panel.controls import heading

__all__ = ["CodeBox", "CodePage"]

_PLACE = Path(__file__).parent


class CodeBox(anywidget.AnyWidget):
    """Code, with buttons that copy it and that put it into a new cell of the notebook.

    Attributes:
        code: The code.
        own_id: The number of this widget, with which the script finds the notebook that it is in.
        panel_id: The number of the panel, with which the script finds the cell that shows it.
    """

    _esm = (_PLACE / "code.js").read_text()
    code = traitlets.Unicode("").tag(sync=True)
    own_id = traitlets.Unicode("").tag(sync=True)
    panel_id = traitlets.Unicode("").tag(sync=True)

    def belong_to(self, panel: ipywidgets.Widget) -> None:
        """Note in which panel the box is."""
        self.own_id, self.panel_id = str(self.model_id), str(panel.model_id)


class CodePage(ipywidgets.VBox):
    """The session as code.

    Attributes:
        box: The code.
    """

    def __init__(self) -> None:
        self.box = CodeBox()
        super().__init__(
            [
                heading("As code"),
                ipywidgets.HTML("<p>All that was done in this panel. In a cell, it does the same to a new pool.</p>"),
                self.box,
            ]
        )
