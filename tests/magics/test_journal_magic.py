"""``%pmem_journal``, and what ``%pmem_log`` tells of a pool with a journal."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from test_magics import Run, run, shell, short  # noqa: F401 - fixtures

import pmemobj
from pmemobj._pmdk import interposition, library
from pmemobj_magics.errors import MagicUsageError

library.load()
pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here"),
]

LOG = """\
history of pool: 2 entries (recording)
   1 ✓ one store, durable
       pool.root[0] = 5
         root[0]: 1 → 5
       1 store
       journal: 1 record (512 bytes), 1 sync
   2 ✗ transaction, rolled back (ZeroDivisionError: division by zero)
       1 snapshot (8 bytes), 1 store"""


@pytest.fixture
def game(run: Run, as_disk: None) -> Any:  # noqa: F811
    """A pool with a journal, and a variable for its list."""
    run("%pmem_open game.pmem --create --size 16M --durability full", "pool.root = pool.persistent([1, 2])")
    run("numbers = pool.root", "pool._heap.journal.checkpoint();", "%pmem_log --clear;")
    return run("pool")


def test_the_history_tells_of_the_journal(run: Run, game: Any) -> None:  # noqa: F811
    run("pool.root[0] = 5")
    with pytest.raises(ZeroDivisionError):
        run("%%pmem_tx", "pool.root[0] = 9", "1/0")
    view = run("%pmem_log")
    assert repr(view) == LOG
    assert view._repr_html_().count("journal: 1 record (512 bytes), 1 sync") == 1


def test_the_journal_beside_the_undo_log(run: Run, game: Any) -> None:  # noqa: F811
    assert repr(run("%pmem_journal")).splitlines() == [
        "logs of pool (full)",
        "journal: empty; the file of the pool has every commit",
        "undo log: empty",
    ]
    run("%pmem_begin", "numbers[0] = 5")
    text = repr(run("%pmem_journal -o before"))
    assert "in no record yet: " in text and text.endswith("undo log: 1 copy, 8 bytes\n  root[0], 8 bytes: 1")
    run("%pmem_commit")
    view = run("%pmem_journal pool")
    assert "journal: 1 record, " in repr(view) and repr(view).endswith("undo log: empty") and ": root" in repr(view)
    assert "in no record yet" not in repr(view)
    assert repr(run("before")) == text, "it stays as it was"
    for shown in (run("before"), view):
        bundle = shown._repr_mimebundle_()
        assert set(bundle) == {"text/plain", "text/html"} and "<script" not in bundle["text/html"]
    assert "<td" in view._repr_html_() and "root" in view._repr_html_()


def test_names_are_shown_as_they_are(run: Run, game: Any) -> None:  # noqa: F811
    run("pool.root = pool.persistent({'<b>&': [1]})", "inner = pool.root['<b>&']", "%pmem_begin", "inner[0] = 2")
    page = run("%pmem_journal")._repr_html_()
    assert "&lt;b&gt;&amp;" in page and "<b>&" not in page
    run("%pmem_abort")


def test_last_and_wrong_options(run: Run, game: Any) -> None:  # noqa: F811
    run("for number in range(20): numbers[0] = number")
    assert len(run("%pmem_journal").logs.records) == 10
    assert "the last 10:" in repr(run("%pmem_journal"))
    assert len(run("%pmem_journal --last 0").logs.records) == 20
    for line in ("--last x", "--last -1", "--lsat 3"):
        with pytest.raises(MagicUsageError) as error:
            run(f"%pmem_journal {line}")
        assert len(short(error)) == 3, line
    run("%pmem_close")
    with pytest.raises(pmemobj.PmemError):
        run("%pmem_journal")


def test_a_pool_without_a_journal_says_why(run: Run, shell: InteractiveShell) -> None:  # noqa: F811
    run("%pmem_open game.pmem --create --size 16M", "pool.root = pool.persistent([1, 2])", "numbers = pool.root")
    durability = run("pool.durability")
    run("%pmem_begin", "numbers[0] = 5")
    text = repr(run("%pmem_journal"))
    assert f"journal: none, since the durability is {durability}" in text and "root[0], 8 bytes: 1" in text
    run("%pmem_abort")
