"""``%pmem_bytes``, ``%pmem_stats``, ``%pmem_gc`` and ``%pmem_check``: what they say, draw and refuse."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("IPython")
pytest.importorskip("graphviz")

from test_magics import Run, game, run, shell, short  # noqa: F401 - fixtures

import pmemobj
from pmemobj.inspect import State, memory
from pmemobj_magics.errors import ExpressionError, MagicUsageError, NoSuchPoolError
from pmemobj_magics.shell import progress
from pmemobj_magics.views.memory import MemoryPicture

pytestmark = pytest.mark.once

LONG = "a string that is too long for a word"


def drawn(svg: str) -> tuple[ElementTree.Element, list[str]]:
    """The picture, which must be well-formed and load nothing, and all of its texts."""
    root = ElementTree.fromstring(svg)
    assert "href" not in svg and " style=" not in svg and "url(" not in svg and " id=" not in svg
    return root, [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


# ---- %pmem_bytes ---------------------------------------------------------------------------------------


def test_bytes_as_text_and_as_picture(run: Run, game: Any) -> None:  # noqa: F811
    run(f"pool.root['guesses'].append({LONG!r})")
    shown = run("%pmem_bytes pool.root['guesses'] -o bytes")
    assert run("bytes") is shown
    bundle = shown._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/svg+xml"}
    lines = bundle["text/plain"].splitlines()
    assert lines[0].startswith("pool.root['guesses']: PersistentList: 3 allocations, ")
    assert "      +8 03 00 00 00 00 00 00 00  length        3 items" in lines
    assert "      +0 33 00 00 00 00 00 00 00  items[0]      int 25  (…1)" in lines
    assert "     +16 ·· ·· ·· ·· ·· ·· ·· ··  items[2]      → 'a string that is too long for a word'  (…0100)" in lines
    assert "0x" not in bundle["text/plain"]
    _, texts = drawn(bundle["image/svg+xml"])
    for text in ("PersistentList", "items", "leaf of items[2]: 'a string that is t…", "int 25", "…0100", "−16", "+24"):
        assert text in texts, text
    # All bytes of the object are there, those of offsets too.
    own = memory(game.root["guesses"]).pieces[0]
    for word in own.words:
        wanted = [f"{byte:02x}" for byte in word.raw]
        assert any(texts[at : at + 8] == wanted for at in range(len(texts))), word
    # An arrow for each offset of a part or a leaf: a dot, a curve, a head.
    assert bundle["image/svg+xml"].count("<circle") == 2


def test_bytes_in_a_transaction(run: Run, game: Any) -> None:  # noqa: F811
    run("%pmem_begin")
    shown = run("pool.root['guesses'][0] = 26", "%pmem_bytes pool.root['guesses']")
    assert "in a transaction" in repr(shown) and "  <      33 00 00 00 00 00 00 00  before" in repr(shown)
    (changed,) = shown.memory.uncommitted
    assert (changed.state, changed.text, changed.old_text) == (State.CHANGED, "int 26", "int 25")
    svg, texts = drawn(shown.svg)
    assert {"was", "undo log", "int 25", "uncommitted; the row below it has the old bytes from the undo log"} <= set(texts)
    assert any(element.get("stroke-dasharray") for element in svg.iter("{http://www.w3.org/2000/svg}rect"))
    assert any("1 word uncommitted" in text for text in texts)
    new = run("%%pmem_tx", "pool.root['more'] = pool.new(pmemobj.PersistentList, [1])", "%pmem_bytes pool.root['more']")
    assert "new, not committed" in repr(new)
    run("%pmem_abort")
    shown = run("%pmem_bytes pool.root['guesses']")
    assert "undo log" not in drawn(shown.svg)[1] and "transaction" not in repr(shown)


def test_what_a_transaction_exchanges_has_a_card_and_an_arrow_of_its_own(run: Run, game: Any) -> None:  # noqa: F811
    run("%pmem_begin", "pool.root['guesses'].extend(range(20))")
    shown = run("%pmem_bytes pool.root['guesses']")
    _, texts = drawn(shown.svg)
    assert {"items", "items before", "→ items", "→ items before"} <= set(texts)
    assert any(text.endswith("freed at the commit") for text in texts) and shown.svg.count("<circle") == 2


def test_bytes_of_the_pool_of_a_block_and_options(run: Run, game: Any) -> None:  # noqa: F811
    assert repr(run("%pmem_bytes")).startswith("pool: root object: 1 allocation")
    assert repr(run("%pmem_bytes pool")) == repr(run("%pmem_bytes"))
    run("block = pool.mm.zalloc(2, 'q')")
    assert repr(run("%pmem_bytes block")).startswith("block: Block of 'q': 1 allocation")
    few = run("%pmem_bytes pool.root --max-words 3")
    assert sum(len(piece.words) for piece in few.memory.pieces) == 3
    offset = f"{game.root._p_offset:#x}"
    assert offset in repr(run("%pmem_bytes pool.root --offsets")) and offset not in repr(run("%pmem_bytes pool.root"))
    assert any(offset in text for text in drawn(run("%pmem_bytes pool.root --offsets").svg)[1])


def test_bytes_are_saved(run: Run, game: Any) -> None:  # noqa: F811
    shown = run("%pmem_bytes pool.root --save root.svg")
    assert Path("root.svg").read_text().endswith(f"{shown.svg}\n")
    run("name = 'page'", "%pmem_bytes pool.root --save {name}.html", "%pmem_bytes pool.root --save root.txt")
    page = Path("page.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and shown.svg in page
    assert not re.search(r"<(script|link|img)|@import", page)
    assert Path("root.txt").read_text() == f"{shown!r}\n"


@pytest.mark.parametrize(
    "line, kind, words",
    [
        ("%pmem_bytes pool.rot", ExpressionError, "cannot evaluate pool.rot"),
        ("%pmem_bytes poool", ExpressionError, "did you mean pool?"),
        ("%pmem_bytes pool.root['name']", ExpressionError, "it is a str, a plain value outside any pool"),
        ("%pmem_bytes pmemobj", ExpressionError, "it is a module"),
        ("%pmem_bytes pool --max-words 0", MagicUsageError, "choose 1 or more"),
        ("%pmem_bytes pool --max-words x", MagicUsageError, "its value must be a whole number"),
        ("%pmem_bytes pool --save x.pdf", MagicUsageError, "use .svg, .html or .txt"),
        ("%pmem_bytes pool --save no/x.svg", MagicUsageError, "No such file"),
        ("%pmem_bytes pool --ofsets", MagicUsageError, "did you mean --offsets?"),
        ("%pmem_stats nothing", NoSuchPoolError, "no open pool has this name"),
        ("%pmem_stats --save x", MagicUsageError, "use .svg, .html or .txt"),
        ("%pmem_gc --dorp-variables", MagicUsageError, "did you mean --drop-variables?"),
        ("%pmem_gc nothing", NoSuchPoolError, "the open pools are: pool"),
        ("%pmem_check nothing", NoSuchPoolError, "the open pools are: pool"),
        ("%pmem_check a b", MagicUsageError, "unknown argument b"),
    ],
)
def test_bad_lines(run: Run, game: Any, line: str, kind: type[Exception], words: str) -> None:  # noqa: F811
    with pytest.raises(kind) as error:
        run(line)
    assert len(short(error)) <= 3 and words in "\n".join(short(error))


def test_damage_in_the_picture(run: Run, game: Any) -> None:  # noqa: F811
    heap, at = game._heap, game.root["guesses"]._p_offset + 24
    kept = heap.read(at)
    with game.transaction():
        heap.write(at, 1 << 40)
        picture = MemoryPicture(memory(game.root["guesses"]), "x")
        heap.write(at, kept)
    assert "DAMAGED" in repr(picture) and any(text.startswith("damaged: ") for text in drawn(picture.svg)[1])


# ---- %pmem_stats, %pmem_gc -------------------------------------------------------------------------------


def test_stats(run: Run, game: Any) -> None:  # noqa: F811
    shown = run("%pmem_stats -o found")
    assert run("found") is shown
    lines = repr(shown).splitlines()
    assert lines[0] == "pool: game.pmem, 16 MiB"
    assert [line.split("  ")[1] for line in lines[1:4]] == ["used", "free", "libpmemobj's overhead"]
    assert [line.split()[0] for line in lines[5:]] == ["type", "PersistentDict", "PersistentList"]
    _, texts = drawn(shown._repr_mimebundle_()["image/svg+xml"])
    assert {"PersistentDict", "PersistentList"} <= set(texts)
    stats = shown.stats
    assert len(stats.density) == 128 and 0 < max(stats.density) <= 1
    assert sum(stats.density) * -(-stats.size // 128) == pytest.approx(stats.used, rel=0.01)
    run("%pmem_stats --save space.svg")
    assert Path("space.svg").read_text().count("<rect") > 128


def test_gc_says_what_it_freed(run: Run, game: Any) -> None:  # noqa: F811
    assert repr(run("%pmem_gc")).splitlines()[0] == "pool: there was no garbage"
    run(f"pool.root['old'] = pool.new(pmemobj.PersistentList, [{LONG!r}, 1]); None", "del pool.root['old']")
    report = run("%pmem_gc")
    assert report.freed == {"PersistentList": 1, "items": 1, "str": 1}
    assert report.before.used - report.after.used == 48 * 2 + 64
    assert re.fullmatch(r"pool: freed 3 allocations, \d+ bytes", repr(report).splitlines()[0])
    assert "used after" in repr(report) and "items" in drawn(report.svg)[1]


def test_gc_keeps_what_variables_hold_unless_told(run: Run, game: Any) -> None:  # noqa: F811
    run("held = pool.new(pmemobj.PersistentList); None")
    assert not run("%pmem_gc").freed
    assert run("%pmem_gc --drop-variables").freed == {"PersistentList": 1}
    with pytest.raises(pmemobj.InvalidHandleError):
        run("len(held)")


def test_in_a_transaction(run: Run, game: Any) -> None:  # noqa: F811
    run("%pmem_begin", "pool.root['x'] = pool.new(pmemobj.PersistentList, range(100))")
    for line in ("%pmem_gc", "%pmem_check"):
        with pytest.raises(pmemobj.TransactionError) as error:
            run(line)
        assert short(error)[-1] == "  end the transaction first: %pmem_commit or %pmem_abort"
    assert "used" in repr(run("%pmem_stats"))


def test_an_interrupt_is_told_in_a_line_and_leaves_the_pool_open(
    run: Run,  # noqa: F811
    game: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupting:
        n = total = 0

        def __init__(self, **_options: Any) -> None:
            pass

        def update(self, _more: int) -> None:
            raise KeyboardInterrupt

        def reset(self, _total: int) -> None:
            pass

        def close(self) -> None:
            pass

    with monkeypatch.context() as patch:
        patch.setattr(progress, "tqdm", Interrupting)
        for line, left in (
            ("stats", "nothing was changed"),
            ("gc", "left for the next %pmem_gc"),
            ("check", "nothing was"),
        ):
            with pytest.raises(KeyboardInterrupt) as error:
                run(f"%pmem_{line}")
            assert re.search(f"KeyboardInterrupt: .* was interrupted; .*{left}", error.value.shown)  # type: ignore[attr-defined]
            assert len(error.value.shown.splitlines()) <= 2  # type: ignore[attr-defined]
    assert game.root["guesses"] == [25, 40] and run("%pmem_check").ok and not game.in_transaction


# ---- %pmem_check -----------------------------------------------------------------------------------------


def test_check_of_an_open_pool_and_of_a_file(run: Run, game: Any) -> None:  # noqa: F811
    report = run("%pmem_check")
    assert repr(report) == "✓ pool: no damage found in 2 objects" and report.ok
    assert "✓" in report._repr_mimebundle_()["text/html"]
    run("lost = pool.new(pmemobj.PersistentList); None")
    assert "information: memory: nothing refers to 1 allocations" in repr(run("%pmem_check"))
    run("%pmem_close")
    assert repr(run("%pmem_check")) == "✓ pool (closed): no damage found in 2 objects"
    assert repr(run("%pmem_check game.pmem")) == "✓ game.pmem: no damage found in 2 objects"
    Path("text").write_text("no pool")
    assert repr(run("%pmem_check text")).startswith("✗ text: 1 error in 0 objects\n  error: header: ")


def test_check_tells_damage_in_words(run: Run, game: Any) -> None:  # noqa: F811
    heap, at = game._heap, game.root["guesses"]._p_offset + 8
    heap.store(at, 1000)
    try:
        report = run("%pmem_check")
        assert not report.ok and len(report.report.errors) == 1
        assert re.search(r"✗ pool: 1 error in 2 objects\n  error: root\['guesses'\] \(at 0x", repr(report))
        html = report._repr_html_()
        assert "✗" in html and "root[&#x27;guesses&#x27;]" in html and "beyond its capacity" in html
    finally:
        heap.store(at, 2)
    assert run("%pmem_check").ok
