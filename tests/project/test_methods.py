"""docs/methods.md against the types of the Python that runs."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pmemobj import PersistentArray, PersistentList, PersistentSet

pytestmark = pytest.mark.once

SCRIPT = Path(__file__).parents[2] / "docs" / "make_methods.py"


def test_the_page_says_what_there_is(run_python: Callable[..., Any]) -> None:
    """What to do when it fails stands in the output."""
    done = run_python(SCRIPT, "--check", check=False, env={"PMEMOBJ_CHECK": ""})
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_page_says_at_the_end(pool: Any) -> None:
    def failing() -> Iterator[int]:
        yield 7
        raise KeyError

    class Emptier:
        def __init__(self, target: Any) -> None:
            self.target = target

        def __eq__(self, other: object) -> bool:
            self.target.clear()
            return True

    left, found = [], []
    for items in (pool.new(PersistentList, [3, 1, 2]), [3, 1, 2]):
        with pytest.raises(KeyError):
            items.extend(failing())
        left.append(list(items))
        items[:] = [3, 1, 2]
        with pytest.raises(TypeError):
            items.extend([None])
            items.sort()
        left.append(set(items))
        items[:] = [3, 1, 2]

        def key(value: int, items: Any = items) -> int:
            found.append(list(items))
            return value

        items.sort(key=key)
        found.append(items == [Emptier(items), 2, 3])
    assert left == [[3, 1, 2], {3, 1, 2, None}, [3, 1, 2, 7], {3, 1, 2, None}]
    assert found == [[3, 1, 2]] * 3 + [True] + [[]] * 3 + [False]
    twice = pool.new(PersistentList, [1, 2])
    twice.extend(item for item in twice)
    assert twice == [1, 2, 1, 2]
    group = pool.new(PersistentSet, [1])
    with pytest.raises(KeyError):
        group.update(failing())
    assert group == {1}
    for changed in (pool.new(PersistentArray, "b", [1]), array("b", [1])):
        for refused in (lambda: changed.insert(2**70, 1), lambda: changed.pop(2**70), lambda: changed.pop(-(2**70))):  # noqa: B023
            with pytest.raises(OverflowError, match="too large to convert to C ssize_t"):
                refused()


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
