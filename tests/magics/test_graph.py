"""Pictures of a pool: what is drawn, what is left out, and what is said instead."""

from __future__ import annotations

import os
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("graphviz")

import pmemobj
from pmemobj import PersistentDict, PersistentList, inspect
from pmemobj.inspect import Edge, Graph, Node, Slot
from pmemobj_magics.errors import DrawingError, MagicUsageError
from pmemobj_magics.views.graph import PoolGraph, clip, news

pytestmark = pytest.mark.once

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
SVG = "{http://www.w3.org/2000/svg}"


def seconds_used() -> float:
    """Processor time of this process and of its children that have ended, so that a busy machine does not count."""
    return sum(os.times()[:4])


def texts(svg: str) -> list[str]:
    """What a reader sees, in the order of the file."""
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def classes(svg: str, kind: str) -> list[ElementTree.Element]:
    return [element for element in ElementTree.fromstring(svg).iter(f"{SVG}g") if element.get("class") == kind]


def draw(pool: Any, **limits: Any) -> PoolGraph:
    return PoolGraph(inspect.walk(pool, **limits))


@pytest.fixture
def game(pool: pmemobj.PersistentObjectPool) -> pmemobj.PersistentObjectPool:
    """A dict, a list that it holds twice, and a cycle."""
    with pool.transaction():
        guesses = pool.new(PersistentList, [25, 40])
        pool.root = pool.new(PersistentDict, name="David", guesses=guesses, again=guesses)
        guesses.append(pool.root)
    return pool


# ---- what is drawn -------------------------------------------------------------------------------


@needs_dot
def test_objects_are_nodes_and_references_edges(game: Any) -> None:
    svg = draw(game).svg
    # One more of each: the tag that says where it begins.
    assert len(classes(svg, "node")) == 3
    assert len(classes(svg, "edge")) == 4
    assert {"root", "PersistentDict", "PersistentList", "'name'", "'David'", "25"} <= set(texts(svg))


@needs_dot
def test_shared_objects_say_so(game: Any) -> None:
    assert "3 items · 2 references" in texts(draw(game).svg)


def test_text_is_deterministic_and_has_no_addresses(game: Any) -> None:
    assert repr(draw(game)) == repr(draw(game)) == "PoolGraph(root=PersistentDict, 2 nodes, 3 edges)"
    assert draw(game).dot == draw(game).dot
    assert "0x" not in draw(game).dot


@needs_dot
def test_offsets_only_when_asked_for(game: Any) -> None:
    graph = inspect.walk(game)
    offset = f"{graph.start.target:#x}"
    assert not any(offset in text for text in texts(PoolGraph(graph).svg))
    assert any(offset in text for text in texts(PoolGraph(graph, offsets=True).svg))


def test_an_object_keeps_its_node_between_frames(game: Any) -> None:
    target = inspect.walk(game).start.target
    before = draw(game).dot
    game.root["more"] = game.new(PersistentList)
    assert f"o{target} [" in before and f"o{target} [" in draw(game).dot


def test_the_tree_writes_each_object_once(game: Any) -> None:
    assert str(draw(game)) == "\n".join(
        [
            "root: PersistentDict #1, 3 keys",
            "├─ 'name': 'David'",
            "├─ 'guesses': PersistentList #2, 3 items",
            "│  ├─ 0: 25",
            "│  ├─ 1: 40",
            "│  └─ 2: PersistentDict #1 (shown above)",
            "└─ 'again': PersistentList #2 (shown above)",
            "test.pmem · 2 objects",
        ]
    )


@pytest.mark.parametrize(("root", "text"), [(None, "None"), ("David", "'David'"), ("<b>&", "'<b>&'")])
@needs_dot
def test_a_root_that_is_a_plain_value(pool: Any, root: Any, text: str) -> None:
    pool.root = root
    assert repr(draw(pool)) == f"PoolGraph(root={text}, 0 nodes, 0 edges)"
    assert texts(draw(pool).svg) == ["test.pmem · 0 objects", "root", text]
    assert str(draw(pool)).startswith(f"root: {text}\n")


@needs_dot
def test_any_text_can_be_drawn(pool: Any) -> None:
    nasty = ["", " ", "<TABLE>", "&amp;", '"', "\\", "\\l", "a\nb", "\x00\x1b", "\ud800", "日本", "{x|y}", "]]>"]
    pool.root = pool.new(PersistentDict, {text: text for text in nasty if text != "\ud800"})
    shown = texts(draw(pool).svg)
    for text in ("'<TABLE>'", "'&amp;'", "'日本'", "'{x|y}'", "']]>'", "'a\\nb'"):
        assert shown.count(text) == 2, text


