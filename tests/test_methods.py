"""docs/methods.md against the types of the Python that runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.once

SCRIPT = Path(__file__).parent.parent / "docs" / "make_methods.py"


def test_the_page_says_what_there_is(run_python: Callable[..., Any]) -> None:
    """What to do when it fails stands in the output."""
    done = run_python(SCRIPT, "--check", check=False, env={"PMEMOBJ_CHECK": ""})
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "change, complaint",
    [
        ("pmemobj.PersistentList.sort = None", "list.sort is None"),
        ("pmemobj.PersistentDict.get = lambda *args: None", "dict.get differs"),
        ("m.REASONS['list', 'append'] = 'no reason'", "list.append has a reason in REASONS"),
        ("m.REASONS['list', 'prepend'] = 'no reason'", "no such method"),
        ("m.HEAD = '# Other words'", "write the page anew"),
        ("m.LATER['list', 'sort'] = (9, 1)", "correct the version"),
    ],
)
def test_it_would_notice(run_python: Callable[..., Any], change: str, complaint: str) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(SCRIPT.parent)!r})
sys.argv.append("--check")
import pmemobj, make_methods as m
m.TYPES = [entry for entry in m.TYPES if entry[1] in (list, dict)]
m.REASONS = {{key: reason for key, reason in m.REASONS.items() if key[0] in ("list", "dict")}}
m.LATER = {{}}
{change}
raise SystemExit(m.main())
"""
    done = run_python(code, check=False, env={"PMEMOBJ_CHECK": "", "PMEMOBJ_PURE": "1"})
    assert done.returncode == 1 and complaint in done.stdout, done.stdout + done.stderr
