"""Which process has a pool open, in words."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import MIB, PATIENCE, child_environment

import pmemobj
from pmemobj._files import holders

pytestmark = pytest.mark.once

KEEPER = "import pmemobj, sys; pool = pmemobj.open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"

Keep = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def keep() -> Iterator[Keep]:
    """Starts a process that has a pool open until the end of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(path: Path, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, "-c", KEEPER, str(path), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(**variables),
        )
        started.append(child)
        assert child.stdout is not None and child.stdout.readline() == b"open\n"
        return child

    yield start
    for child in started:
        child.communicate(timeout=PATIENCE)


@pytest.fixture(params=[8 * MIB, "auto"], ids=["file", "growing"])
def path(request: pytest.FixtureRequest, scratch: Path) -> Path:
    pmemobj.create(scratch / "pool", request.param).close()
    return scratch / "pool"


def why_busy(path: Path) -> str:
    with pytest.raises(pmemobj.PoolBusyError) as error:
        pmemobj.open(path)
    advice = "close it there first; one process at a time can have a pool open"
    if "in process " in error.value.why:
        advice += ", but with sandbox=True its last commit can be looked at"
    assert error.value.todo == advice
    return error.value.why


def test_the_process_is_named_with_its_program(path: Path, keep: Keep) -> None:
    child = keep(path, "a word")
    program = f"{os.path.basename(sys.executable)} -c {KEEPER} {path} a word"
    expected = program if len(program) <= 60 else f"{program[:57]}..."
    assert why_busy(path) == f"the pool is open already, in process {child.pid} ({expected})"


@pytest.mark.parametrize(
    "notebook, shown",
    [("/home/ada/bank.ipynb", "/home/ada/bank.ipynb"), (f"/{'x' * 80}/bank.ipynb", f"...{'x' * 46}/bank.ipynb")],
)
def test_the_notebook_is_named_if_jupyter_tells_it(path: Path, keep: Keep, notebook: str, shown: str) -> None:
    child = keep(path, JPY_SESSION_NAME=notebook)
    why = why_busy(path)
    assert f"in process {child.pid} (" in why and why.endswith(f", notebook {shown})")


def test_no_notebook_where_there_is_none(path: Path, keep: Keep) -> None:
    keep(path, JPY_SESSION_NAME="")
    assert "notebook" not in why_busy(path)


def test_names_that_cannot_be_printed(path: Path, keep: Keep) -> None:
    keep(path, JPY_SESSION_NAME="a\nb \x1b[31m\udcff.ipynb")
    why = why_busy(path)
    assert why.endswith("notebook a b ?[31m?.ipynb)") and why.isprintable()


def test_of_this_process_nothing_else_is_said(path: Path) -> None:
    with pmemobj.open(path):
        assert why_busy(path) == "the pool is open already, in this process"


def test_a_process_that_has_ended_is_not_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert holders.described(ended.pid) == ""
    with pmemobj.open(path):
        monkeypatch.setattr(holders, "lock_holders", lambda: {_identity(path): ended.pid})
        assert why_busy(path) == "the pool, or a copy of it, is open already, in this process or another"


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path / "000000.pmem" if path.is_dir() else path)
    return status.st_dev, status.st_ino


def test_where_the_system_tells_nothing(path: Path, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(path)
    with monkeypatch.context() as patched:
        patched.setattr(holders, "lock_holders", dict)
        assert why_busy(path) == "the pool, or a copy of it, is open already, in this process or another"
    assert "process" in why_busy(path)


def test_an_environment_that_must_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = holders._read

    def refuse(pid: int, name: str) -> bytes:
        if name == "environ":
            raise PermissionError(name)
        return read(pid, name)

    monkeypatch.setattr(holders, "_read", refuse)
    assert holders.described(os.getpid()).startswith(f"process {os.getpid()} (")
