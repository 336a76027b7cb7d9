"""The crash lab: run code on a pool, simulate a crash in the middle, and examine the pool after recovery.

`kill` kills the process that runs the code; `record` finds every state that a power cut could leave. See
docs/crash_lab.md.
"""

from __future__ import annotations

from pmemobj._public_names import public_in
from pmemobj.crash._frames import CacheLine, Frame, LineState, Snapshot
from pmemobj.crash._kill import CrashReport, Verdict, kill
from pmemobj.crash._pictures import Picture
from pmemobj.crash._power import Recording, record
from pmemobj.crash._recorder import PowerModeError, acknowledge
from pmemobj.crash._recovery import INVARIANTS, BrokenInvariant, Outcome
from pmemobj.crash._report import Counterexample, Exploration, LineStory, Violation
from pmemobj.crash._states import MODELS, Moment
from pmemobj.crash._trace import Event, Place, What

__all__ = [
    "INVARIANTS",
    "MODELS",
    "BrokenInvariant",
    "CacheLine",
    "Counterexample",
    "CrashReport",
    "Event",
    "Exploration",
    "Frame",
    "LineState",
    "LineStory",
    "Moment",
    "Outcome",
    "Picture",
    "Place",
    "PowerModeError",
    "Recording",
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
