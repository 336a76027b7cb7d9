"""Crashes on purpose: run code on a pool, let it die in the middle, look at what recovery makes of it."""

from __future__ import annotations

from pmemobj.crash._kill import CrashReport, Verdict, kill

__all__ = ["CrashReport", "Verdict", "kill"]
