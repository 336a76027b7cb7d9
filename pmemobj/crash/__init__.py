"""Crashes on purpose: run code on a pool, let it die in the middle, look at what recovery makes of it.

`kill` ends the process that runs the code; `record` finds out what a power cut could leave. See docs/crash_lab.md.
"""

from __future__ import annotations

from pmemobj._public_names import public_in
from pmemobj.crash._frames import Frame, Line, LineState, Snapshot
from pmemobj.crash._kill import CrashReport, Verdict, kill
from pmemobj.crash._pictures import Picture
from pmemobj.crash._power import Recording, record
from pmemobj.crash._recorder import PowerModeError, acknowledge
from pmemobj.crash._recovery import INVARIANTS, Finding, Outcome
from pmemobj.crash._report import Counterexample, LineStory, Report, Violation
from pmemobj.crash._states import MODELS, Moment
from pmemobj.crash._trace import Event, Place, What

__all__ = [
    "INVARIANTS",
    "MODELS",
    "Counterexample",
    "CrashReport",
    "Event",
    "Finding",
    "Frame",
    "Line",
    "LineState",
    "LineStory",
    "Moment",
    "Outcome",
    "Picture",
    "Place",
    "PowerModeError",
    "Recording",
    "Report",
    "Snapshot",
    "Verdict",
    "Violation",
    "What",
    "acknowledge",
    "kill",
    "record",
]

for _name in __all__:
    if callable(globals()[_name]):
        public_in(__name__)(globals()[_name])
