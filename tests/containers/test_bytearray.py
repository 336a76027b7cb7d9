"""PersistentByteArray against bytearray: every method, in transactions, over reopening, and under SIGKILL."""

from __future__ import annotations

import copy
import hashlib
import io
import operator
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, MutableSequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from machines import PoolMachine
from soundness import assert_sound

import pmemobj
from pmemobj import NotPersistableError, PersistentByteArray, PersistentList, PersistentObjectPool, PoolFullError

Pool = PersistentObjectPool
TEXT = b"  Hello world,\thello\n all  "
#: Whether Python asks a `PersistentByteArray` for its buffer; else there is only `view`.
has_protocol = pytest.mark.skipif(
    not pmemobj.compiled and sys.version_info < (3, 12),
    reason="before Python 3.12 only compiled classes have the buffer protocol (PEP 688)",
)


@pytest.fixture
def data(pool: Pool) -> PersistentByteArray:
    pool.root = pool.new(PersistentByteArray, TEXT)
    return pool.root


def outcome(action: Callable[[Any], Any], target: Any) -> Any:
    """What an action returns, or its exception, as something that can be compared."""
    try:
        found = action(target)
    except Exception as error:
        # Compiled classes say where they are from.
        text = str(error).replace("pmemobj.", "")
        return type(error), text.replace("PersistentByteArray", "bytearray")
    if isinstance(found, str):
        return found.replace("PersistentByteArray", "bytearray")
    return "itself" if found is target else (type(found), found)


def same(data: PersistentByteArray, contents: bytes, action: Callable[[Any], Any]) -> None:
    """The action must do with the persistent one exactly what it does with a bytearray."""
    model = bytearray(contents)
    data[:] = contents
    assert outcome(action, data) == outcome(action, model)
    assert bytes(data) == bytes(model) and len(data) == len(model)


