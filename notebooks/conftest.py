"""What nbval compares: all text. Drawings embed the version of graphviz, so they are left out."""

from __future__ import annotations

from typing import Any


def pytest_collectstart(collector: Any) -> None:
    """Extend nbval's own list, for notebooks only."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("image/svg+xml", "text/html")
