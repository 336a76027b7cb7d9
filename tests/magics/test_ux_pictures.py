"""What people should get in Jupyter, point by point; each test names its point.

Points 8, 9, 10, 13, 14 and 15 are about pictures: static ones, their limits, what differs between two, what is left
of them without a kernel, without graphviz, and in a file.
"""

# ruff: noqa: F811 - a fixture is called as what it gives

from __future__ import annotations

import html
import os
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("IPython")
pytest.importorskip("graphviz")

from test_magics import Run, game, run, shell, short  # noqa: F401 - fixtures

from pmemobj import PersistentList
from pmemobj_magics.errors import MagicUsageError

pytestmark = pytest.mark.once

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")


def texts(svg: str) -> str:
    """What a reader of a drawing sees."""
    return "\n".join(element.text or "" for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))


def names(svg: str) -> set[str]:
    """The names of the objects in a drawing, which no two drawings share a prefix of."""
    return set(re.findall(r'id="pmem-[0-9a-f]{8}-(o\d+)"', svg))


# ---- 8: static by default -------------------------------------------------------------------------------


@needs_dot
def test_point_8_a_graph_is_one_static_bundle_without_addresses(run: Run, game: Any, shell: Any) -> None:
    bundle, _ = shell.display_formatter.format(run("%pmem_graph"))
    assert set(bundle) == {"text/plain", "image/svg+xml"}
    assert bundle["text/plain"] == "PoolGraph(root=PersistentDict, 2 nodes, 1 edge)"
    assert bundle == shell.display_formatter.format(run("%pmem_graph"))[0], "it is deterministic"
    tree = run("%pmem_tree")
    for words in (texts(bundle["image/svg+xml"]), str(run("graph = %pmem_graph", "graph")), str(tree), repr(tree)):
        assert "0x" not in words
    for magic in ("%pmem_graph --offsets", "%pmem_tree --offsets"):
        assert f"at {game.root._p_oid.offset:#x}" in str(run(magic))


def test_point_8_a_terminal_shows_the_tree(run: Run, game: Any, shell: Any) -> None:
    """One line, as in a notebook, would be all that there is of a picture."""
    shell.display_formatter.active_types = ["text/plain"]
    bundle, _ = shell.display_formatter.format(run("%pmem_graph"))
    assert list(bundle) == ["text/plain"] and "└─ 'guesses': PersistentList, 2 items" in bundle["text/plain"]


# ---- 9: big pools -----------------------------------------------------------------------------------------


@needs_dot
def test_point_9_limits_hide_what_is_too_much_and_say_so(run: Run, game: Any) -> None:
    run("pool.root['many'] = pool.persistent([[n] * 9 for n in range(40)])")
    graph = run("%pmem_graph --max-nodes 6 --max-items 5")
    assert repr(graph) == "PoolGraph(root=PersistentDict, 6 nodes, 5 edges, 37 hidden)"
    for words in (texts(graph.svg), str(graph), str(run("%pmem_tree --max-nodes 6 --max-items 5"))):
        assert {"+35 more", "+4 more"} <= set(re.findall(r"\+\d+ more", words))
        assert "game.pmem · showing 6 of 43 objects" in words
    assert "42 hidden" in repr(run("%pmem_graph --depth 0"))


@needs_dot
def test_point_9_a_pool_of_100_000_objects_is_drawn_in_a_moment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # The checking mode would compare the whole pool at the commit.
    monkeypatch.delenv("PMEMOBJ_CHECK", raising=False)
    pool = run("%pmem_open large.pmem --create --size 64M -o report", "pool")
    with pool.transaction():
        pool.root = pool.new(PersistentList)
        pool.root.extend(pool.new(PersistentList) for _ in range(100_000))
    # Processor time, also of dot, so that a busy machine does not count.
    started = sum(os.times()[:4])
    graph = run("%pmem_graph")
    assert graph.svg
    # 0.6 s where it was measured; the bar is 2 s.
    assert sum(os.times()[:4]) - started < 4
    assert repr(graph) == "PoolGraph(root=PersistentList, 21 nodes, 20 edges, 99,980 hidden)"


