"""The command line as a user has it: processes, exit codes, pipes, signals, a terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB, PATIENCE, child_environment
from sample_classes import Account
from scratch import scratch_parent

import pmemobj
from pmemobj import PersistentDict, PersistentList, _format
from pmemobj import __main__ as command_line
from pmemobj._pmdk import interposition, library

library.load()
pytestmark = pytest.mark.once

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(scratch: Path) -> Command:
    """Runs ``python -m pmemobj`` in the directory of the pool."""

    def run(*arguments: Any, code: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "pmemobj", *map(str, arguments)]
        options = {"text": True, "capture_output": True, "timeout": PATIENCE, "stdin": subprocess.DEVNULL} | options
        done: subprocess.CompletedProcess[str] = subprocess.run(line, cwd=scratch, env=child_environment(), **options)
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
        if code:
            assert "Traceback" not in str(done.stderr)
        return done

    return run


@pytest.fixture
def game(scratch: Path) -> Path:
    """A closed pool with a few objects and some garbage."""
    path = scratch / "game.pmem"
    with pmemobj.create(path, pool_size=8 * MIB) as pool:
        players = pool.new(PersistentList, [pool.new(Account, name) for name in ("Ann", "Bob", "Zoë")])
        pool.root = pool.new(PersistentDict, {"players": players, "scores": pool.new(PersistentList, range(30))})
        pool.root["self"] = pool.root
    return path


def test_info(command: Command, game: Path) -> None:
    lines = command("info", game).stdout.splitlines()
    assert (
        lines[0] == f"pool    {game}"
        and lines[1].startswith("size    8.0 MiB, ")
        and "objects 6 that the root reaches" in lines
    )
    assert any(line.split()[:2] == ["3", "class"] or line.split()[:2] == ["3", "Account"] for line in lines)
    facts = json.loads(command("info", game, "--json").stdout)
    assert facts["objects"] == 6 and facts["types"]["PersistentList"]["count"] == 2 and facts["size"] == 8 * MIB


def test_info_tells_the_durability(command: Command, game: Path) -> None:
    (told,) = [line for line in command("info", game).stdout.splitlines() if line.startswith("commits ")]
    with pmemobj.open(game) as pool:
        assert f"({pool.durability}" in told
        expected = pool.durability
    assert json.loads(command("info", game, "--json").stdout)["durability"] == expected


@pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here")
def test_info_of_a_busy_pool_tells_of_its_journal(command: Command, game: Path, as_disk: None) -> None:
    for durability, has_journal in (("full", True), ("relaxed", True), ("in-place", False)):
        with pmemobj.open(game, durability=durability):
            said = command("info", game).stdout
        assert "open in process" in said
        assert (f"commits in the journal {game}-journal" in said) is has_journal


def test_tree(command: Command, game: Path) -> None:
    assert command("tree", game, "--items", 2).stdout.splitlines() == [
        "root: PersistentDict, 3 keys",
        "├─ 'players': PersistentList, 3 items",
        "│  ├─ 0: class Account (not defined yet), 2 attributes",
        "│  │  ├─ owner: 'Ann'",
        "│  │  └─ balance: 0",
        "│  ├─ 1: class Account (not defined yet), 2 attributes",
        "│  │  ├─ owner: 'Bob'",
        "│  │  └─ balance: 0",
        "│  └─ +1 more",
        "├─ 'scores': PersistentList, 30 items",
        "│  ├─ 0: 0",
        "│  ├─ 1: 1",
        "│  └─ +28 more",
        "└─ +1 more",
        "(1 objects are not shown)",
    ]
    assert "└─ 'self': PersistentDict #1 (shown above)" in command("tree", game).stdout
    nodes = json.loads(command("tree", game, "--json", "--depth", 1).stdout)["nodes"]
    assert [node["type"] for node in nodes] == ["PersistentDict", "PersistentList", "PersistentList"]
    # The terminal can show none of these characters.
    plain = subprocess.run(
        [sys.executable, "-m", "pmemobj", "tree", game],
        env=child_environment(PYTHONIOENCODING="ascii"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Zo\\xeb" in plain.stdout


def test_a_chain_of_objects_is_drawn_without_recursion(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pmemobj.create(scratch / "chain", pool_size=8 * MIB) as pool:
        last = None
        with pool.transaction():
            for _ in range(3000):
                last = pool.new(PersistentList, [last])
        pool.root = last
        graph = pmemobj.inspect.walk(pool)
    assert len(pmemobj.inspect.tree_text(graph).splitlines()) == 3001


def test_check(command: Command, game: Path) -> None:
    assert (
        command("check", game).stdout
        == f"{game}: nothing wrong in 8 objects (the pool's own lists of classes included)\n"
    )
    data = bytearray(game.read_bytes())
    root = int.from_bytes(data[_format.POOL_ROOT_OFFSET :][:8], "little")
    data[root + _format.ROOT_VALUE] = 0x7C
    game.write_bytes(data)
    assert "error: root: " in command("check", game, code=1).stdout
    report = json.loads(command("check", game, "--json", code=1).stdout)
    assert report["ok"] is False and report["findings"][0]["path"] == "root"


def test_gc(command: Command, game: Path) -> None:
    with pmemobj.open(game) as pool:
        pool.new(PersistentList, range(10))
        pool._heap.may_have_garbage = False
    assert command("gc", game).stdout.splitlines()[1:] == ["           1  PersistentList", "           1  items"]
    assert json.loads(command("gc", game, "--json").stdout) == {"path": str(game), "freed": {}, "bytes": 0}


def test_dump_restore_and_resize(command: Command, game: Path, scratch: Path) -> None:
    text = command("dump", game).stdout
    assert json.loads(text.splitlines()[-1])["objects"] == 6
    assert command("dump", game, "game.jsonl").stdout == "6 objects in game.jsonl\n"
    assert (scratch / "game.jsonl").read_text(encoding="utf-8") == text
    command("restore", "one.pmem", "game.jsonl", "--size", "9M")
    command("restore", "two.pmem", stdin=None, input=text)
    assert json.loads(command("resize", "two.pmem", "9MiB", "--json").stdout) == {"path": "two.pmem", "size": 9 * MIB}
    for name in ("one.pmem", "two.pmem"):
        assert (scratch / name).stat().st_size == 9 * MIB
        assert command("dump", name).stdout.splitlines()[1:] == text.splitlines()[1:]


def test_restore_takes_both_orders(game: Path, scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`restore` takes the order of the command and that of the function, and no message says to remove a dump."""
    text = str(scratch / "game.jsonl")
    new, other = str(scratch / "new"), str(scratch / "other.jsonl")
    pmemobj_dump = command_line.main(["dump", str(game), text]), command_line.main(["dump", str(game), other])
    assert pmemobj_dump == (command_line.FINE, command_line.FINE)
    assert command_line.main(["restore", text, new]) == command_line.FINE
    assert pmemobj.check(new).ok and json.loads(Path(text).read_text().splitlines()[0])["format"] == "pmemobj dump"
    capsys.readouterr()
    for line in (["restore", text], ["restore", text, other], ["restore", text, str(game)]):
        assert command_line.main(line) == command_line.FAILED
        error = capsys.readouterr().err
        assert "this file is a dump" in error and "PATH FILE" in error and "remove" not in error
    with pytest.raises(pmemobj.PoolExistsError, match=r"that is a dump \(name the dump first") as caught:
        pmemobj.restore(scratch / "nowhere", text)
    assert "remove" not in str(caught.value)
    with pytest.raises(pmemobj.PoolExistsError, match="remove it, or name another"):
        pmemobj.restore(text, game)


