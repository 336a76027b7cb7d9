"""The crash magics show the same wherever a pool lies and however its commits become durable.

What a child stores before it dies is in the memory of the pool, whichever way this memory reaches a file; so the texts
and the pictures are compared, character by character.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from scratch import scratch_parent
from test_magics import Run, run, shell, short  # noqa: F401 - fixtures

from pmemobj._files.medium import Medium
from pmemobj._lifecycle import session
from pmemobj._pmdk import interposition, library

library.load()
pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here"),
    pytest.mark.skipif(scratch_parent() is None, reason="there is no tmpfs"),
]

TAKE, GIVE = "pool.root['anna'] -= 10", "pool.root['bert'] += 10"
CAREFUL = ("with pool.transaction():", f"    {TAKE}", f"    {GIVE}", "pool.root['gifts'].append('a book, from Anna')")
CHECK = "--check sum([pool.root['anna'], pool.root['bert']]) == 100"
#: Each of these is one cell, or a few, of which the last result is compared.
CELLS = {
    "kill": [("%%pmem_crash", TAKE, GIVE)],
    "kill at a change": [("%%pmem_crash --kill --at 1", TAKE, GIVE)],
    "sweep": [("%%pmem_crash --sweep", TAKE, "pool.root['gifts'].extend(['a book', 'a long letter from Anna'])", GIVE)],
    "power": [(f"%%pmem_crash --power {CHECK}", *CAREFUL)],
    "power, torn": [(f"%%pmem_crash --power {CHECK}", TAKE, GIVE)],
    "end here": [("%pmem_begin",), (TAKE,), ("%pmem_crash -o ended",), ("%pmem_abort",), ("ended",)],
    "without a transaction": [("%%pmem_crash --kill --rolled-back --no-transaction --at 1", TAKE, GIVE)],
    "sweep, rolled back": [
        ("%pmem_begin",),
        (TAKE,),
        ("%%pmem_crash --sweep --rolled-back -o swept", GIVE),
        ("%pmem_abort",),
        ("swept",),
    ],
}
MODES = ("full", "relaxed", "in-place")


def opened(run: Run, how: str = "") -> None:  # noqa: F811
    """Make a pool, and open it again.

    libpmemobj writes logs out of buffers in which there may be void bytes of earlier ones. So the void bytes in a pool,
    and with them the number of different crash states, depend on whether the process has also made the pool.
    """
    run(f"%pmem_open bank.pmem --create --size 16M {how}", "%pmem_close", f"%pmem_open bank.pmem {how}")


def shown(run: Run, cells: list[tuple[str, ...]]) -> dict[str, str]:  # noqa: F811
    """The last result of the cells in all its forms, in a new pool."""
    try:
        run("pool.root = pool.persistent({'anna': 60, 'bert': 40, 'gifts': ['a loaf of bread']})")
        for cell in cells:
            result = run(*cell)
        root = run("pool.root")
        assert (root["anna"], root["bert"], list(root["gifts"])) == (60, 40, ["a loaf of bread"])
    finally:
        run("%pmem_close", "%pmem_delete bank.pmem")
    forms = {"text": repr(result)}
    for name in ("_repr_html_", "_repr_svg_"):
        if hasattr(result, name):
            forms[name] = getattr(result, name)()
    return {name: _comparable(form) for name, form in forms.items()}


def _comparable(text: str) -> str:
    """Leave out what differs from run to run on the same medium: times, stamps of objects, ids of pictures."""
    return re.sub(r"In\[\d+\]", "In[]", re.sub(r"[0-9.]+ (?:ms|s)\b", "a while", text))


@pytest.fixture
def in_ram(run: Run) -> Callable[[str], dict[str, str]]:  # noqa: F811
    """What cells show for a pool on tmpfs."""

    def show(name: str) -> dict[str, str]:
        opened(run)
        assert run("pool.durability") == "memory"
        return shown(run, CELLS[name])

    return show


@pytest.mark.parametrize("name", list(CELLS))
def test_they_show_the_same(
    run: Run,  # noqa: F811
    in_ram: Callable[[str], dict[str, str]],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = in_ram(name)
    assert in_ram(name) == expected, "the same twice, on the same medium"
    monkeypatch.setattr(session, "medium_of", lambda _: Medium.DISK)
    for mode in MODES:
        opened(run, f"--durability {mode}")
        assert run("pool.durability") == mode
        assert shown(run, CELLS[name]) == expected, mode