# ---- 10: what differs -------------------------------------------------------------------------------------


@needs_dot
def test_point_10_diff_tells_by_words_lines_and_colours(run: Run, game: Any) -> None:
    run("pool.root['old'] = pool.new(pmemobj.PersistentList)", "%pmem_graph -o before")
    run("pool.root['name'] = 'Eve'", "pool.root['new'] = pool.new(pmemobj.PersistentList)", "del pool.root['old']")
    graph = run("%pmem_graph --diff -o after")
    assert repr(graph) == (
        "PoolGraph(root=PersistentDict, 3 nodes, 2 edges; since the earlier graph: 1 added, 1 changed, 1 removed)"
    )
    svg, before = graph.svg, run("before").svg
    words = texts(svg)
    for each in ("changed", "was 'David'", "added", "removed", "~ ", "+ ", "− "):
        assert each in words, each
    drawn = list(ElementTree.fromstring(svg).iter())
    assert [e for e in drawn if e.get("stroke-width") == "3"], "added and changed have a thick border"
    polygons = [e for e in drawn if e.tag.endswith("polygon")]
    assert [e for e in polygons if e.get("stroke-dasharray") == "1,5"], "removed has a dotted one"
    assert {"#1a7f37", "#0b5cad"} <= {e.get("stroke") for e in drawn}
    # The objects keep their names between frames, the one that is gone as well.
    assert names(before) < names(svg) and len(names(svg)) == 4
    assert "'name': 'Eve'  (was 'David')" in str(graph) and "- PersistentList, 0 items  (removed)" in str(graph)
    # The same from two variables; from the last one by now there is no difference; and from the first one again.
    assert run("%pmem_graph --diff before after").dot.count("removed") == graph.dot.count("removed")
    assert "since the earlier graph: no change" in repr(run("%pmem_graph --diff"))
    assert "1 added, 1 changed, 1 removed" in repr(run("%pmem_graph pool --diff before"))


@needs_dot
def test_point_10_what_is_not_committed_is_dashed(run: Run, game: Any) -> None:
    run("%pmem_begin", "pool.root['name'] = 'Eve'", "pool.root['new'] = pool.new(pmemobj.PersistentList)")
    graph = run("spare = pool.new(pmemobj.PersistentList)", "%pmem_graph")
    assert repr(graph) == (
        "PoolGraph(root=PersistentDict, 3 nodes, 2 edges, 1 unreachable; uncommitted: 2 added, 1 changed)"
    )
    words = texts(graph.svg)
    assert "new, uncommitted" in words and "changed, uncommitted" in words and "was 'David'" in words
    assert "unreachable, kept by spare" in words
    assert "Not reachable from the root: kept only by Python variables, and freed when the pool closes" in words
    drawn = list(ElementTree.fromstring(graph.svg).iter())
    assert not [e for e in drawn if e.get("stroke-width") == "3" and not e.get("stroke-dasharray")]
    run("%pmem_abort")
    assert repr(run("%pmem_graph")) == "PoolGraph(root=PersistentDict, 2 nodes, 1 edge)"
    # What no variable keeps may be the value of a cell.
    run("pool.new(pmemobj.PersistentList)")
    assert re.search(r"unreachable, kept by Out\[\d+\]", texts(run("%pmem_graph").svg))


def test_point_10_a_comparison_that_cannot_be_made(run: Run, game: Any) -> None:
    run("graf = 1", "%pmem_open b.pmem --create --size 16M --as b")
    for line, hint in (
        ("--diff", "draw one with %pmem_graph, change something, then compare"),
        ("--diff nothing", "keep a graph in a variable first: %pmem_graph -o before"),
        ("--diff graf", "it is an int, not a graph"),
        ("--diff a b c", "there are too many graphs"),
        ("pool --diff a b", "there are too many graphs"),
        ("--layout radail", "did you mean radial?"),
        ("--layout x", "choose one of LR, TB, radial, spring"),
    ):
        with pytest.raises(MagicUsageError, match=re.escape(hint)) as error:
            run(f"%pmem_graph {line}")
        assert len(short(error)) <= 3
    run("%pmem_graph pool -o graph")
    with pytest.raises(MagicUsageError, match=r"did you mean graph\?"):
        run("%pmem_graph pool --diff grap")


