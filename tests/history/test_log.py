"""The log of transactions: what it says about each of them, and that it never disturbs the program."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import (
    Field,
    LogEntry,
    Persistent,
    PersistentArray,
    PersistentByteArray,
    PersistentList,
    PersistentObject,
    PersistentObjectPool,
    PersistentSet,
    PersistentTuple,
)
from pmemobj._history import log, recorder
from pmemobj._history.places import WordFinder

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"


class Player(PersistentObject):
    pass


class Counter(Persistent):
    hits = Field("q")
    name = Field()


def told(entry: LogEntry) -> tuple[str, list[str]]:
    """The title and the changes of an entry."""
    return entry.title, [str(change) for change in entry.changes]


def steps(entry: LogEntry) -> list[str]:
    return [f"{step.what} {step.text} {step.size}" for step in entry.steps]


@pytest.fixture
def game(pool: Pool) -> Pool:
    """A pool with a dict that holds a number and a list; its log has just been started."""
    pool.root = pool.persistent({"tries": 3, "guesses": [25, 40]})
    # The list gets room for more items.
    pool.root["guesses"].append(50)
    pool.root["level"] = 1
    pool.log.start()
    return pool


# ---- what it says -------------------------------------------------------------------------------------


def test_a_store_a_publication_and_a_statement(game: Pool) -> None:
    game.root["tries"] = 4
    game.root["guesses"][0] = LONG
    game.root["guesses"].append(60)
    del game.root["guesses"][1:]
    assert [told(entry) for entry in game.log.entries] == [
        ("one store, durable", ["root['tries']: 3 → 4"]),
        ("one publication, durable", [f"root['guesses'][0]: 25 → {LONG!r}"]),
        ("one store, durable", ["root['guesses'][3] = 60", "root['guesses']: length 3 → 4"]),
        ("statement, committed", ["root['guesses']: length 4 → 1"]),
    ]
    store, publication, append, statement = game.log.entries
    assert (store.stores, publication.stores, append.stores) == (1, 1, 2)
    assert steps(publication) == ["allocate str 64", "publish root['guesses'][0] 8"]
    assert steps(append) == ["store root['guesses'][3] 8", "store root['guesses']: length 8"]
    assert steps(statement) == ["snapshot root['guesses']: length 8"]
    assert [entry.line.text if entry.line else "" for entry in game.log.entries] == [
        'game.root["tries"] = 4',
        'game.root["guesses"][0] = LONG',
        'game.root["guesses"].append(60)',
        'del game.root["guesses"][1:]',
    ]


def test_a_key_that_is_new_and_one_that_goes(game: Pool) -> None:
    game.root["name"] = "Ada"
    del game.root["tries"]
    added, deleted = game.log.entries
    assert told(added) == ("one store, durable", ["root['name'] = 'Ada'", "root: number of keys 3 → 4"])
    assert [step.what for step in added.steps] == ["store"] * 3
    assert told(deleted) == ("statement, committed", ["root['tries']: 3 → gone", "root: number of deleted keys 0 → 1"])


def test_a_transaction_with_levels(game: Pool) -> None:
    with game.transaction():
        game.root["tries"] += 1
        with game.transaction():
            game.root["guesses"][1] = LONG
        game.root["tries"] += 1
    (entry,) = game.log.entries
    assert told(entry) == (
        "transaction (2 levels), committed",
        ["root['tries']: 3 → 5", f"root['guesses'][1]: 40 → {LONG!r}"],
    )
    assert [(step.what, step.level) for step in entry.steps] == [
        ("snapshot", 1),
        ("begin", 2),
        ("allocate", 2),
        ("snapshot", 2),
        ("end", 2),
    ]
    assert (entry.snapshots, entry.logged, entry.stores, entry.allocations, entry.levels) == (2, 16, 3, 1, 2)
    assert entry.cost == "2 snapshots (16 bytes), 1 allocation (64 bytes), 3 stores"
    assert entry.line is not None and entry.line.text == "with game.transaction():"
    assert 0 < entry.began <= entry.steps[0].time <= entry.ended


def test_a_transaction_that_is_rolled_back(game: Pool) -> None:
    with pytest.raises(ZeroDivisionError), game.transaction():
        game.root["tries"] = 0
        raise ZeroDivisionError("no more tries")
    with pytest.raises(pmemobj.TransactionAborted):
        game.transaction().begin().abort()
    with pytest.raises(pmemobj.TransactionAborted), game.transaction():
        game.root["tries"] = 0
        with pytest.raises(KeyError), game.transaction():
            raise KeyError("inner")
    assert [told(entry) for entry in game.log.entries] == [
        ("transaction, rolled back (ZeroDivisionError: no more tries)", []),
        ("transaction, rolled back (abort() was called)", []),
        ("transaction (2 levels), rolled back (KeyError: 'inner')", []),
    ]
    assert [entry.stores for entry in game.log.entries] == [1, 0, 1]


def test_the_running_transaction_is_there_as_far_as_it_has_come(game: Pool) -> None:
    with game.transaction():
        game.root["tries"] += 1
        assert [told(entry) for entry in game.log.entries] == [("transaction, running", ["root['tries']: 3 → 4"])]
        game.root["tries"] += 1
        assert told(game.log.entries[0])[1] == ["root['tries']: 3 → 5"]
        other: list[Any] = []
        thread = threading.Thread(target=lambda: other.append(game.log.entries))
        thread.start()
        thread.join(60)
        assert other == [()]  # another thread might see incomplete changes
    assert told(game.log.entries[0]) == ("transaction, committed", ["root['tries']: 3 → 5"])


def test_what_a_line_repeats_is_one_entry(game: Pool) -> None:
    for number in range(10):
        game.root["tries"] = number
    for number in range(20):
        game.root["guesses"].append(number)
    tries, guesses = game.log.entries
    assert told(tries) == ("10 stores, each durable", ["root['tries']: 3 → 9"])
    # Some appends need more room, and therefore a transaction.
    assert guesses.title == "20 separate changes, no transaction" and guesses.allocations > 0
    assert "root['guesses']: length 3 → 23" in told(guesses)[1]
    for _ in range(3):
        with game.transaction():
            game.root["tries"] += 1
    assert [entry.title for entry in game.log.last(3)] == ["transaction, committed"] * 3
    assert [entry.number for entry in game.log.entries] == [1, 2, 3, 4, 5]


def test_reading_is_no_entry_and_an_empty_transaction_is_one(game: Pool) -> None:
    assert game.root["guesses"].index(40) == 1 and list(game.root.items())
    assert game.log.entries == ()
    with game.transaction():
        pass
    assert [(entry.title, entry.cost) for entry in game.log.entries] == [("transaction, committed", "")]


def test_every_kind_of_object_has_names_for_its_words(pool: Pool) -> None:
    pool.root = pool.new(PersistentList)
    player, counter = pool.new(Player), pool.new(Counter)
    player.name, counter.name = "Ada", "Ada"
    made = [
        pool.new(PersistentSet, [1]),
        pool.new(PersistentByteArray, b"12345678"),
        pool.new(PersistentArray, "q", [1, 2]),
        pool.new(PersistentTuple, (1, player)),
    ]
    pool.root.extend([player, counter, *made])
    pool.log.start()
    with pool.transaction():
        player.name = "Bob"
        counter.name = "Bob"
        counter.hits = 5
        made[0].add(2)
        made[1][0] = 0
        made[2][1] = 7
        pool.root[0] = None
        pool.root = 5
    (entry,) = pool.log.entries
    assert [str(change) for change in entry.changes if ":" not in change.where] == [
        "Player.name: 'Ada' → 'Bob'",
        "Counter.name: 'Ada' → 'Bob'",
        "PersistentList[0]: Player → None",
        "root: PersistentList → 5",
    ]
    assert [step.text for step in entry.steps if step.what == "snapshot"] == [
        "Player.name",
        "Counter.name",
        "Counter.hits",
        "PersistentSet: index",
        "PersistentSet: number of items",
        "PersistentByteArray: bytes 0 to 7 of the data",
        "PersistentArray: bytes 8 to 15 of the data",
        "PersistentList[0]",
        "root",
    ]
    # The new item was not counted before, so a roll-back has nothing to put back.
    assert [step.text for step in entry.steps if step.what == "fill"] == ["PersistentSet: a new entry"]
    where = WordFinder(pool._heap)
    spot = where.find(made[3]._p_offset + 24)
    assert spot is not None and spot.text() == "PersistentTuple[1]"
    assert where.find(made[3]._p_offset + (1 << 20)) is None


def test_garbage_collection_and_closing_are_entries_too(game: Pool) -> None:
    del game.root["guesses"]
    game.gc()
    game.root["tries"] = 9
    path = game.path
    game.close()
    texts = game.log.text().splitlines()
    assert texts[0] == f"TransactionLog of {path}: 4 entries, not recording"
    assert "     root['guesses']: PersistentList → gone" in texts and "     root['tries']: 3 → 9" in texts
    collected = game.log.entries[1]
    assert collected.line is not None and collected.line.text == "game.gc()" and collected.frees == 2
    with pytest.raises(pmemobj.PoolClosedError):
        game.log.start()


# ---- on and off ---------------------------------------------------------------------------------------


def test_it_is_off_until_it_is_started(pool: Pool) -> None:
    listener = pool._heap.observer
    pool.root = 5
    assert not pool.log.recording and pool.log.entries == () and pool._heap.observer is listener
    pool.log.start()
    pool.log.start()
    pool.root = 6
    pool.log.stop()
    pool.log.stop()
    assert pool._heap.observer is listener and not pool.log.recording
    pool.root = 7
    assert [told(entry) for entry in pool.log.entries] == [("one store, durable", ["root: 5 → 6"])]
    pool.log.clear()
    assert pool.log.entries == () and pool.log.recorded == 0


def test_it_can_be_started_and_stopped_in_a_transaction(game: Pool) -> None:
    with game.transaction():
        game.root["tries"] = 1
        game.log.stop()
        game.root["tries"] = 2
        game.log.start()
        game.root["tries"] = 3
    assert game.log.entries == ()
    game.root["tries"] = 4
    assert len(game.log.entries) == 1


def test_only_the_last_entries_are_kept(pool_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_KEPT", 3)
    with pmemobj.create(pool_path, 16 << 20) as pool:
        pool.log.start()
        for number in range(5):
            with pool.transaction():
                pool.root = number
        assert [entry.number for entry in pool.log.entries] == [3, 4, 5]
        assert [entry.number for entry in pool.log.last(2)] == [4, 5]
        assert pool.log.last(0) == () and (pool.log.recorded, pool.log.dropped) == (5, 2)


def test_of_a_large_transaction_the_first_steps_are_kept(game: Pool) -> None:
    with game.transaction():
        for number in range(200):
            game.root["guesses"].append(f"{number}, {LONG}")
    (entry,) = game.log.entries
    assert len(entry.steps) == recorder._STEPS and entry.hidden > 100
    assert entry.allocations >= 200 and len(entry.changes) < 50


def test_it_lets_itself_out_after_very_many(game: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "_MOST_ENTRIES", 5)
    for number in range(9):
        game.root["tries"] = number
    assert not game.log.recording and "stopped recording after 5 entries" in game.log.note
    assert told(game.log.entries[0]) == ("5 stores, each durable", ["root['tries']: 3 → 4"])
    game.log.start()
    game.root["tries"] = 20
    assert game.log.recording and told(game.log.entries[-1])[1] == ["root['tries']: 8 → 20"]


def test_it_goes_on_when_a_suspended_pool_is_back(game: Pool) -> None:
    game.suspend()
    assert not game.log.recording
    game.resume()
    game.root["tries"] = 7
    assert game.log.recording and told(game.log.entries[-1])[1] == ["root['tries']: 3 → 7"]


# ---- it harms nothing ----------------------------------------------------------------------------------


def test_a_failure_of_it_is_none_of_the_program(game: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(WordFinder, "find", fail)
    with game.transaction():
        game.root["tries"] = 5
        game.root["guesses"].append(LONG)
    assert game.root["tries"] == 5 and game.root["guesses"][-1] == LONG
    assert not game.log.recording and "because of an error in the recorder (RuntimeError: no)" in game.log.note
    assert_sound(game)


@pytest.mark.once
def test_an_interrupt_at_any_line_of_it(game: Pool) -> None:
    """An interrupted change is done as a whole or not at all, and the pool and its log remain usable."""
    file = recorder.__file__

    def interrupt_at(line: int) -> Any:
        seen = 0

        def trace(frame: FrameType, event: str, _argument: Any) -> Any:
            nonlocal seen
            if frame.f_code.co_filename != file:
                return None
            if event == "line":
                seen += 1
                if seen == line:
                    raise KeyboardInterrupt
            return trace

        return trace

    def change() -> None:
        with game.transaction():
            game.root["tries"] += 1
            with game.transaction():
                game.root["guesses"][0] = f"{LONG} {game.root['tries']}"
            game.root["guesses"][1] += 1
        game.root["guesses"].append(1)
        game.root["guesses"].pop()
        game.root["name"] = LONG
        game.root.pop("name")

    change()
    interrupted = 0
    before = sys.gettrace()
    for line in range(1, 100_000, 13):
        state = game.root["tries"], game.root["guesses"][0], game.root["guesses"][1]
        sys.settrace(interrupt_at(line))
        try:
            change()
        except KeyboardInterrupt:
            interrupted += 1
        else:
            break
        finally:
            sys.settrace(before)
        assert not game.in_transaction
        now = game.root["tries"], game.root["guesses"][0], game.root["guesses"][1]
        assert now in (state, (state[0] + 1, f"{LONG} {state[0] + 1}", state[2] + 1))
        game.root.pop("name", None)
        del game.root["guesses"][3:]
        if interrupted % 10 == 1:
            assert_sound(game)
    assert interrupted > 20
    assert game.log.recording
    game.log.clear()
    with game.transaction():
        game.root["tries"] = 0
    assert told(game.log.entries[-1])[0] == "transaction, committed"


def test_transactions_of_several_threads_stay_apart(game: Pool) -> None:
    def work() -> None:
        for _ in range(20):
            with game.transaction():
                game.root["tries"] += 1
            game.root["level"] = 2

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    entries = game.log.entries
    assert game.root["tries"] == 63 and game.log.note == ""
    own = [entry for entry in entries if entry.what == "transaction"]
    assert len(own) == 60 and {(entry.levels, entry.outcome, entry.stores) for entry in own} == {(1, "committed", 1)}


def test_the_log_of_a_pool_that_cannot_be_closed_yet_is_no_hindrance(game: Pool, reopen: Any) -> None:
    game.root["tries"] = 8
    again = reopen(game)
    assert again.root["tries"] == 8 and again.log.entries == () and len(game.log.entries) == 2