def test_an_output_that_is_full(command: Command, game: Path) -> None:
    with open("/dev/full", "w") as full:
        done = command(
            "tree", game, code=command_line.FAILED, capture_output=False, stdout=full, stderr=subprocess.PIPE
        )
    assert done.stderr.startswith("pmemobj: ") and done.stderr.count("\n") == 1


def test_a_pool_that_grows(game: Path, scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*line: Any) -> str:
        assert command_line.main([str(part) for part in line]) == command_line.FINE
        return capsys.readouterr().out

    grows = scratch / "grows"
    run("dump", game, scratch / "game.jsonl")
    assert (
        run("restore", grows, scratch / "game.jsonl", "--size", "auto", "--max-size", "9M") == f"{grows} has 8.0 MiB\n"
    )
    assert "grows   by itself, up to 9.0 MiB" in run("info", grows)
    assert json.loads(run("resize", grows, "--max-size", "16M", "--json")) == {"path": str(grows), "size": 8 * MIB}
    assert json.loads(run("info", grows, "--json"))["max_size"] == 16 * MIB
    assert run("check", grows) == f"{grows}: nothing wrong in 8 objects (the pool's own lists of classes included)\n"
    run("dump", grows, scratch / "again.jsonl")
    texts = [(scratch / name).read_text(encoding="utf-8").splitlines()[1:] for name in ("game.jsonl", "again.jsonl")]
    assert texts[0] == texts[1]
    assert command_line.main(["resize", str(grows), "64M"]) == command_line.FAILED
    assert "it grows by itself (give the max_size" in capsys.readouterr().err
    assert command_line.main(["resize", str(game), "auto"]) == command_line.FAILED
    assert "it is a file of fixed size" in capsys.readouterr().err


