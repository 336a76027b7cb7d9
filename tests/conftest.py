"""What every test starts from: the checking mode, a pool on fast memory, children with time limits."""

from __future__ import annotations

import os

# Before pmemobj is imported, and for every child: each commit proves that it snapshotted what it changed.
os.environ["PMEMOBJ_CHECK"] = "1"

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from scratch import scratch_parent
from soundness import assert_sound

import pmemobj
from pmemobj import _build_mode
from pmemobj._durability import journal
from pmemobj._files.medium import Medium
from pmemobj._lifecycle import modes, session

MIB = 1 << 20
POOL_SIZE = 16 * MIB
#: Seconds that a child may take before the test fails; far more than any needs.
PATIENCE = 60

# The same examples in every run: a red test stays red until somebody has mended it.
settings.register_profile(
    "pmemobj",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("pmemobj")


#: With this variable all tests run as if tmpfs were a disk, in the mode of durability that it names: a way to run tests
#: in a mode that they were not written for. (Children of tests are not concerned.)
EVERYWHERE = os.environ.get("PMEMOBJ_TEST_DURABILITY", "")
if EVERYWHERE:
    session.medium_of = lambda _: Medium.DISK
    modes.DEFAULT_ON_DISK = EVERYWHERE  # type: ignore[misc]


def pytest_configure() -> None:
    stale = _build_mode.stale_extensions()
    if stale:
        pytest.exit(
            f"these compiled modules are older than their sources: {', '.join(stale)} "
            "(run `make build`, or remove them)",
            returncode=3,
        )


def pytest_report_header() -> str:
    return f"pmemobj: {'compiled' if pmemobj.compiled else 'uncompiled'}, from {Path(pmemobj.__file__).parent}"


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A fresh directory, on tmpfs if there is one; removed afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="pmemobj-test-", dir=scratch_parent()))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def pool_path(scratch: Path) -> str:
    """The path of a pool that is still to be made."""
    return str(scratch / "test.pmem")


def put_away(pool: pmemobj.PersistentObjectPool) -> None:
    """Close a pool in whatever state a test left it; what is in there must be whole."""
    if pool.closed:
        return
    try:
        if not pool.in_transaction:
            assert_sound(pool)
    finally:
        # Entering and leaving rolls back a transaction that a failed test left open.
        with contextlib.suppress(pmemobj.PmemError), pool:
            pass


@pytest.fixture
def make_pool(scratch: Path) -> Iterator[Callable[..., pmemobj.PersistentObjectPool]]:
    """Creates further pools: ``make_pool(name, size)``; they are closed afterwards."""
    made = []

    def make(name: str = "other.pmem", size: int = POOL_SIZE) -> pmemobj.PersistentObjectPool:
        made.append(pmemobj.create(str(scratch / name), pool_size=size))
        return made[-1]

    yield make
    for pool in made:
        put_away(pool)


@pytest.fixture
def pool(pool_path: str) -> Iterator[pmemobj.PersistentObjectPool]:
    """An empty pool of 16 MiB, closed afterwards if the test has not done it."""
    made = pmemobj.create(pool_path, pool_size=POOL_SIZE)
    yield made
    put_away(made)


@pytest.fixture(scope="module")
def shared_pool() -> Iterator[pmemobj.PersistentObjectPool]:
    """A pool of 8 MiB that all tests of a module use, where a fresh one for each example would take too long."""
    with (
        tempfile.TemporaryDirectory(dir=scratch_parent()) as directory,
        pmemobj.create(f"{directory}/shared.pmem", pool_size=8 * MIB) as pool,
    ):
        yield pool


@pytest.fixture
def reopen() -> Iterator[Callable[..., pmemobj.PersistentObjectPool]]:
    """``pool = reopen(pool)`` closes it and opens its file again; a path is opened only."""
    opened = []

    def again(pool: pmemobj.PersistentObjectPool | str) -> pmemobj.PersistentObjectPool:
        if not isinstance(pool, str):
            pool.close()
            pool = pool.path
        opened.append(pmemobj.open(pool))
        return opened[-1]

    yield again
    for pool in opened:
        put_away(pool)


# ---- pools with a journal ----------------------------------------------------------------------------


@pytest.fixture
def as_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take tmpfs for a disk: what is tested does not depend on it, and the tests are quicker."""
    monkeypatch.setattr(session, "medium_of", lambda _: Medium.DISK)


@pytest.fixture
def short_journal(as_disk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `as_disk`, with a journal that is soon full."""
    monkeypatch.setattr(journal, "FIRST_SIZE", 80 << 10)
    monkeypatch.setattr(journal, "_LEAST_LIMIT", 128 << 10)
    monkeypatch.setattr(journal, "_MOST_LIMIT", 128 << 10)
    monkeypatch.setattr(journal, "MOST_PAGES", 30)


@pytest.fixture
def killed(scratch: Path, as_disk: None) -> Callable[..., Path]:
    """Makes a pool as a program leaves it that is killed: what the system has of its files at that moment.

    ``killed(use)`` calls ``use(pool)`` before; the path of the pool is returned.
    """
    number = 0

    def make(use: Callable[[pmemobj.PersistentObjectPool], object], **how: object) -> Path:
        nonlocal number
        number += 1
        working, left = scratch / f"working{number}", scratch / f"left{number}"
        working.mkdir()
        with pmemobj.create(working / "pool", **{"pool_size": 8 << 20, "durability": "full", **how}) as pool:  # type: ignore[arg-type]
            use(pool)
            shutil.copytree(working, left)
        shutil.rmtree(working)
        return left / "pool"

    return make


# ---- children ------------------------------------------------------------------------------------


def child_environment(**changes: str) -> dict[str, str]:
    """The environment in which a child imports the same pmemobj, and the modules of the tests."""
    paths = [path for path in sys.path if path] + [str(Path(__file__).parent)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))} | changes


@pytest.fixture
def run_python(scratch: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs code in a child: ``run_python(code, *arguments)``, which are its ``sys.argv[1:]``.

    The code may also be the `Path` of a script. Keyword arguments: `check` (the child must exit
    with 0; True by default), `seconds`, `input` (what it reads), and `env` (changes of the environment).
    """

    def run(
        code: str | Path,
        *arguments: Any,
        check: bool = True,
        seconds: float = PATIENCE,
        input: str = "",
        env: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        program = [str(code)] if isinstance(code, Path) else ["-c", code]
        done = subprocess.run(
            [sys.executable, *program, *map(str, arguments)],
            input=input,
            capture_output=True,
            text=True,
            timeout=seconds,
            cwd=scratch,
            env=child_environment(**(env or {})),
        )
        if check:
            assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    return run


@pytest.fixture
def spawn(scratch: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts code in a child, with pipes for its stdin and stdout; killed afterwards if it still runs."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: Any, **env: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", code, *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=scratch,
                env=child_environment(**env),
            )
        )
        return started[-1]

    yield start
    for child in started:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGKILL)
        child.communicate(timeout=PATIENCE)