class Index:
    """Not an int, but usable as one."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


# ---- as bytearray ----------------------------------------------------------------------------------


SLICES = [slice(*bounds) for bounds in ((None,), (2, 5), (5, 2), (-4, None), (3, 3), (0, 99), (None, None, 2))] + [
    slice(None, None, -1),
    slice(20, 3, -3),
    slice(4, 1, 2),
    slice(Index(1), Index(4)),
]
READS: list[Callable[[Any], Any]] = [
    *(lambda b, at=at: b[at] for at in (0, 5, -1, -3, 99, -99, Index(2), True, "a", 1.5, None)),
    *(lambda b, at=at: b[at] for at in SLICES),
    len,
    bool,
    lambda b: list(b) + list(reversed(b)),
    lambda b: b"lo" in b,
    lambda b: 72 in b,
    lambda b: 300 in b,
    lambda b: "a" in b,
    lambda b: b + b"x",
    lambda b: b"x" + b,
    lambda b: bytearray(b"x") + b,
    lambda b: b + [1],  # noqa: RUF005 - the operator is meant
    lambda b: b * 2,
    lambda b: 2 * b,
    lambda b: b * "a",
    lambda b: b * -1,
    hash,
    repr,
    lambda b: b"%d %%" % 3 + b,
    lambda b: b.copy(),
    *(
        lambda b, relation=relation, other=other: relation(b, other)
        for relation in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)
        for other in (TEXT, bytearray(TEXT), memoryview(TEXT), b"", b"zzz", TEXT + b"!", "text", 5, list(TEXT))
    ),
    lambda b: b == b,
    lambda b: operator.eq(TEXT, b),
    lambda b: memoryview(TEXT) == b,
]
CALLS: dict[str, list[tuple[Any, ...]]] = {
    "count": [(b"l",), (108,), (b"l", 5, -3), ("l",)],
    "find": [(b"lo",), (b"lo", 8), (b"q",), (b"l", 99), (104,), (None,)],
    "rfind": [(b"l",), (b"l", 0, 8)],
    "index": [(b"wor",), (b"q",)],
    "rindex": [(b"l",), (b"q",)],
    "startswith": [(b"  H",), ((b"x", b" "),), (b"H", 2), ("H",)],
    "endswith": [(b"  ",), (b"l", 0, -2)],
    "split": [(), (b"l",), (b"l", 1), (None, 1)],
    "rsplit": [(), (b"l", 1)],
    "splitlines": [(), (True,)],
    "partition": [(b",",), (b"",)],
    "rpartition": [(b"l",)],
    "join": [([b"a", bytearray(b"b")],), (["a"],), ([],)],
    "removeprefix": [(b"  H",), (b"x",)],
    "removesuffix": [(b"  ",)],
    "strip": [(), (b" l",)],
    "lstrip": [(), (b" H",)],
    "rstrip": [(), (b" l",)],
    "replace": [(b"l", b"LL"), (b"l", b"", 2)],
    "translate": [(bytes(range(256))[::-1],), (None, b"l")],
    "expandtabs": [(), (3,)],
    "center": [(40,), (40, b"*"), (40, b"**")],
    "ljust": [(40,)],
    "rjust": [(40, b"-")],
    "zfill": [(40,)],
    "decode": [(), ("ascii",), ("latin-1", "strict"), ("no such",)],
    "hex": [(), (":",), ("-", 4)],
    "maketrans": [(b"ab", b"xy"), (b"a", b"xy")],
    "__mod__": [((),)],
    **{name: [()] for name in ["capitalize", "lower", "swapcase", "title", "upper"]},
    **{name: [()] for name in ["isalnum", "isalpha", "isascii", "isdigit", "islower", "isspace", "istitle", "isupper"]},
}
CHANGES: list[Callable[[Any], Any]] = [
    *(
        lambda b, at=at, value=value: b.__setitem__(at, value)
        for at, value in ((0, 1), (-1, 255), (Index(3), Index(4)), (1, 256), (1, -1), (1, "a"), (1, 1.5), (99, 1))
    ),
    *(
        lambda b, at=at, new=new: b.__setitem__(at, new)
        for at in SLICES
        for new in (b"", b"xyz", b"abcdef" * 40, [1, 2], (300,), 5, "text", memoryview(b"q"))
    ),
    lambda b: b.__setitem__(slice(0, 28, 2), bytes(14)),
    lambda b: b.__setitem__(slice(0, 3), b),
    lambda b: b.__setitem__("a", 1),
    *(lambda b, at=at: b.__delitem__(at) for at in (0, -1, 5, 99, "a", *SLICES)),
    *(lambda b, value=value: b.append(value) for value in (0, 255, 256, -1, "a", None, Index(7))),
    *(lambda b, new=new: b.extend(new) for new in (b"", b"xyz", [1, 2, 3], (1, 300), "text", 5, ["a"])),
    lambda b: b.extend(b),
    lambda b: b.extend(iter([1, 2])),
    *(lambda b, at=at: b.insert(at, 7) for at in (0, 3, -1, 99, -99, Index(2), "a")),
    lambda b: b.insert(0, 256),
    *(lambda b, at=at: b.pop(at) for at in (-1, 0, 5, -5, 99, "a")),
    lambda b: b.pop(),
    *(lambda b, value=value: b.remove(value) for value in (72, 1, 300, "a")),
    lambda b: b.clear(),
    lambda b: b.reverse(),
    *(lambda b, new=new: b.__iadd__(new) for new in (b"xyz", bytearray(b"x"), [1], "x")),
    *(lambda b, count=count: b.__imul__(count) for count in (0, 1, 3, -2, "a", 1.5)),
]


def test_everything_that_reads(data: PersistentByteArray) -> None:
    for action in READS:
        same(data, TEXT, action)
    for name, calls in CALLS.items():
        for arguments in calls:
            same(data, TEXT, lambda b, name=name, arguments=arguments: getattr(b, name)(*arguments))
    same(data, b"", lambda b: b.split())
    same(data, TEXT, lambda b: b.split(sep=b"l", maxsplit=1) + b.splitlines(keepends=True))
    same(data, TEXT, lambda b: b.decode(encoding="ascii", errors="ignore") + b.hex(sep=":", bytes_per_sep=2))


def test_everything_that_changes(pool: Pool, data: PersistentByteArray) -> None:
    for action in CHANGES:
        same(data, TEXT, action)
    for action in (lambda b: b.pop(), lambda b: b.append(1), lambda b: b.reverse(), lambda b: b.extend(b"ab")):
        same(data, b"", action)
    data._check()
    assert_sound(pool)


def test_nothing_of_bytearray_is_missing() -> None:
    missing = {name for name in dir(bytearray) if not hasattr(PersistentByteArray, name)}
    # fromhex makes a new one, for which a class has no pool; the last two are of use to C code only.
    assert missing <= {"fromhex", "__alloc__", "__rmod__", "__buffer__", "__release_buffer__"}


def test_a_persistent_one_is_an_argument_like_any(pool: Pool, data: PersistentByteArray) -> None:
    part = pool.new(PersistentByteArray, b"ello")
    assert data.find(part) == TEXT.find(b"ello") and part in data and data.count(part) == 2
    assert data.replace(part, part * 2) == TEXT.replace(b"ello", b"elloello")
    assert part.join([part, b"-"]) == b"elloello-" and data + part == TEXT + b"ello" and part == b"ello"
    assert pool.new(PersistentByteArray, part) == part and part <= part and not part < part
    data[:] = part
    data += part
    data.extend(part)
    assert data == b"ello" * 3 and bytes(data) == b"ello" * 3


def test_how_one_is_made(pool: Pool) -> None:
    for arguments in ((), (b"abc",), (5,), ([1, 2],), ("ä", "utf-8"), ("ä", "ascii", "replace"), (memoryview(b"x"),)):
        assert pool.new(PersistentByteArray, *arguments) == bytearray(*arguments)
    assert pool.new(PersistentByteArray, "ä", encoding="latin-1") == b"\xe4"
    for arguments in (("text",), (-1,), ([300],), (1.5,), (b"a", "utf-8")):
        with pytest.raises((TypeError, ValueError)) as ours:
            pool.new(PersistentByteArray, *arguments)
        with pytest.raises((TypeError, ValueError)) as theirs:
            bytearray(*arguments)
        assert (ours.type, str(ours.value)) == (theirs.type, str(theirs.value))
    made = pool.new(PersistentByteArray, b"abc")
    made.__init__(b"again, and longer than it was before")
    assert made == b"again, and longer than it was before"
    assert isinstance(made, MutableSequence)
    with pytest.raises(NotPersistableError):
        copy.copy(made)
    pool.gc(keep_handles=False)
    assert_sound(pool, no_garbage=True)


def test_it_is_found_again(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentList, [pool.new(PersistentByteArray, bytes(range(256)) * 20)])
    held = pool.root[0]
    assert held is pool.root[0]
    held[1000:1010] = b"0123456789"
    pool = reopen(pool)
    model = bytearray(bytes(range(256)) * 20)
    model[1000:1010] = b"0123456789"
    assert pool.root[0] == model and type(pool.root[0]) is PersistentByteArray
    graph = pmemobj.inspect.walk(pool)
    node = next(node for node in graph.nodes.values() if node.type == "PersistentByteArray")
    assert (node.text, node.count, node.damage) == ("5120 bytes", 320, "") and 5120 <= node.size < 8000
    shown = [(slot.label, slot.text) for slot in node.slots]
    assert shown[3] == ("48", "30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f  |0123456789:;<=>?|")
    assert shown[0] == ("0", "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  |................|") and len(shown) == 16
    few = pmemobj.inspect.walk(pool, max_items=2)
    assert [(len(node.slots), node.count) for node in few.nodes.values()][-1] == (2, 320), "the cap counts rows"
    pool.root[0].clear()
    pool.root[0]._check()
    assert not pool.gc(), "the memory was given back"
    pool = reopen(pool)
    assert pool.root[0] == b""
    pool.root = None
    assert pool.gc(keep_handles=False)["PersistentByteArray"] == 1
    assert_sound(pool, no_garbage=True)


# ---- transactions ----------------------------------------------------------------------------------


def test_what_is_wrong_before_the_first_change_leaves_the_transaction_alone(pool: Pool, data: PersistentByteArray) -> None:
    def breaks_off() -> Any:
        yield 1
        data.append(2)  # foreign code may change the object meanwhile
        raise KeyError

    with pool.transaction():
        data[0] = 1
        for action in CHANGES:
            contents = bytes(data)
            try:
                action(data)
            except (TypeError, ValueError, IndexError):
                assert data == contents
            data[:] = contents
        with pytest.raises(KeyError):
            data.extend(breaks_off())
        assert data == contents + b"\2"
    assert data[0] == 1 and not pool.in_transaction


def test_rolled_back_and_committed(pool: Pool, data: PersistentByteArray, reopen: Callable[..., Pool]) -> None:
    def change(target: Any) -> None:
        target[3] = 1
        target += b"grown" * 100
        del target[2:9]
        target[:] = target[::-1]
        target[100:101] = b""
        target.clear()
        target.extend(b"other contents, which are somewhat longer")

    with pytest.raises(KeyError), pool.transaction():
        change(data)
        made = pool.new(PersistentByteArray, b"x")
        raise KeyError
    assert data == TEXT
    with pytest.raises(pmemobj.InvalidHandleError):
        made[0]
    with pool.transaction():
        change(data)
    model = bytearray(TEXT)
    change(model)
    assert reopen(pool).root == model


def test_only_what_changes_is_logged(pool: Pool) -> None:
    data = pool.root = pool.new(PersistentByteArray, 100_000)
    heap = pool._heap

    def cost(action: Callable[[], Any]) -> int:
        before = heap.logged
        action()
        return heap.logged - before

    with pool.transaction():
        assert cost(lambda: data.__setitem__(50_001, 7)) == 8
        assert cost(lambda: data.__setitem__(slice(50_003, 50_013), b"0123456789")) == 16
        assert cost(lambda: data.__setitem__(50_001, 7)) == 0, "nothing has changed"
        assert cost(lambda: data.pop()) == 8
    # By itself a byte is one store, which needs no log.
    assert cost(lambda: data.__setitem__(50_002, 9)) == 0 and data[50_001:50_004] == b"\x07\x090"
    assert cost(lambda: data.__delitem__(slice(99_000, 99_010))) < 1100
    with data.writing() as view:
        view[1000] = view[90_000] = 1
        before = heap.logged
    assert 0 < heap.logged - before <= 1024


def test_a_full_pool_leaves_it_as_it_was(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool("small.pmem", 8 << 20)
    data = pool.root = pool.new(PersistentByteArray, bytes(range(250)) * 4000)
    before = bytes(data)
    for action in (lambda: data.__iadd__(bytes(3 << 20)), lambda: data.__imul__(9), lambda: data.extend(bytes(5 << 20))):
        with pytest.raises(PoolFullError):
            action()
        assert data == before
        assert_sound(pool)
    pool.gc()
    data.clear()
    data.extend(bytes(1 << 20))
    assert len(data) == 1 << 20


KILLED = """
import sys, pmemobj
pool = pmemobj.open(sys.argv[1])
data = pool.root
number = 0
while True:
    number = (number + 1) % 256
    with data.writing() as view:
        view[:] = bytes([number]) * len(view)
    with pool.transaction():
        data[:] = bytes([number]) * (2000 + 40 * number)
    data *= 2
    del data[7:1500]
    print(number, flush=True)
