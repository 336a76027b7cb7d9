"""What people see of a crash: results, the timeline of a recording as a film of frames, and as a widget."""

from __future__ import annotations

from pmemobj_magics.views.crash.kill import CrashResult
from pmemobj_magics.views.crash.places import Places
from pmemobj_magics.views.crash.power import PowerResult, PowerVerdict
from pmemobj_magics.views.crash.sweep import SweepResult

__all__ = ["CrashResult", "Places", "PowerResult", "PowerVerdict", "SweepResult"]
