"""What nbval compares: all text. Drawings embed the version of graphviz, so they are left out."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

#: They cut the power or count flushes, which needs the recorder of the crash lab.
RECORDS = ("07_crash_lab.ipynb", "10_own_class.ipynb", "11_how_fast.ipynb")


def pytest_collectstart(collector: Any) -> None:
    """Extend nbval's own list, for notebooks only."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("image/svg+xml", "text/html")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what cannot run on this machine."""
    if importlib.util.find_spec("pmemobj.crash._native") is None:
        reason = "there is no recorder without a C compiler or off x86-64 Linux"
        for item in items:
            if item.path.name in RECORDS:
                item.add_marker(pytest.mark.skip(reason=reason))
