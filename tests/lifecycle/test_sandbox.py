"""Sandboxes: everything works as in the pool itself, and no change reaches the file."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB, POOL_SIZE, put_away
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool, crash, inspect
from pmemobj._files import storage

Pool = PersistentObjectPool


def trace(path: str) -> dict[str, tuple[str, int, int, int]]:
    """Everything that would show a change: of each file, a hash of its bytes, its size and its times of change."""
    files = [Path(path)] if os.path.isfile(path) else sorted(Path(path).iterdir())
    found = {}
    for file in files:
        status = file.stat()
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        found[file.name] = (digest, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if os.path.isdir(path):
        found["."] = ("", 0, os.stat(path).st_mtime_ns, os.stat(path).st_ctime_ns)
    return found


@pytest.fixture(params=["fixed", "growing"])
def path(request: pytest.FixtureRequest, scratch: Path) -> str:
    """A closed pool with some contents, in one file or growing."""
    path = str(scratch / "pool")
    sizes: dict[str, Any] = {"pool_size": POOL_SIZE}
    if request.param == "growing":
        sizes = {"pool_size": "auto", "max_size": POOL_SIZE}
    with pmemobj.create(path, **sizes) as pool:
        pool.root = pool.new(PersistentDict, list=pool.new(PersistentList, range(1000)), text="kept " * 20)
    return path


@pytest.fixture(autouse=True)
def memory(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory in which sandboxes grow in these tests."""
    (scratch / "memory").mkdir()
    monkeypatch.setattr(storage, "_place_in_memory", lambda: str(scratch / "memory"))
    return scratch / "memory"


@pytest.fixture
def sandbox() -> Iterator[Callable[[str], Pool]]:
    opened = []

    def open_it(path: str) -> Pool:
        opened.append(pmemobj.open(path, sandbox=True))
        return opened[-1]

    yield open_it
    for pool in opened:
        put_away(pool)


def use(pool: Pool) -> None:
    """Use a pool as a program does: with transactions, an abort, garbage and growth."""
    root = pool.root
    with pool.transaction():
        root["list"].extend(range(50_000))
        root["text"] = "changed " * 100
        root["new"] = pool.new(PersistentList, ["x" * 1000] * 500)
    with pytest.raises(KeyError), pool.transaction():
        root.clear()
        raise KeyError
    root["list"][0] = -1
    root["big"] = bytes(5 * MIB)
    del root["new"]
    assert sum(pool.gc().values()) > 500
    pool.root = pool.new(PersistentList, [root])
    assert_sound(pool)


def test_changes_are_there_while_it_is_open_and_vanish_at_close(path: str, sandbox: Callable[[str], Pool]) -> None:
    before = trace(path)
    pool = sandbox(path)
    assert pool.sandbox and not pool.recovered
    use(pool)
    kept = pool.root[0]
    assert kept["list"][0] == -1 and len(kept["list"]) == 51_000 and kept["text"].startswith("changed")
    assert inspect.walk(pool).nodes
    assert trace(path) == before
    pool.close()
    with pytest.raises(pmemobj.PoolClosedError):
        len(kept)
    assert trace(path) == before
    with pmemobj.open(path) as pool:
        assert not pool.sandbox and not pool.recovered
        assert pool.root["list"] == list(range(1000))
        assert pool.root["text"] == "kept " * 20 and len(pool.root) == 2


def test_it_says_what_it_is(path: str) -> None:
    with Pool(path, "c", sandbox=True) as pool:
        facts = f"({pool.size >> 20} MiB, {pool.medium.short}, sandbox)"
        assert repr(pool) == f"<PersistentObjectPool {path} {facts}>"
        assert pool in pmemobj.open_pools()
    assert repr(pool) == f"<PersistentObjectPool {path} (closed, sandbox)>"