"""


def test_killed_at_any_moment(pool: Pool, spawn: Callable[..., subprocess.Popen[str]], reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentByteArray, bytes(100))
    pool.close()
    for rounds in (2, 7):
        child = spawn(KILLED, pool.path, PMEMOBJ_CHECK="0")
        for _ in range(rounds):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.wait()
        again = reopen(pool.path)
        assert again.recovered and len(set(again.root)) == 1, "each step writes one value everywhere"
        again.root._check()
        assert_sound(again, no_garbage=True)
        again.close()


# ---- the buffer protocol ---------------------------------------------------------------------------


@has_protocol
def test_whatever_wants_a_buffer_gets_one(pool: Pool, data: PersistentByteArray, scratch: Any) -> None:
    assert hashlib.sha256(data).digest() == hashlib.sha256(TEXT).digest()
    assert bytes(data) == bytes(memoryview(data)) == b"".join([data]) == TEXT
    assert struct.unpack_from("<IH", data, 4) == struct.unpack_from("<IH", TEXT, 4)
    (scratch / "file").write_bytes(data)
    assert (scratch / "file").read_bytes() == TEXT
    with memoryview(data) as view:
        assert view.readonly and view.format == "B" and view.shape == (len(TEXT),)
        with pytest.raises(TypeError):
            view[0] = 1
        data[0] = 65
        assert view[0] == 65, "no copy"
    with pytest.raises((TypeError, BufferError)):
        io.BytesIO(b"no").readinto(data)
    with pytest.raises((TypeError, BufferError)):
        struct.pack_into("B", data, 0, 1)
    data.append(1)
    assert data == b"A" + TEXT[1:] + b"\1"


RESIZES: list[Callable[[Any], Any]] = [
    lambda b: b.append(1),
    lambda b: b.extend(b"ab"),
    lambda b: b.insert(1, 1),
    lambda b: b.pop(),
    lambda b: b.remove(TEXT[3]),
    lambda b: b.clear(),
    lambda b: b.__delitem__(0),
    lambda b: b.__delitem__(slice(None, None, 2)),
    lambda b: b.__setitem__(slice(2, 5), b"longer than it was"),
    lambda b: b.__iadd__(b"x"),
    lambda b: b.__imul__(2),
    lambda b: b.__imul__(0),
    lambda b: b.__init__(b"x"),
]
STAYS: list[Callable[[Any], Any]] = [
    lambda b: b.__setitem__(1, 7),
    lambda b: b.__setitem__(slice(0, 2), b"ab"),
    lambda b: b.__setitem__(slice(None, None, -1), TEXT),
    lambda b: b.reverse(),
    lambda b: b.extend(b""),
    lambda b: b.__imul__(1),
]


def test_no_resizing_while_a_buffer_is_alive(pool: Pool, data: PersistentByteArray) -> None:
    view = data.view()
    part = view[2:5]
    other = pool.new(PersistentByteArray, b"another one is not concerned")
    with pool.transaction():
        for action in RESIZES:
            with pytest.raises(BufferError, match="cannot resize this PersistentByteArray: 1 buffer shows"):
                action(data)
            assert data == TEXT
        for action in STAYS:
            action(data)
            assert view == data
        other.clear()
    view.release()
    with pytest.raises(pmemobj.BufferInUseError):  # the slice goes on by itself
        data.append(1)
    assert part == data[2:5]
    del part
    for action in RESIZES:
        action(data)
        data[:] = TEXT


def test_a_pool_is_not_closed_under_a_buffer(pool: Pool, data: PersistentByteArray, reopen: Callable[..., Pool]) -> None:
    views = [data.view(), data.view()]
    for close in (pool.close, pool.suspend):
        with pytest.raises(BufferError, match="2 buffers show its memory"):
            close()
        assert not pool.closed and views[0] == TEXT
    data[0] = 1
    views.clear()
    pool.suspend()
    pool.resume()
    assert data[0] == 1
    assert reopen(pool).root[0] == 1


def test_the_end_of_with_lets_the_buffers_live(pool_path: str, reopen: Callable[..., Pool]) -> None:
    with pytest.warns(ResourceWarning, match="stays mapped and locked"), pmemobj.create(pool_path, pool_size=8 << 20) as pool:
        pool.root = pool.new(PersistentByteArray, TEXT)
        lost = pool.new(PersistentByteArray, TEXT[::-1])
        view, unreachable = pool.root.view(), lost.view()
        held = pool.root
    assert pool.closed and view == TEXT and unreachable == TEXT[::-1]
    with pytest.raises(pmemobj.PoolClosedError):
        held[0]
    with pytest.raises(pmemobj.PoolBusyError):
        pmemobj.open(pool_path)
    del view
    assert unreachable == TEXT[::-1]
    with pytest.raises(pmemobj.PoolBusyError):
        pmemobj.open(pool_path)
    del unreachable
    again = reopen(pool_path)
    assert not again.recovered and again.root == TEXT
    again = reopen(again)  # which has collected what the view kept
    assert_sound(again, no_garbage=True)


def test_the_program_ends_with_buffers_alive(run_python: Callable[..., Any], pool_path: str) -> None:
    run_python(
        "import sys, pmemobj\n"
        "pool = pmemobj.create(sys.argv[1], pool_size=8 << 20)\n"
        "pool.root = pool.new(pmemobj.PersistentByteArray, b'abc')\n"
        "view = pool.root.view()",
        pool_path,
    )
    with pmemobj.open(pool_path) as pool:
        assert not pool.recovered and pool.root == b"abc"


def test_garbage_collection_keeps_what_a_buffer_shows(pool: Pool) -> None:
    view = pool.new(PersistentByteArray, TEXT).view()  # no handle is left
    pool.gc(keep_handles=False)
    for _ in range(20):
        pool.new(PersistentByteArray, b"something else" * 2)
    assert view == TEXT
    del view
    assert pool.gc()["PersistentByteArray"] == 21
    assert_sound(pool, no_garbage=True)


def test_a_buffer_of_what_the_transaction_made_outlives_its_rollback(pool: Pool, data: PersistentByteArray) -> None:
    with pytest.raises(KeyError), pool.transaction():
        made = pool.new(PersistentByteArray, b"new" * 10)
        data += b"grown" * 100
        views = [made.view(), data.view()]
        for target in (made, data):
            for action in (*RESIZES, *STAYS[:2]):
                with pytest.raises(BufferError, match="cannot change this PersistentByteArray"):
                    action(target)
        raise KeyError
    # Whatever lies in that memory now, the views do not show it.
    for _ in range(10):
        pool.new(PersistentByteArray, b"foreign" * 70)
    assert views[0] == b"new" * 10 and views[1] == TEXT + b"grown" * 100
    assert data == TEXT
    data.append(1)  # the view shows what never came to be, so it does not matter any more
    assert_sound(pool)


def test_a_buffer_of_what_the_transaction_made_after_its_commit(pool: Pool, data: PersistentByteArray) -> None:
    with pool.transaction():
        data += b"grown" * 100
        view = data.view()
    with pytest.raises(KeyError), pool.transaction():
        with pytest.raises(BufferError):
            data[0] = 1
        raise KeyError  # the rollback of another transaction does not end it
    with pytest.raises(BufferError):
        data[0] = 1
    assert view == data == TEXT + b"grown" * 100
    del view
    data[0] = 1
    view = data.view()
    data[0] = 2
    assert view[0] == 2


def test_buffers_that_have_gone_leave_nothing_behind(pool: Pool, data: PersistentByteArray) -> None:
    kept = data.view()
    for _ in range(1000):
        data.view()
    assert pool._heap.exports.lent == [data._p_offset] and len(pool._heap.exports._lent._entries) == 1
    for _ in range(100):
        data.view()
    assert len(pool._heap.exports._lent._entries) < 70
    del kept


def test_in_place_changes_are_rolled_back_under_a_buffer(pool: Pool, data: PersistentByteArray) -> None:
    view = data.view()
    with pytest.raises(KeyError), pool.transaction():
        data[0:5] = b"12345"
        assert view[:5] == b"12345"
        raise KeyError
    assert view == TEXT == data


def test_an_empty_one_has_a_buffer_too(pool: Pool) -> None:
    data = pool.root = pool.new(PersistentByteArray)
    view = data.view()
    assert bytes(view) == b"" and view.shape == (0,)
    with pytest.raises(BufferError):
        data.append(1)
    view.release()
    del view
    data.append(1)
    with data.writing(5, 9) as view:
        assert len(view) == 0


# ---- writing through a view ------------------------------------------------------------------------


def test_writing(pool: Pool, data: PersistentByteArray) -> None:
    with data.writing(2, 7) as view:
        assert not view.readonly and view == TEXT[2:7] and pool.in_transaction
        view[:] = b"HOWDY"
        struct.pack_into("B", view, 4, 33)
        assert data == TEXT, "nothing is seen before the end"
    assert data == TEXT[:2] + b"HOWD!" + TEXT[7:] and not pool.in_transaction
    with pytest.raises(ValueError, match="released"):
        view[0] = 1
    with pytest.raises(KeyError), data.writing() as view:
        view[:] = bytes(len(view))
        raise KeyError
    assert data[2:7] == b"HOWD!" and not pool.in_transaction
    with data.writing(-2) as view, pytest.raises(ValueError):
        view[:] = b"three"
    with data.writing(9, 3) as view:
        assert len(view) == 0


def test_what_is_kept_of_the_view_does_no_harm(pool: Pool, data: PersistentByteArray) -> None:
    with data.writing() as view:
        kept = view[3:6]
        kept[:] = b"abc"
    before = bytes(data)
    kept[:] = b"xyz"
    assert data == before and before[3:6] == b"abc"
    data.append(1)
    pool.close()
    kept[:] = b"123"


def test_an_object_is_written_in_one_way_at_a_time(pool: Pool, data: PersistentByteArray) -> None:
    shown = data.view()
    with data.writing() as view:
        for action in (*RESIZES, *STAYS[:4]):
            with pytest.raises(BufferError, match="a writing\\(\\) block on it is open"):
                action(data)
        with pytest.raises(BufferError), data.writing(0, 1):
            pass
        view[0] = 1
    assert shown[0] == data[0] == 1
    block = data.writing()
    with block as view, pytest.raises(pmemobj.TransactionError, match="open already"), block:
        pass
    with block as view:  # but again is fine
        view[0] = 2
    assert data[0] == 2


def test_writing_joins_a_transaction(pool: Pool, data: PersistentByteArray) -> None:
    with pytest.raises(KeyError), pool.transaction():
        with data.writing() as view:
            view[0] = 1
        assert data[0] == 1
        raise KeyError
    assert data == TEXT
    with pool.transaction():
        made = pool.new(PersistentByteArray, 10)
        with made.writing() as view, data.writing(0, 1) as other:
            view[:], other[:] = b"0123456789", b"!"
        pool.root = made
    assert pool.root == b"0123456789" and data[0] == 33
    with pytest.raises(pmemobj.TransactionAborted), data.writing() as view:
        view[0] = 5
        with pytest.raises(pmemobj.TransactionAborted), pool.transaction() as inner:
            inner.abort()
    assert data[0] == 33 and not pool.in_transaction
    data[0] = 5


# ---- a machine that does everything in any order ---------------------------------------------------

positions = st.integers(-40, 400)
contents = st.binary(max_size=40) | st.just(b"long" * 60)


class AgainstBytearray(PoolMachine):
    """A persistent one beside a bytearray."""

    work_values = contents

    def __init__(self) -> None:
        super().__init__()
        self.pool.root = self.pool.new(PersistentByteArray)
        self.model = bytearray()
        self.views: list[memoryview] = []

    def let_go(self) -> None:
        self.views.clear()

    def work(self, root: Any, new: list[Any]) -> None:
        for content in new:
            root.extend(content)
            root[2:4] = content
            root.insert(0, len(content))
            root.reverse()
            del root[5::3]
            root[0] = 5

    def collected(self, freed: int) -> None:
        assert not freed, "areas are freed when they are left"

    def compare(self) -> None:
        assert self.pool.root == self.model
        self.pool.root._check()

    def both(self, action: Callable[[Any], Any]) -> None:
        """What resizes is refused while there are views, and what changes at all while one is a copy."""
        data = self.pool.root
        wanted = bytearray(self.model)
        try:
            expected = outcome(action, wanted)
            found = outcome(action, data)
            if found[0] is pmemobj.BufferInUseError:
                assert self.views
                return
            assert found == expected
            self.model = wanted
        finally:
            assert data == self.model

    @rule(value=st.integers(0, 255))
    def append(self, value: int) -> None:
        self.both(lambda b: b.append(value))

    @rule(start=positions, stop=positions, step=st.sampled_from([1, 1, 1, 2, -1, -3]), new=contents)
    def assign(self, start: int, stop: int, step: int, new: bytes) -> None:
        self.both(lambda b: b.__setitem__(slice(start, stop, step), new))

    @rule(start=positions, stop=positions, step=st.sampled_from([1, 1, 2, -1]))
    def delete(self, start: int, stop: int, step: int) -> None:
        self.both(lambda b: b.__delitem__(slice(start, stop, step)))

    @rule(at=positions, value=st.integers(0, 256))
    def set_one(self, at: int, value: int) -> None:
        self.both(lambda b: b.__setitem__(at, value) if -len(b) <= at < len(b) else None)

    @rule(at=positions)
    def pop_and_insert(self, at: int) -> None:
        self.both(lambda b: b.insert(at, b.pop(at)))

    @rule(new=contents)
    def extend(self, new: bytes) -> None:
        self.both(lambda b: b.extend(new))

    @rule(action=st.sampled_from(["reverse", "clear"]))
    def whole(self, action: str) -> None:
        self.both(lambda b: getattr(b, action)())

    @rule(lo=positions, hi=positions, new=st.binary(min_size=1, max_size=9), fail=st.booleans())
    def write_through_a_view(self, lo: int, hi: int, new: bytes, fail: bool) -> None:
        if self.transactions and fail:
            return  # it would end the transaction
        try:
            with self.pool.root.writing(lo, hi) as view:
                new = new[: len(view)]
                view[: len(new)] = new
                if fail:
                    raise KeyError
        except KeyError:
            return
        except BufferError:
            assert self.views
            return
        start = slice(lo, hi).indices(len(self.model))[0]
        self.model[start : start + len(new)] = new

    @rule()
    def take_a_view(self) -> None:
        self.views.append(self.pool.root.view())
        assert self.views[-1] == self.model

    @rule()
    def drop_the_views(self) -> None:
        self.views.clear()


TestAgainstBytearray = AgainstBytearray.TestCase
TestAgainstBytearray.settings = settings(max_examples=12, stateful_step_count=40)
