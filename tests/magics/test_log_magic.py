"""``%pmem_log``: what it shows, its options, and its picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from test_magics import Run, run, shell, short  # noqa: F401 - fixtures

import pmemobj
from pmemobj_magics.errors import MagicUsageError

pytestmark = pytest.mark.once

TEXT = """\
history of pool: 4 entries (recording)
   1 ✓ one store, durable
       pool.root = 5
         root: None → 5
       1 store
   2 ✓ transaction, committed
         root: 5 → PersistentList
         root: length 0 → 2
       2 snapshots (32 bytes), 2 allocations (96 bytes), 2 stores
   3 ✗ transaction, rolled back (ZeroDivisionError: division by zero)
       1 snapshot (8 bytes), 1 store
   4 … transaction, running
         root[1]: 2 → 7
       1 snapshot (8 bytes), 1 store"""


@pytest.fixture
def game(run: Run) -> Any:  # noqa: F811
    """A pool with a log of four entries, of which the last is a transaction that is open."""
    run("%pmem_open game.pmem --create --size 16M")
    run("pool.root = 5")
    run("%%pmem_tx", "pool.root = pool.persistent([1, 2])")
    with pytest.raises(ZeroDivisionError):
        run("%%pmem_tx", "pool.root[0] = 9", "1/0")
    run("%pmem_begin", "pool.root[1] = 7")
    return run("pool")


def test_the_text_is_the_same_in_every_run(run: Run, game: Any) -> None:  # noqa: F811
    view = run("%pmem_log -o log")
    assert repr(view) == TEXT and run("log") is view
    bundle = view._repr_mimebundle_()
    assert bundle["text/plain"] == TEXT and set(bundle) == {"text/plain", "text/html"}
    timed = repr(run("%pmem_log --times"))
    assert timed != TEXT and timed.count("took") == 4


def test_last_clear_stop_start(run: Run, game: Any) -> None:  # noqa: F811
    run("%pmem_abort")
    assert repr(run("%pmem_log --last 1")).splitlines()[:2] == [
        "history of pool: the last 1 of 4 entries (recording)",
        "   4 ✗ transaction, rolled back (abort() was called)",
    ]
    assert len(run("%pmem_log --last 0 --clear").entries) == 4
    assert repr(run("%pmem_log --stop")) == "history of pool: 0 entries (not recording; %pmem_log --start starts it)"
    run("pool.root = 1")
    assert run("%pmem_log --start").entries == ()
    run("pool.root = 2")
    assert [str(change) for change in run("%pmem_log").entries[0].changes] == ["root: 1 → 2"]
    run("%pmem_close")
    assert "the pool is closed" in repr(run("%pmem_log")) and len(run("%pmem_log").entries) == 3
    assert repr(run("%pmem_log --last 1")).splitlines()[2] == "         state of the pool: open → closed"


def test_wrong_options(run: Run, game: Any) -> None:  # noqa: F811
    for line in ("--start --stop", "--last x", "--last -1", "--lsat 3"):
        with pytest.raises(MagicUsageError) as error:
            run(f"%pmem_log {line}")
        assert len(short(error)) == 3, line
    with pytest.raises(MagicUsageError) as error:
        run("%pmem_log --save x.txt")
    assert short(error)[1:] == ["  the ending names the format, and this one is unknown", "  use .svg or .html"]
    with pytest.raises(MagicUsageError):
        run("%pmem_log --save nowhere/x.svg")
    run("%pmem_abort", "%pmem_close")
    with pytest.raises(pmemobj.PoolClosedError):
        run("%pmem_log --start")


def test_the_table_has_every_step_and_loads_nothing(run: Run, game: Any, scratch: Path) -> None:  # noqa: F811
    page = run("%pmem_log --save log.html")._repr_html_()
    assert page.count("<tr>") == 5 and "<details>" in page and "<script" not in page
    assert "<code>root: None → 5</code>" in page and "(line 1 of In[" in page
    assert "allocate</span> <code>PersistentList</code>, 48 bytes" in page
    saved = (scratch / "log.html").read_text()
    assert page.partition("<table>")[2] in saved and "http" not in saved.replace("http://www.w3.org/2000/svg", "")


def test_the_strip_has_a_block_for_each_entry_and_a_sign_for_each_step(
    run: Run,  # noqa: F811
    game: Any,
    scratch: Path,
) -> None:
    run("%pmem_log --save log.svg")
    drawn = ElementTree.parse(scratch / "log.svg").getroot()
    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if text and text[:1].isdigit() and text[-1:] in "✓✗…"] == [
        "1 ✓",
        "2 ✓",
        "3 ✗",
        "4 …",
    ]
    # Once each in the legend.
    steps = [step.what for entry in run("%pmem_log").entries for step in entry.steps]
    assert set(steps) == {"snapshot", "allocate", "store"}
    for letter, what in (("S", "snapshot"), ("A", "allocate"), ("W", "store")):
        assert texts.count(letter) == 1 + steps.count(what)
    assert {"root", "the pool", "memory"} <= set(texts)
    width, height = float(drawn.get("width", "")), float(drawn.get("height", ""))
    for box in drawn.iter("{http://www.w3.org/2000/svg}rect"):
        assert float(box.get("x", 0)) + float(box.get("width", 0)) <= width
        assert float(box.get("y", 0)) + float(box.get("height", 0)) <= height


def test_many_entries_go_on_in_further_rows(run: Run, game: Any) -> None:  # noqa: F811
    run("%pmem_abort")
    run(
        "for number in range(60):",
        "    with pool.transaction():",
        "        pool.root[0] += 1",
        "        pool.root[1] += 1",
    )
    view = run("%pmem_log --last 0")
    assert len(view.entries) == 64
    drawn = ElementTree.fromstring(view.svg)
    assert float(drawn.get("width", "")) < 1000 and 60 > view.svg.count(">the pool<") + view.svg.count(">root<") > 1


def test_the_log_can_be_left_off(run: Run, shell: InteractiveShell) -> None:  # noqa: F811
    run("%config PmemMagics.log = False", "%pmem_open game.pmem --create --size 16M")
    assert not run("pool").log.recording and "not recording" in repr(run("%pmem_log"))
