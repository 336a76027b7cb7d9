"""Looks at a pool while it is changed: stamps, looks from an offset, and transactions of other threads."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import pmemobj
from pmemobj import PersistentDict, PersistentList, glance, inspect
from pmemobj._inspection.walk import walk_heap


@pytest.fixture
def game(pool: pmemobj.PersistentObjectPool) -> pmemobj.PersistentObjectPool:
    pool.root = pool.persistent({"name": "Anna", "guesses": [25, 40]})
    return pool


def start(graph: inspect.Graph) -> int:
    assert graph.start.target is not None
    return graph.start.target


def test_a_look_is_a_walk(game: Any) -> None:
    seen = glance.look(game)
    assert seen.graph == inspect.walk(game) and not seen.uncommitted
    assert glance.look(game, max_nodes=1, max_items=1).graph == inspect.walk(game, max_nodes=1, max_items=1)


def test_a_look_from_an_object_that_was_found_before(game: Any) -> None:
    inner = game.root["guesses"]._p_offset
    assert glance.look(game, inner).graph == inspect.walk(game, game.root["guesses"])
    for nothing in (inner + 16, 0, start(inspect.walk(game)) + 8, 1 << 60):
        with pytest.raises(pmemobj.InvalidHandleError, match="the root does not reach it"):
            glance.look(game, nothing)
    # A look does not keep the object alive: when the root no longer refers to it, it is garbage.
    del game.root["guesses"]
    assert game.gc()["PersistentList"] == 1
    with pytest.raises(pmemobj.InvalidHandleError):
        glance.look(game, inner)


def test_the_stamp_is_another_one_after_each_change(game: Any) -> None:
    seen = [glance.stamp(game)]

    def is_new() -> bool:
        seen.append(glance.stamp(game))
        return seen[-1] not in seen[:-1]

    glance.look(game), len(game.root), repr(game.root["guesses"])
    assert not is_new()
    game.root["guesses"][0] = 26
    assert is_new()
    game.root["guesses"].append(7)
    assert is_new()
    with pytest.raises(ZeroDivisionError), game.transaction():
        assert is_new()  # begun
        game.root["name"] = "Bert"
        assert is_new()
        # Changes in memory that this transaction has allocated are not logged, but a look sees them.
        fresh = game.root["fresh"] = game.new(PersistentDict)
        numbers = fresh["list"] = game.new(PersistentList)
        assert is_new()
        fresh["x"] = 1
        assert is_new()
        numbers.append(1)
        assert is_new()
        numbers[0] = 2
        assert is_new()
        raise ZeroDivisionError
    assert is_new()  # rolled back
    with pytest.raises(ZeroDivisionError), game.transaction():
        assert is_new()  # the number of changes is as before, but they were rolled back
        raise ZeroDivisionError
    game.root["guesses"] = None
    assert is_new()
    game.gc()
    assert is_new()
    game.suspend()
    game.resume()
    assert is_new()


def test_in_a_transaction_it_shows_the_state_so_far_and_changes_nothing(game: Any) -> None:
    before = glance.look(game)
    with pytest.raises(ZeroDivisionError), game.transaction():
        game.root["guesses"].append(9)
        begun = glance.stamp(game)
        seen = glance.look(game)
        assert seen.uncommitted and "3 items" in [node.text for node in seen.graph.nodes.values()]
        assert glance.stamp(game) == begun and game.in_transaction
        raise ZeroDivisionError
    assert glance.look(game) == before


def test_a_transaction_of_another_thread_is_not_looked_into(game: Any) -> None:
    begun, looked = threading.Event(), threading.Event()

    def work() -> None:
        with game.transaction():
            game.root["guesses"].append(9)
            begun.set()
            assert looked.wait(60)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(60)
    try:
        with pytest.raises(pmemobj.TransactionError, match="another thread is in a transaction"):
            glance.look(game)
    finally:
        looked.set()
        thread.join()
    # It can be had again, from here and from elsewhere.
    assert len(game.root["guesses"]) == 3 and not glance.look(game).uncommitted
    game.root["guesses"].append(10)


def test_nor_one_that_its_thread_has_left_behind(game: Any) -> None:
    thread = threading.Thread(target=lambda: game.transaction().begin())
    thread.start()
    thread.join()
    with pytest.raises(pmemobj.TransactionError):
        glance.look(game)
    game.abandon_transaction()
    assert not glance.look(game).uncommitted


def test_others_wait_while_it_looks(game: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a look would see half of their change, and take it for damage."""
    walking, changed = threading.Event(), threading.Event()

    def change() -> None:
        walking.wait(60)
        game.root["guesses"].append(1)
        changed.set()

    def walk(*arguments: Any) -> Any:
        walking.set()
        assert not changed.wait(0.2)
        return walk_heap(*arguments)

    thread = threading.Thread(target=change)
    thread.start()
    monkeypatch.setattr(glance, "walk_heap", walk)
    assert "2 items" in [node.text for node in glance.look(game).graph.nodes.values()]
    thread.join()
    assert changed.is_set()


