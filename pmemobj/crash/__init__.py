"""The crash lab: run code on a pool, simulate a crash in the middle, and examine the pool after recovery.

`kill` kills the process that runs the code; `record` finds every state that a power cut could leave. See
docs/crash_lab.md.

Its modules::

    | module | what it is responsible for |
    |---|---|
    | `_kill` | `kill`: program crashes, and what the pool contains afterwards |
    | `_kill_on_copy` | the same on a copy as of the beginning of the open transaction |
    | `_kill_child` | the child process that `kill` kills, and how it ended |
    | `_kill_here` | `kill_here`: the crash of the program in the middle of its open transaction |
    | `_kill_report` | what a kill did: the pool before, at the crash and after recovery, and the verdict |
    | `_copy` | copies of the memory of an open pool, also of one that grows or is in a sandbox |
    | `_forked` | the pool that a forked child inherits: lives on a copy, or is closed without an effect |
    | `_aftermath` | what a dead child has left: as it lies, without its transaction, and recovered |
    | `_power` | `record` and `Recording`: power cuts |
    | `_recorder` | records every store, flush and fence in a child process; `_native.c` is its C part |
    | `_trace` | a recording as plain dataclasses |
    | `_states` | computes from a recording the images that a power cut could leave |
    | `_journal` | the contents of cache lines at any moment of a recording |
    | `_image` | images of pools, in memory |
    | `_heap_map` | which bytes of a pool mean something after recovery |
    | `_few_lanes` | makes images cheaper to open: they declare only the lanes that are in use |
    | `_arguments` | checks the arguments of an exploration |
    | `_explore` | chooses images, lets workers recover them, and judges the outcomes |
    | `_workers` | the processes that recover images |
    | `_recovery` | recovers one image and examines the pool |
    | `_user_check` | runs the check of the user |
    | `_report` | the results of an exploration, as text and HTML |
    | `_frames` | one moment of a recording, to be drawn: cache lines and the undo log |
    | `_pictures` | images to be drawn: the objects after the power cut, and after recovery |
    | `_child` | child processes that run code of the caller, with a time limit |
    | `_interrupts` | interrupts that wait until a pool is open again |
"""

from __future__ import annotations

from pmemobj._public_names import public_in
from pmemobj.crash._frames import CacheLine, Frame, LineState, Snapshot
from pmemobj.crash._kill import kill
from pmemobj.crash._kill_here import kill_here
from pmemobj.crash._kill_report import CrashReport, Verdict
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
    "kill_here",
    "record",
]

for _name in __all__:
    if callable(globals()[_name]):
        public_in(__name__)(globals()[_name])
