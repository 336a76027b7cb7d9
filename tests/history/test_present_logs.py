"""`inspect.logs`: what the undo log and the journal have at this moment."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MIB

import pmemobj
from pmemobj import PersistentObjectPool
from pmemobj._durability.journal_format import LINE, PAGE
from pmemobj._pmdk import interposition, library
from pmemobj.inspect import JournalPage, logs

library.load()
pytestmark = pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here")

Pool = PersistentObjectPool


@pytest.fixture
def game(scratch: Path, as_disk: None) -> Iterator[Pool]:
    """A pool with a journal that has no record."""
    with pmemobj.create(scratch / "pool", 16 * MIB, durability="full") as pool:
        pool.root = pool.persistent({"tries": 3, "guesses": [25, 40]})
        pool._heap.journal.checkpoint()
        yield pool


def test_a_commit_becomes_a_record_that_a_checkpoint_makes_void(game: Pool) -> None:
    assert (logs(game).count, logs(game).records) == (0, ())
    assert "the file of the pool has every commit" in str(logs(game))
    root = game.root
    root["tries"] = 4
    found = logs(game)
    assert (found.count, found.size, found.copies) == (1, 512, ())
    (record,) = found.records
    assert record.number == game._heap.journal.records - 1
    (page,) = record.pages
    assert page.what == "root" and record.lines == len(page.lines) == 1
    # The line is the one in which the word of the entry lies.
    raw = game._heap.read_bytes(PAGE * page.number + LINE * page.lines[0], LINE)
    assert (2 * 4 + 1).to_bytes(8, "little") in raw
    assert str(page) in str(found)
    game._heap.journal.checkpoint()
    assert logs(game).count == 0


def test_objects_that_no_variable_holds_have_names_too(game: Pool) -> None:
    game.root["guesses"].append(36)
    game.root["texts"] = game.persistent(["a"])
    gc.collect()
    whats = {part for record in logs(game).records for page in record.pages for part in page.what.split(", ")}
    assert {"root", "root['guesses']", "root['texts']"} <= whats
    with game.transaction():
        game.root["guesses"][0] = 26
        gc.collect()
        assert [copy.where for copy in logs(game).copies] == ["root['guesses'][0]"]


def test_in_a_transaction_the_undo_log_has_what_was_and_no_record_has_what_is(game: Pool) -> None:
    root, guesses = game.root, game.root["guesses"]
    with game.transaction():
        root["tries"] = 4
        guesses[1] = 41
        found = logs(game)
        assert [(copy.where, copy.size, copy.before) for copy in found.copies] == [
            ("root['tries']", 8, "3"),
            ("root['guesses'][1]", 8, "40"),
        ]
        assert found.count == 0 and found.waiting_lines > 0
        assert "undo log: 2 copies, 16 bytes" in str(found) and "in no record yet:" in str(found)
    found = logs(game)
    assert found.copies == () and found.waiting_lines == 0 and found.count == 1
    whats = {page.what for page in found.records[0].pages}
    assert {"libpmemobj's logs", "root", "root['guesses']"} <= {part for what in whats for part in what.split(", ")}


def test_what_is_rolled_back_gets_no_record(game: Pool) -> None:
    with pytest.raises(ZeroDivisionError), game.transaction():
        game.root["tries"] = 4
        raise ZeroDivisionError
    assert logs(game).count == 0 and logs(game).copies == ()


def test_limits(game: Pool) -> None:
    root = game.root
    for number in range(5):
        root["tries"] = number
    assert [record.number for record in logs(game, last=2).records] == [record.number for record in logs(game).records][
        -2:
    ]
    assert (len(logs(game, last=None).records), len(logs(game, last=0).records), logs(game, last=0).count) == (5, 0, 5)
    with game.transaction():
        root["guesses"].extend(range(100_000))
    record = logs(game).records[-1]
    assert len(record.pages) == 12 and record.hidden > 100 and "pages more" in str(logs(game))
    with pytest.raises(ValueError, match="cannot describe the last -1 records"):
        logs(game, last=-1)


def test_a_pool_without_a_journal_has_its_undo_log(pool: Pool) -> None:
    pool.root = pool.persistent([1, 2])
    numbers = pool.root
    with pool.transaction():
        numbers[0] = 5
        found = logs(pool)
        assert not found.journal and found.journal_text == "journal: none, since the durability is memory"
        assert [str(copy) for copy in found.copies] == ["root[0], 8 bytes: 1"]
    assert logs(pool).undo_text == "undo log: empty"
    pool.close()
    with pytest.raises(pmemobj.PoolClosedError):
        logs(pool)


def test_numbers_of_lines() -> None:
    assert JournalPage(1, (0,), "x").line_numbers == "0"
    assert str(JournalPage(12431, (0, 1, 2, 5, 7, 8), "x")) == "page 12,431, lines 0 to 2, 5, 7 to 8: x"
