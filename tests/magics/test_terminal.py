"""IPython in a terminal of 24 lines with 80 characters, with keys as somebody presses them: a pseudo-terminal."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from conftest import PATIENCE, child_environment

pexpect = pytest.importorskip("pexpect")

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]

#: Keys: completion, forget the line, and the end of a cell of several lines.
TAB, FORGET, END_OF_CELL = "\t", "\x15", "\x1b\r"
ESCAPES = re.compile(r"\x1b(\[[0-9;?=>]*[a-zA-Z]|\][^\x07]*\x07|[()].|[=>])")


def test_a_session(scratch: Path) -> None:
    # Of a terminal that does not tell where its cursor is, the prompt would wait for that.
    environment = child_environment(TERM="xterm", IPYTHONDIR=str(scratch / "ipython"), PROMPT_TOOLKIT_NO_CPR="1")
    options = ["--no-banner", "--no-confirm-exit", "--colors=nocolor", "--HistoryManager.enabled=False"]
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", *options],
        cwd=scratch,
        env=environment,
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=PATIENCE,
    )
    number = 1

    def cell(text: str, wanted: str, end: str = "\r") -> str:
        """What a cell shows, up to the next prompt."""
        nonlocal number
        terminal.send(text + end)
        terminal.expect_exact(wanted)
        shown = wanted
        number += 1
        terminal.expect_exact(f"In [{number}]:")
        shown += str(terminal.before)
        return ESCAPES.sub("", shown).replace("\r", "")

    try:
        terminal.expect_exact("In [1]:")
        cell("%load_ext pmemobj_magics", "\n")
        opened = cell("%pmem_open game.pmem --create --size 16M", "pool: game.pmem")
        assert re.search(r"root +None\n", opened) and "<table" not in opened
        assert cell("pool.root = 5", "\n").strip() == ""
        # The Tab key completes; what it makes of the line is seen there.
        terminal.send("%pmem_log --la" + TAB)
        terminal.expect_exact("st")
        assert "   1 ✓ one store, durable\n" in cell(" 1", "history of pool: 1 entry (recording)")
        terminal.send("%pmem_open ga" + TAB)
        terminal.expect_exact("me.pmem")
        terminal.send(FORGET)
        lines = cell("%pmem_open nowhere", "PoolNotFoundError: cannot open pool nowhere").splitlines()
        assert [line.strip() for line in lines[1:3]] == ["there is no such file", "add --create to create it"]
        # All of the help is there without a page being turned.
        page = cell("%pmem_open?", "%pmem_open PATH [options]")
        assert "File:" in page and "%pmem_open game.pmem --sandbox --as trial" in page
        failed = cell("%%pmem_tx\rpool.root = 7\r1/0", "ZeroDivisionError", END_OF_CELL)
        assert "----> 3 1/0" in failed and "division by zero" in failed
        assert "pool: 5" not in cell("pool.root", "5")
        cell("%pmem_graph -o graph", "PoolGraph(root=5, 0 nodes, 0 edges)")
        cell("print(graph)", "root: 5")
        cell("%pmem_close", "closed pool: game.pmem")
        terminal.send("exit\r")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close(force=True)
    assert terminal.exitstatus == 0
