"""The tree of a pool as HTML that unfolds: it is complete, needs no scripts, and may be very deep."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("graphviz")

from pmemobj import PersistentDict, PersistentList, inspect
from pmemobj.inspect import Edge, Graph, Node, Slot
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.views.tree import PoolTree, small_tree


def parsed(html: str) -> ElementTree.Element:
    """The elements of a page. It must be well formed: a browser would repair it, but not as intended."""
    # Attributes without values are allowed in HTML, but not in XML.
    return ElementTree.fromstring(html.replace(" open>", ' open="">'))


def text_of(element: ElementTree.Element) -> str:
    return "".join(element.itertext())


def assert_links_lead_somewhere(html: str) -> int:
    """Each link in the page leads to an element with a unique id; returns the number of links."""
    elements = list(parsed(html).iter())
    names = Counter(name for element in elements if (name := element.get("id")))
    links = [target for element in elements if (target := element.get("href"))]
    assert all(count == 1 for count in names.values())
    assert {target.removeprefix("#") for target in links} <= names.keys()
    return len(links)


def test_each_object_is_written_once_and_linked_to(pool: Any) -> None:
    pool.root = pool.persistent({"guesses": [25, 40], "name": "<b>&"})
    pool.root["again"] = pool.root["guesses"]
    pool.root["guesses"].append(pool.root)
    tree = PoolTree(pool.graph())
    assert assert_links_lead_somewhere(tree.html) == 2
    page = parsed(tree.html)
    assert [text_of(summary) for summary in page.iter("summary")] == [
        "root: PersistentDict #1 3 keys",
        "'guesses': PersistentList #2 3 items",
    ]
    assert {"0: 25", "'name': '<b>&'", "'again': PersistentList #2"} <= {text_of(div) for div in page.iter("div")}
    assert [details.get("open") is not None for details in parsed(tree.html).iter("details")] == [True] * 2
    for nothing in ("<script", "<style", "onclick", "http"):
        assert nothing not in tree.html
    assert tree.html == PoolTree(pool.graph()).html, "the same tree has the same HTML"
    bundle = tree._repr_mimebundle_()
    assert bundle == {"text/plain": str(tree), "text/html": tree.html} and str(tree).endswith("\ntest.pmem · 2 objects")


def test_the_tree_tells_what_the_text_tells(pool: Any) -> None:
    """Text and HTML use the same words for limits, differences, unreachable and damaged objects."""
    pool.root = pool.persistent({"list": [1, 2, 3], "gone": [1], "name": "David"})
    pool.root["list"].append(pool.persistent([[7]]))
    spare = pool.new(PersistentDict, a=pool.new(PersistentList, [1]))
    with pool.transaction():
        pool.root["name"] = "Eve"
        pool.root["new"] = pool.new(PersistentList)
        del pool.root["gone"]
        tree = PoolTree(pool.graph(depth=1, max_items=3), holders={spare._p_oid.offset: "spare"})
    said = text_of(parsed(tree.html))
    for words in (
        "root: PersistentDict 3 keys · changed, uncommitted",
        "~ 'name': 'Eve' (was 'David')",
        "+ 'new': PersistentList 0 items · new, uncommitted (added)",
        "'gone': PersistentList (removed)",
        "+1 more",
        "Not reachable from the root: kept only by Python variables, and freed when the pool closes",
        "spare: PersistentDict 1 key",
        "− PersistentList, 1 item  (removed, uncommitted)",
        "uncommitted changes: 1 added, 1 changed, 1 removed",
    ):
        assert words in said, words
    assert str(tree).count("was 'David'") == 1 and "spare: PersistentDict, 1 key" in str(tree)
    damaged = Graph("p", Slot("root", "L", 16), {16: Node(16, "damaged", 0, "no kind", damage="no kind")}, (), None)
    assert "no kind" in PoolTree(damaged).html


def test_offsets_only_when_asked_for(pool: Any) -> None:
    pool.root = pool.persistent([[1]])
    place = f"at {pool.root._p_oid.offset:#x}"
    for offsets in (False, True):
        tree = PoolTree(pool.graph(), offsets=offsets)
        assert (place in tree.html, place in str(tree)) == (offsets, offsets)
        assert (place in str(pool.tree(offsets=offsets))) == offsets


def test_what_is_very_deep_goes_on_below() -> None:
    """Browsers limit how deep elements are nested, and Python limits how deep calls are."""
    count = 1000
    nodes = {n * 16: Node(n * 16, "L", 8, "1 item", 1, (Slot("0", "L", n * 16 + 16),)) for n in range(1, count)}
    nodes[count * 16] = Node(count * 16, "L", 8, "0 items")
    edges = tuple(Edge(offset, offset + 16, "0") for offset in nodes if offset < count * 16)
    html = PoolTree(Graph("p", Slot("root", "L", 16), nodes, edges, count)).html
    assert assert_links_lead_somewhere(html) == 25
    depth = deepest = 0
    for slash in re.findall(r"<(/?)(?:div|details)\b", html):
        depth += -1 if slash else 1
        deepest = max(depth, deepest)
    assert deepest < 100 and len(set(re.findall(r'id="([^"]+)"', html))) == count


def test_the_small_tree_is_folded_and_its_repr_short() -> None:
    graph = Graph("p", Slot("start", "L", 16), {16: Node(16, "L", 8, "1 item", 1, (Slot("0", "1"),))}, (), None)
    html = small_tree(graph, "x" * 1000)
    assert "<details>" in html and "x" * 400 + "…" in html and "x" * 401 not in html


def test_saving(pool: Any, scratch: Path) -> None:
    pool.root = pool.persistent([1])
    tree = PoolTree(inspect.walk(pool))
    tree.save(scratch / "tree.html")
    tree.save(scratch / "tree.txt")
    assert (scratch / "tree.txt").read_text() == f"{tree}\n"
    page = (scratch / "tree.html").read_text()
    assert tree.html in page and page.startswith("<!DOCTYPE html>") and "color-scheme: light dark" in page
    with pytest.raises(MagicUsageError, match=r"use \.html or \.txt"):
        tree.save(scratch / "tree.svg")
