"""The panel: controls that open pools, begin transactions, change what is in a pool, and crash it.

These modules know how the panel looks. They know nothing of pools: what a control does is given to them as functions,
and `commands.panel` decides what is shown.

| module | what it is responsible for |
|---|---|
| `controls` | buttons, fields and choices with their labels |
| `spent_texts` | `SpentTexts`: fields that stay empty after an act, though the page may send their texts late |
| `messages` | `Message`: what an act did, or why it failed; `Status`: the line at the top |
| `pools_page` | the page with the pools of the folder |
| `transaction_bar` | begin, commit and abort, and what is not committed |
| `change_page` | the page that changes the selected object |
| `crash_page` | the page that crashes the open transaction |
| `code_page` | the page with the session as code |
| `frame` | `PanelFrame`: the pages and the views, put together |
| `static` | the panel as plain HTML, for viewers without a kernel |
"""

from __future__ import annotations

from pmemobj_magics.views.panel.frame import PanelFrame
from pmemobj_magics.views.panel.messages import Message, Status
from pmemobj_magics.views.panel.static import static_panel

__all__ = ["Message", "PanelFrame", "Status", "static_panel"]