# ---- limits ---------------------------------------------------------------------------------------


@needs_dot
def test_hidden_parts_are_said(pool: Any) -> None:
    pool.root = pool.new(PersistentList)
    pool.root.extend(pool.new(PersistentList, range(9)) for _ in range(40))
    graph = draw(pool, max_nodes=3, max_items=5)
    assert repr(graph) == "PoolGraph(root=PersistentList, 3 nodes, 2 edges, 38 hidden)"
    shown = texts(graph.svg)
    assert {"+35 more", "+4 more", "PersistentList …", "test.pmem · showing 3 of 41 objects"} <= set(shown)
    assert "PersistentList … (not shown)" in str(graph) and "+35 more" in str(graph)


def test_depth(game: Any) -> None:
    assert repr(draw(game, depth=0)) == "PoolGraph(root=PersistentDict, 1 node, 0 edges, 1 hidden)"


@needs_dot
def test_many_references_between_few_objects_stay_fast(pool: Any) -> None:
    """Left to graphviz alone, this takes minutes."""
    with pool.transaction():
        lists = [pool.new(PersistentList) for _ in range(199)]
        pool.root = pool.new(PersistentList, lists)
        for number, each in enumerate(lists):
            each.extend(lists[(number * 7 + step * 13) % 199] for step in range(20))
    started = seconds_used()
    graph = draw(pool, max_nodes=200)
    svg = graph.svg
    assert seconds_used() - started < 10
    assert repr(graph) == "PoolGraph(root=PersistentList, 200 nodes, 4,179 edges)"
    # Every object is reached by an arrow, and what has none is named by a number that stands on its object.
    assert len(classes(svg, "edge")) == 401
    numbers = {text.rpartition("#")[2] for text in texts(svg) if text.startswith("PersistentList #")}
    assert numbers == {str(number) for number in range(1, len(numbers) + 1)}
    assert any("400 of 4,179 references are drawn as arrows" in text for text in texts(svg))


def test_a_long_chain_needs_no_recursion() -> None:
    nodes = {
        number * 16: Node(number * 16, "L", 8, "1 item", 1, (Slot("0", "L", number * 16 + 16),))
        for number in range(1, 5000)
    }
    tree = inspect.tree_text(Graph("p", Slot("root", "L", 16), nodes, (), 5000))
    assert tree.count("\n") == 4999 and tree.endswith("L … (not shown)")


# ---- what is special -----------------------------------------------------------------------------


def special_graph() -> Graph:
    """What cannot be made on purpose: a class that is missing, an object that is damaged."""
    damage = "cannot read the object at 0x40: its header names no kind (restore a copy)"
    nodes = {
        16: Node(16, "class Guesser (not defined yet)", 8, "1 attribute", 1, (Slot("x", "damaged", 64),)),
        64: Node(64, "damaged", 0, damage, depth=1, damage=damage),
    }
    return Graph("p.pmem", Slot("root", "Guesser", 16), nodes, (Edge(16, 64, "x"),), None)


@needs_dot
def test_damaged_and_undefined_objects_differ_in_words_and_line_style() -> None:
    graph = PoolGraph(special_graph())
    assert repr(graph) == "PoolGraph(root=Guesser, 2 nodes, 1 edge, 1 damaged)"
    shown = " ".join(texts(graph.svg))
    assert "class Guesser (not defined yet)" in shown and "its header names no kind" in shown
    dashed = [e for e in ElementTree.fromstring(graph.svg).iter() if e.get("stroke-dasharray")]
    assert len(dashed) == 2


@needs_dot
def test_news_since_an_earlier_walk(game: Any) -> None:
    before = inspect.walk(game)
    with game.transaction():
        game.root["guesses"].append(45)
        game.root["guesses"].append(game.new(PersistentList))
        after = inspect.walk(game)
    marks = news(before, after)
    assert sorted(marks.values()) == ["changed", "new"]
    shown = texts(PoolGraph(after, marks=marks).svg)
    assert "5 items · 2 references · changed" in shown and "0 items · new" in shown
    assert news(before, before) == {}


def test_clip_finds_what_a_walk_with_these_limits_finds(pool: Any) -> None:
    pool.root = pool.new(PersistentList)
    for _ in range(10):
        pool.root.append(pool.new(PersistentDict, a=pool.new(PersistentList, range(9)), b=pool.root))
    for max_nodes, max_items in ((1, 1), (5, 3), (200, 2), (7, 20)):
        assert clip(inspect.walk(pool), max_nodes, max_items) == inspect.walk(
            pool, max_nodes=max_nodes, max_items=max_items
        )