@needs_dot
def test_layouts(run: Run, game: Any) -> None:
    drawn = {name: run(f"%pmem_graph --layout {name}").svg for name in ("LR", "tb", "radial", "Spring")}
    assert len(set(drawn.values())) == 4 and {len(names(svg)) for svg in drawn.values()} == {2}


# ---- 13: without a kernel -----------------------------------------------------------------------------------


@needs_dot
def test_point_13_pictures_outlive_their_kernel(run: Run, game: Any, shell: Any) -> None:
    """As nbconvert and other viewers show a notebook: all that is drawn is in there, and nothing waits for a script."""
    nbconvert = pytest.importorskip("nbconvert")
    nbformat = pytest.importorskip("nbformat")
    cells = []
    for source in ("%pmem_graph", "%pmem_tree", "pool.root"):
        data, metadata = shell.display_formatter.format(run(source))
        for kind, content in data.items():
            assert "<script" not in content and "application/vnd" not in kind
        output = nbformat.v4.new_output("execute_result", data, metadata=metadata, execution_count=1)
        cells.append(nbformat.v4.new_code_cell(source, outputs=[output], execution_count=1))
    page, _ = nbconvert.HTMLExporter(template_name="basic").from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    # SVG is put in as an image or as it is, by the version of nbconvert.
    assert "<svg" in page or "data:image/svg+xml" in page
    assert page.count("<details") == 4 and "PersistentDict({'name': 'David', " in html.unescape(page)


# ---- 14: without graphviz -------------------------------------------------------------------------------------


def test_point_14_without_dot_there_is_a_tree_and_one_line(
    run: Run, game: Any, shell: Any, monkeypatch: pytest.MonkeyPatch, scratch: Path
) -> None:
    monkeypatch.setenv("PATH", str(scratch))
    bundle, _ = shell.display_formatter.format(run("%pmem_graph"))
    assert set(bundle) == {"text/plain", "text/html"}
    assert "└─ 'guesses': PersistentList, 2 items" in bundle["text/plain"]
    # To unfold, as %pmem_tree shows it.
    assert "<details" in bundle["text/html"]
    for text in bundle.values():
        assert len([line for line in text.splitlines() if "apt install graphviz" in line]) == 1
        assert "ExecutableNotFound" not in text
    tree, _ = shell.display_formatter.format(run("%pmem_tree"))
    assert "graphviz" not in "".join(tree.values())


# ---- 15: files --------------------------------------------------------------------------------------------------


@needs_dot
def test_point_15_saved_pictures_are_whole(run: Run, game: Any) -> None:
    for ending, begin in ((".svg", b"<?xml"), (".png", b"\x89PNG"), (".dot", b"digraph"), (".html", b"<!DOCTYPE")):
        run(f"%pmem_graph --save graph{ending}")
        assert Path(f"graph{ending}").read_bytes().startswith(begin)
    run("%pmem_tree --save tree.html", "%pmem_tree --save tree.txt")
    assert Path("tree.txt").read_text() == f"{run('%pmem_tree')}\n"
    for name in ("graph.html", "tree.html"):
        page = Path(name).read_text()
        # The browser tests open them, and see that no request leaves.
        assert not re.search(r'(src|href)="(?!#|data:)', page) and "@import" not in page and "url(" not in page
        assert "color-scheme: light dark" in page
    # A drawing has its own light panel: as an image it cannot know the theme of the page.
    svg = ElementTree.parse("graph.svg").getroot()
    assert svg[0].get("class") == "panel" and svg[0].get("fill") == "#fbfcfe"