def test_a_growing_pool_grows_in_its_sandbox_and_leaves_nothing(
    scratch: Path, memory: Path, sandbox: Callable[[str], Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMEMOBJ_CHECK", "0")
    path = str(scratch / "grows")
    pmemobj.create(path, "auto").close()
    before = trace(path)
    pool = sandbox(path)
    pool.root = pool.new(PersistentList, [bytes([number]) * 50 * MIB for number in range(3)])
    assert pool.size == (8 + 128 + 128) * MIB
    assert [value[-1] for value in pool.root] == [0, 1, 2]
    # The parts have no names, so the system frees them when the process ends, however it ends.
    assert [list(place.iterdir()) for place in memory.iterdir()] == [[]]
    pool.close()
    assert list(memory.iterdir()) == [] and trace(path) == before


def test_a_full_pool_in_a_sandbox(path: str, sandbox: Callable[[str], Pool]) -> None:
    before = trace(path)
    pool = sandbox(path)
    with pytest.raises(pmemobj.PoolFullError):
        pool.root["list"].extend([bytes(MIB)] * 20)
    assert len(pool.root["list"]) == 1000
    assert_sound(pool)
    pool.close()
    assert trace(path) == before


def test_two_sandboxes_after_each_other_and_several_pools_at_once(path: str, scratch: Path) -> None:
    with pmemobj.create(scratch / "other", POOL_SIZE) as other:
        before = trace(path)
        for number in range(2):
            with pmemobj.open(path, sandbox=True) as pool:
                assert "number" not in pool.root
                pool.root["number"] = number
                other.root = number
        assert trace(path) == before and other.root == 1
    with pmemobj.open(scratch / "other") as other:
        assert other.root == 1


# ---- crashes -----------------------------------------------------------------------------------------

PROGRAM = """
import os, pmemobj, signal, sys
pool = pmemobj.open(sys.argv[1], sandbox=True)
root = pool.root
root["list"].extend(range(5000))
pool.transaction().begin()
root["list"].extend(["x" * 100] * 5000)
root["big"] = bytes(5 << 20)
if sys.argv[2] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("how", ["kill", "end"])
def test_the_file_is_as_before_however_the_process_ends(path: str, how: str, run_python: Callable[..., Any]) -> None:
    before = trace(path)
    done = run_python(PROGRAM, path, how, check=False)
    assert done.returncode == (-signal.SIGKILL if how == "kill" else 0), done.stderr
    assert trace(path) == before
    with pmemobj.open(path) as pool:
        assert not pool.recovered and len(pool.root["list"]) == 1000


def test_an_unclean_pool_is_recovered_in_memory_only(
    path: str, run_python: Callable[..., Any], sandbox: Callable[[str], Pool]
) -> None:
    run_python(PROGRAM.replace(", sandbox=True", ""), path, "kill", check=False)
    before = trace(path)
    for _ in range(2):
        pool = sandbox(path)
        assert pool.recovered and len(pool.root["list"]) == 6000 and "big" not in pool.root
        assert_sound(pool, no_garbage=True)
        use(pool)
        pool.close()
        assert trace(path) == before
    with pmemobj.open(path) as pool:
        assert pool.recovered and len(pool.root["list"]) == 6000


def test_a_growth_that_was_cut_off_is_not_tidied_up_from_a_sandbox(scratch: Path) -> None:
    path = str(scratch / "grows")
    pmemobj.create(path, "auto", max_size=POOL_SIZE).close()
    Path(path, "000001.pmem").write_bytes(b"")
    before = trace(path)
    with pytest.raises(pmemobj.SandboxError, match="killed while the pool grew"):
        pmemobj.open(path, sandbox=True)
    assert trace(path) == before
    pmemobj.open(path).close()
    pmemobj.open(path, sandbox=True).close()


# ---- other users of the file -------------------------------------------------------------------------------------------


def test_a_sandbox_keeps_others_from_the_pool(
    path: str, sandbox: Callable[[str], Pool], spawn: Callable[..., Any]
) -> None:
    # The sandbox must keep the lock, since it still reads from the file the pages that it has not changed.
    pool = sandbox(path)
    for other in (False, True):
        with pytest.raises(pmemobj.PoolBusyError):
            pmemobj.open(path, sandbox=other)
    child = spawn(
        "import pmemobj, sys\ntry:\n    pmemobj.open(sys.argv[1])\nexcept pmemobj.PoolBusyError:\n    print('busy')", path
    )
    assert child.communicate()[0] == "busy\n"
    pool.close()
    with pmemobj.open(path), pytest.raises(pmemobj.PoolBusyError):
        pmemobj.open(path, sandbox=True)


def test_the_setting_is_that_of_one_call(path: str, scratch: Path) -> None:
    with pytest.raises(pmemobj.PoolDamagedError):
        (scratch / "damaged").write_bytes(Path(path if os.path.isfile(path) else f"{path}/000000.pmem").read_bytes())
        os.truncate(scratch / "damaged", MIB)
        pmemobj.open(scratch / "damaged", sandbox=True)
    with pmemobj.open(path, sandbox=True) as pool:
        pool.root["from"] = "sandbox"
    with pmemobj.open(path) as pool:
        pool.root["from"] = "pool"
    with pmemobj.open(path) as pool:
        assert pool.root["from"] == "pool"


def test_threads_that_open_at_the_same_time(scratch: Path) -> None:
    paths = [str(scratch / name) for name in "abcd"]
    for path in paths:
        pmemobj.create(path, 8 * MIB).close()
    errors: list[BaseException] = []
    start = threading.Barrier(4)

    def work(path: str, in_sandbox: bool) -> None:
        try:
            for number in range(8):
                start.wait()
                with pmemobj.open(path, sandbox=in_sandbox) as pool:
                    assert pool.root == (None if in_sandbox or number == 0 else number - 1)
                    pool.root = number
        except BaseException as error:
            errors.append(error)
            start.abort()

    threads = [threading.Thread(target=work, args=(path, place % 2 == 0)) for place, path in enumerate(paths)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_a_forked_child_cannot_use_it(path: str, sandbox: Callable[[str], Pool]) -> None:
    pool = sandbox(path)
    pool.root["big"] = bytes(MIB)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            pool.root  # noqa: B018
        except pmemobj.ForkedPoolError:
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert pool.root["big"] == bytes(MIB)


# ---- what is refused ------------------------------------------------------------------------------------


def test_what_would_lose_the_changes_is_refused_and_changes_nothing(path: str, sandbox: Callable[[str], Pool]) -> None:
    pool = sandbox(path)
    pool.root["new"] = "in memory"
    with pytest.raises(pmemobj.SandboxError, match="suspend"):
        pool.suspend()
    with pytest.raises(pmemobj.SandboxError, match="crash pool") as caught:
        crash.kill(pool, lambda: pool.root.clear())
    assert isinstance(caught.value, RuntimeError) and caught.value.todo
    pool.resume()  # it is open: nothing to do, as with any pool
    assert pool.root["new"] == "in memory"
    pool.close()
    with pytest.raises(pmemobj.SandboxError, match="resume"):
        pool.resume()
    with pytest.raises(pmemobj.PoolClosedError):
        pool.suspend()


def test_a_new_pool_cannot_be_made_in_a_sandbox(scratch: Path) -> None:
    before = sorted(scratch.iterdir())
    with pytest.raises(ValueError, match="a new pool in a sandbox would leave nothing"):
        Pool(scratch / "new", "x", sandbox=True)
    for flag in "rwc":
        with pytest.raises(pmemobj.PoolNotFoundError):
            Pool(scratch / "new", flag, sandbox=True)
    with pytest.raises(pmemobj.PoolNotFoundError):
        pmemobj.open(scratch / "new", sandbox=True)
    with pytest.raises(pmemobj.PoolIsDirectoryError):
        pmemobj.open(scratch, sandbox=True)
    with pytest.raises(TypeError):
        pmemobj.open(scratch / "new", True)  # type: ignore[misc] - only by name
    assert sorted(scratch.iterdir()) == before


def test_closing_inside_a_transaction_is_refused(path: str, sandbox: Callable[[str], Pool]) -> None:
    pool = sandbox(path)
    with pool.transaction():
        with pytest.raises(pmemobj.TransactionError):
            pool.close()
        pool.root["after"] = 1
    assert pool.root["after"] == 1