def test_bad_arguments(game: Any) -> None:
    with pytest.raises(ValueError, match="max_nodes=-1"):
        glance.look(game, max_nodes=-1)
    with pytest.raises(TypeError, match="depth"):
        glance.look(game, depth="1")  # type: ignore[arg-type]
    game.close()
    for call in (glance.look, glance.stamp):
        with pytest.raises(pmemobj.PoolClosedError):
            call(game)


def test_a_plain_root(pool: Any) -> None:
    assert glance.look(pool).graph.nodes == {}
    pool.root = pool.new(PersistentList)
    assert len(glance.look(pool).graph.nodes) == 1


class Listener:
    """Notes the state of the pool after each commit."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.seen: list[Any] = []

    def note(self) -> None:
        self.seen.append((pmemobj.to_python(self.pool.root["guesses"]), self.pool.in_transaction))


def test_who_follows_is_told_of_commits(game: Any) -> None:
    listener = Listener(game)
    glance.after_transactions(game, listener.note)
    with game.transaction():
        game.root["guesses"].append(1)
        with game.transaction():
            game.root["guesses"].append(2)
    assert listener.seen == [([25, 40, 1, 2], False)]
    game.root["guesses"].append(3)  # a single statement
    with pytest.raises(ZeroDivisionError), game.transaction():
        raise ZeroDivisionError
    transaction = game.transaction().begin()
    game.root["guesses"].clear()
    transaction.commit()
    assert listener.seen[1:] == [([], False)]
    del listener
    with game.transaction():
        game.root["name"] = 1
    assert game._heap.after_transaction == []


def test_an_error_of_who_is_told_undoes_nothing(game: Any) -> None:
    class Angry:
        def fail(self) -> None:
            raise ZeroDivisionError

    angry = Angry()
    glance.after_transactions(game, angry.fail)
    with pytest.raises(ZeroDivisionError), game.transaction():
        game.root["name"] = "Bert"
    assert game.root["name"] == "Bert" and not game.in_transaction


def test_memory_comes_along_nearest_first(game: Any) -> None:
    root, inner = game.root._p_offset, game.root["guesses"]._p_offset
    assert glance.look(game).memories == {}
    memories = glance.look(game, max_words=1000).memories
    assert memories == {
        at: inspect.memory(handle, max_words=64) for at, handle in ((root, game.root), (inner, game.root["guesses"]))
    }
    assert list(glance.look(game, max_words=1).memories) == [root]
    assert glance.look_into(game, inner) == inspect.memory(game.root["guesses"])
    assert glance.look_into(game, inner, 3) == inspect.memory(game.root["guesses"], max_words=3)
    with pytest.raises(pmemobj.InvalidHandleError):
        glance.look_into(game, inner + 16)
