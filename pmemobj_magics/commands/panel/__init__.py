"""The panel: what its controls do. Each act runs the very lines of Python, or the magic, that the panel shows.

| module | what it is responsible for |
|---|---|
| `panel` | `PoolPanel`: the widget; which pool it shows, and when it looks again |
| `desk` | runs acts: the lines, their errors, what they print, and the transcript |
| `transcript` | the session as code |
| `pools` | the acts that open, create, close and delete pools |
| `transactions` | the acts that begin, commit and abort |
| `edits` | the acts that change the selected object |
| `changes` | the kinds of change of each type, as lines of Python |
| `values` | reads a value that somebody typed, without running it |
| `places` | the expression that leads to an object |
| `uncommitted` | what the open transaction has changed so far |
| `crashes` | the acts that crash the open transaction |
"""

from __future__ import annotations

from pmemobj_magics.commands.panel.panel import PoolPanel, show_panel

__all__ = ["PoolPanel", "show_panel"]