def test_backup(command: Command, game: Path, scratch: Path) -> None:
    with pmemobj.open(game) as pool:
        size = pool.size
        pmemobj.dump(pool, scratch / "expected")
    assert command("backup", game, scratch / "copy").stdout == f"{scratch / 'copy'} has {size / MIB:.1f} MiB\n"
    told = json.loads(command("backup", game, scratch / "second", "--json").stdout)
    assert told == {"path": str(game), "file": str(scratch / "second"), "size": size}
    for name in ("copy", "second"):
        with pmemobj.open(scratch / name) as pool:
            assert not pool.recovered
            pmemobj.dump(pool, scratch / "there")
        assert (scratch / "there").read_bytes() == (scratch / "expected").read_bytes()


def test_errors_are_said_without_a_traceback(
    command: Command,
    game: Path,
    scratch: Path,
    make_pool: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (scratch / "text").write_text("no pool")
    make_pool("busy.pmem", 8 * MIB)
    assert command("info", "nowhere", code=3).stderr.startswith("pmemobj: cannot open pool nowhere: ")
    monkeypatch.chdir(scratch)
    for line, why in {
        ("tree", "text"): "it does not begin like a libpmemobj pool",
        ("check", "nowhere"): "there is no such file",
        ("gc", "busy.pmem"): "the pool is open already, in this process (close it there first",
        ("restore", "game.pmem", "text"): "there is a file of that name",
        ("restore", "new", "text"): "the dump breaks off here",
        ("restore", "new", "nowhere"): "there is no such file",
        ("resize", "game.pmem", "1M"): "are below libpmemobj's minimum",
        ("dump", "game.pmem", "nowhere/file"): "there is no directory",
        ("backup", "game.pmem", "text"): "there is a file of that name",
        ("backup", "busy.pmem", "copy"): "is open already",
    }.items():
        assert command_line.main(line) == command_line.FAILED
        error = capsys.readouterr().err
        assert error.startswith("pmemobj: cannot ") and why in error and error.count("\n") == 1 and "(" in error
    assert not (scratch / "new").exists() and game.exists()


def test_wrong_usage(command: Command, game: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is no size" in command("resize", game, "big", code=2).stderr
    for option in ("--depth", "--items", "--nodes"):
        for wrong in ("-1", "x"):
            with pytest.raises(SystemExit) as left:
                command_line.main(["tree", str(game), option, wrong])
            assert left.value.code == command_line.USAGE
            assert f"argument {option}: '{wrong}' is no count (give 0" in capsys.readouterr().err
    assert command_line.main(["dump", str(game), str(game)]) == command_line.USAGE
    assert "into itself" in capsys.readouterr().err
    for line in (["info"], ["fly", str(game)]):
        with pytest.raises(SystemExit) as left:
            command_line.main(line)
        assert left.value.code == command_line.USAGE and capsys.readouterr().err
    version = f"pmemobj {pmemobj.__version__}\n"
    for line, text in ((["--help"], "exit codes:"), (["check", "--help"], "--seconds"), (["--version"], version)):
        with pytest.raises(SystemExit) as left:
            command_line.main(line)
        assert left.value.code == command_line.FINE and text in capsys.readouterr().out


def test_without_a_command_the_commands_are_shown(command: Command) -> None:
    said = command(code=command_line.USAGE).stderr
    assert "usage: python -m pmemobj" in said and "--version" in said
    for name in ("info", "tree", "check", "gc", "dump", "restore", "backup", "resize"):
        assert f"\n    {name} " in said


@pytest.mark.parametrize(
    "text, size", {"64M": 64 * MIB, "64mib": 64 * MIB, "1k": 1024, "12": 12, "2G": 2 << 30}.items()
)
def test_sizes(text: str, size: int) -> None:
    assert command_line._size(text) == size


@pytest.fixture(scope="module")
def large_bytes() -> bytes:
    """A pool whose dump takes a while."""
    directory = tempfile.TemporaryDirectory(dir=scratch_parent())
    path = Path(directory.name) / "pool"
    with directory, pmemobj.create(path, pool_size=10 * MIB) as pool:
        pool._heap.observer = None  # it would compare the pool with its copy at each commit
        pool.root = pool.new(PersistentList)
        for _ in range(6):
            with pool.transaction():
                pool.root.extend([pool.new(PersistentList, [number]) for number in range(1500)])
        pool.close()
        return path.read_bytes()


@pytest.fixture
def large(scratch: Path, large_bytes: bytes) -> str:
    (scratch / "large").write_bytes(large_bytes)
    return str(scratch / "large")


def test_a_reader_that_goes_away(large: str) -> None:
    line = [sys.executable, "-m", "pmemobj", "dump", large]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=child_environment()) as child:
        assert child.stdout is not None and child.stderr is not None
        child.stdout.read(100)
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(PATIENCE) == command_line.BROKEN_PIPE
    with pmemobj.open(large) as pool:
        assert not pool.recovered, "it was not closed in good order"


def test_an_interrupt(large: str, scratch: Path) -> None:
    for line in (["dump", large, "text"], ["resize", large, "12M"]):
        child = subprocess.Popen(
            [sys.executable, "-m", "pmemobj", *line], cwd=scratch, stderr=subprocess.PIPE, env=child_environment()
        )
        # The command is at work when its unfinished file is there.
        deadline = time.monotonic() + PATIENCE
        while not any(name.startswith((".dumping", ".building")) for name in os.listdir(scratch)):
            assert time.monotonic() < deadline and child.poll() is None
            time.sleep(0.002)
        child.send_signal(signal.SIGINT)
        _, error = child.communicate(timeout=PATIENCE)
        assert (child.returncode, error) == (command_line.INTERRUPTED, b"pmemobj: interrupted\n")
        assert os.listdir(scratch) == ["large"]
    with pmemobj.open(large) as pool:
        assert not pool.recovered and len(pool.root) == 9000


@pytest.mark.parametrize("bar", ["tqdm", "plain"])
def test_progress_is_shown_on_a_terminal(large: str, scratch: Path, bar: str) -> None:
    code = "import sys; sys.argv[0] = 'pmemobj'\n"
    code += "sys.modules['tqdm'] = None\n" if bar == "plain" else ""
    code += "from pmemobj.__main__ import main; sys.exit(main())"
    terminal, its_end = pty.openpty()
    termios.tcsetwinsize(its_end, (24, 80))
    try:
        subprocess.run(
            [sys.executable, "-c", code, "dump", large, "text"],
            stderr=its_end,
            cwd=scratch,
            env=child_environment(TERM="xterm"),
            check=True,
            timeout=PATIENCE,
        )
        shown = os.read(terminal, 1 << 16).decode()
    finally:
        os.close(terminal)
        os.close(its_end)
    assert "dump" in shown and ("100 %" in shown if bar == "plain" else "100%" in shown)


def test_what_a_killed_command_leaves_is_cleared(large: str, scratch: Path) -> None:
    for line in (["dump", large, "text"], ["resize", large, "12M"]):
        child = subprocess.Popen([sys.executable, "-m", "pmemobj", *line], cwd=scratch, env=child_environment())
        deadline = time.monotonic() + PATIENCE
        while not any(name.startswith((".dumping", ".building")) for name in os.listdir(scratch)):
            assert time.monotonic() < deadline and child.poll() is None
            time.sleep(0.002)
        child.kill()
        child.wait(PATIENCE)
        assert len(os.listdir(scratch)) in (2, 3)  # with the file of the new pool, if it had come to that
        pmemobj.create(str(scratch / "other"), 8 << 20).close()
        os.unlink(scratch / "other")
        assert os.listdir(scratch) == ["large"]


def test_messages_speak_of_what_was_asked_for(large: str, scratch: Path) -> None:
    def complaint(*line: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pmemobj", *line],
            cwd=scratch,
            env=child_environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == command_line.FAILED and "building" not in done.stderr
        return done.stderr

    assert "cannot read dump nope: there is no such file (name a file that dump() has written)" in complaint(
        "restore", "r", "nope"
    )
    assert "--max-size is for a pool that grows (give --size auto too" in complaint(
        "restore", "r", "x", "--max-size", "1G"
    )
    assert f"cannot resize pool {large}: 1,048,576 bytes are below" in complaint("resize", large, "1M")
    os.truncate(large, os.path.getsize(large) - (1 << 20))
    assert "so it was cut off (restore the pool from a copy)" in complaint("info", large)
    with pmemobj.create(str(scratch / "grows"), pool_size="auto"):
        pass
    os.unlink(scratch / "grows" / "pool.set")
    assert "pool.set is missing in it" in complaint("info", "grows")
    assert "pool.set is missing in it" in str(pmemobj.check(str(scratch / "grows")))