# ---- the SVG --------------------------------------------------------------------------------------


@needs_dot
def test_svg_fits_notebooks(game: Any) -> None:
    svg = ElementTree.fromstring(draw(game).svg)
    assert svg.get("viewBox") and float(svg.get("width", "0")) <= 1000
    assert svg[0].tag == f"{SVG}rect" and svg[0].get("class") == "panel" and svg[0].get("fill") == "#fbfcfe"
    # GitHub and nbviewer drop style attributes; nothing may hang on them.
    assert not [e for e in svg.iter() if e.get("style") or e.tag == f"{SVG}style"]
    assert not [e for e in svg.iter() if e.get("stroke") == "transparent"]


@needs_dot
def test_wide_drawings_are_scaled_down_in_proportion(pool: Any) -> None:
    pool.root = pool.new(PersistentList)
    inner = pool.root
    for _ in range(20):
        inner.append(pool.new(PersistentList))
        inner = inner[0]
    svg = ElementTree.fromstring(draw(pool).svg)
    _, _, width, height = map(float, svg.get("viewBox", "").split())
    assert width > 1000 and svg.get("width") == "1000"
    assert float(svg.get("height", "0")) == pytest.approx(height * 1000 / width, abs=1)


@needs_dot
def test_ids_are_unique_to_a_drawing(game: Any) -> None:
    graph = inspect.walk(game)
    ids = [
        [e.get("id", "") for e in ElementTree.fromstring(PoolGraph(graph, frame=frame).svg).iter() if e.get("id")]
        for frame in ("before", "after")
    ]
    assert all(len(set(each)) == len(each) > 5 for each in ids)
    assert not set(ids[0]) & set(ids[1])


@needs_dot
def test_titles_say_what_a_node_is(game: Any) -> None:
    titles = [e.text for e in ElementTree.fromstring(draw(game).svg).iter(f"{SVG}title")]
    assert titles == [repr(draw(game)), "root", "PersistentDict: 3 keys", "PersistentList: 3 items"]


# ---- without graphviz, and files -------------------------------------------------------------------


def test_without_dot_there_is_a_tree_and_a_hint(game: Any, monkeypatch: pytest.MonkeyPatch, scratch: Path) -> None:
    monkeypatch.setenv("PATH", str(scratch))
    bundle = draw(game)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    for text in bundle.values():
        assert "PersistentList" in text and "apt install graphviz" in text
    assert "├─ " in bundle["text/plain"] and "<details" in bundle["text/html"]
    with pytest.raises(DrawingError, match="graphviz is not installed"):
        draw(game).save(scratch / "x.svg")
    draw(game).save(scratch / "x.html")
    assert "<details" in (scratch / "x.html").read_text()


def test_a_dot_that_fails_is_no_catastrophe(game: Any, monkeypatch: pytest.MonkeyPatch, scratch: Path) -> None:
    (scratch / "dot").write_text("#!/bin/sh\necho 'Error: no fonts' >&2\nexit 1\n")
    (scratch / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(scratch))
    assert "graphviz reports: Error: no fonts" in draw(game)._repr_mimebundle_()["text/plain"]


@needs_dot
def test_saving(game: Any, scratch: Path) -> None:
    graph = draw(game)
    for ending, begin in ((".svg", b"<?xml"), (".png", b"\x89PNG"), (".dot", b"digraph"), (".html", b"<!DOCTYPE")):
        graph.save(scratch / f"game{ending}")
        assert (scratch / f"game{ending}").read_bytes().startswith(begin)
    page = (scratch / "game.html").read_text()
    assert "<svg" in page and "src=" not in page and "href=" not in page and "@import" not in page
    ElementTree.parse(scratch / "game.svg")


def test_saving_what_cannot_be_saved(game: Any, scratch: Path) -> None:
    with pytest.raises(MagicUsageError, match=r"use \.svg, \.png, \.dot or \.html"):
        draw(game).save(scratch / "game.pdf")
    with pytest.raises(MagicUsageError, match="No such file or directory"):
        draw(game).save(scratch / "missing" / "game.dot")


def test_damage_does_not_stop_a_tree() -> None:
    graph = special_graph()
    assert "damaged" in inspect.tree_text(graph)
    assert inspect.tree_text(replace(graph, nodes={})).endswith("Guesser … (not shown)")
