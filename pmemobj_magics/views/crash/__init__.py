"""Simulated crashes: their results, and the timeline of a recorded cell.

| module | what it is responsible for |
|---|---|
| `kill` | `CrashResult`: one kill |
| `sweep` | `SweepResult`: a kill after every change |
| `power` | `PowerResult`: power cuts before every step |
| `timeline` | the timeline of a recorded cell as plain data |
| `film` | the timeline as HTML that needs no script |
| `widget` | the timeline with a slider, in a notebook and in a saved page |
| `looks` | the signs, the layout and the texts that all results share |
| `places` | names for lines of the program, and sentences about steps |
| `owners` | names for offsets in the pool |
| `states` | letters for equal states of the pool, and their differences in words |
"""

from __future__ import annotations

from pmemobj_magics.views.crash.kill import CrashResult
from pmemobj_magics.views.crash.looks import AS_BEFORE, ON_COPY, WRAPPED
from pmemobj_magics.views.crash.places import Places
from pmemobj_magics.views.crash.power import PowerResult, PowerVerdict
from pmemobj_magics.views.crash.sweep import SweepResult

__all__ = [
    "AS_BEFORE",
    "ON_COPY",
    "WRAPPED",
    "CrashResult",
    "Places",
    "PowerResult",
    "PowerVerdict",
    "SweepResult",
]
