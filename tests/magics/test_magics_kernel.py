"""The magics in a real kernel: what a front end receives, and that the kernel survives its crashes."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ipykernel")
pytest.importorskip("graphviz")

from conftest import PATIENCE, child_environment
from jupyter_client.manager import start_new_kernel

pytestmark = pytest.mark.once


class Reply:
    """What a cell sent: its status, and the messages that a front end shows."""

    def __init__(self, status: str, messages: list[dict[str, Any]]) -> None:
        self.status = status
        self.kinds = [m["msg_type"] for m in messages if m["msg_type"] not in ("status", "execute_input")]
        contents = [m["content"] for m in messages]
        self.data = next((c["data"] for c in contents if "data" in c), {})
        self.printed = "".join(c["text"] for c in contents if "text" in c)
        self.error = next((c for c in contents if "traceback" in c), {})

    @property
    def shown(self) -> str:
        """The error as it is shown, without colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(self.error.get("traceback", [])))


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Reply]]:
    """``kernel(cell)`` runs a cell in a kernel of its own, which has a pool open."""
    place = tmp_path_factory.mktemp("kernel")
    manager, client = start_new_kernel(
        kernel_name="python3", startup_timeout=PATIENCE, env=child_environment(), cwd=str(place)
    )

    def run(*lines: str) -> Reply:
        messages: list[dict[str, Any]] = []
        reply = client.execute_interactive(
            "\n".join(lines), timeout=PATIENCE, allow_stdin=False, output_hook=messages.append
        )
        return Reply(reply["content"]["status"], messages)

    def complete(text: str) -> list[str]:
        content = client.complete(text, len(text), reply=True, timeout=PATIENCE)["content"]
        return [text[: content["cursor_start"]] + match for match in content["matches"]]

    run.complete = complete  # type: ignore[attr-defined]
    try:
        assert run("%load_ext pmemobj_magics", "import os, pmemobj").status == "ok"
        assert run("%pmem_open game.pmem --create --size 16M").status == "ok"
        assert run("pool.root = pool.new(pmemobj.PersistentDict, name='David')").status == "ok"
        yield run
        run("%pmem_close")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_an_expected_error_is_one_short_error_message(kernel: Any) -> None:
    """An error message, and not a text on stderr: so "Run All" and tests of notebooks stop."""
    reply = kernel("%pmem_open missing.pmem")
    assert (reply.status, reply.kinds) == ("error", ["error"])
    assert reply.error["ename"] == "PoolNotFoundError"
    assert reply.shown.splitlines() == [
        "PoolNotFoundError: cannot open pool missing.pmem",
        "  there is no such file",
        "  add --create to create it",
    ]


def test_a_front_end_gets_completions_of_our_lines(kernel: Any) -> None:
    assert kernel.complete("%pmem_open game.pmem --exc") == ["%pmem_open game.pmem --exclusive"]
    assert kernel.complete("%%pmem_tx po") == ["%%pmem_tx pool"]
    assert kernel.complete("%pmem_open ga") == ["%pmem_open game.pmem"]


def test_an_error_in_a_transaction_shows_the_users_line(kernel: Any) -> None:
    reply = kernel("%%pmem_tx", "pool.root['name'] = 'Ada'", "1/0")
    assert (reply.status, reply.kinds, reply.error["ename"]) == ("error", ["error"], "ZeroDivisionError")
    assert "----> 3 1/0" in reply.shown and "pmemobj_magics" not in reply.shown
    assert kernel("pool.root['name'], pool.in_transaction").data["text/plain"] == "('David', False)"


def test_the_last_value_of_a_transaction_is_displayed(kernel: Any) -> None:
    reply = kernel("%%pmem_tx", "print('said')", "6 * 7")
    assert reply.kinds == ["stream", "execute_result"]
    assert (reply.printed, reply.data) == ("said\n", {"text/plain": "42"})


def test_an_awaiting_cell_is_refused(kernel: Any) -> None:
    kernel("import asyncio")
    assert "put the await into a cell before this one" in kernel("%%pmem_tx", "await asyncio.sleep(0)").shown


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_a_graph_is_one_bundle(kernel: Any) -> None:
    reply = kernel("%pmem_graph")
    assert reply.kinds == ["execute_result"] and set(reply.data) == {"text/plain", "image/svg+xml"}
    assert reply.data["text/plain"] == "PoolGraph(root=PersistentDict, 1 node, 0 edges)"
    assert reply.data["image/svg+xml"].startswith("<svg")


def test_the_kernel_survives_a_crash(kernel: Any) -> None:
    kernel("me, handle = os.getpid(), pool.root")
    started = time.monotonic()
    reply = kernel("%%pmem_crash", "pool.root['name'] = 'Ada'", "print('said')", "display('shown')", "me = 0", "handle")
    assert time.monotonic() - started < 20
    # Nothing of the child reaches the front end but through the result.
    assert (reply.status, reply.kinds) == ("ok", ["execute_result"])
    text = reply.data["text/plain"].splitlines()
    assert text[1] == "at the crash    PoolGraph(root=PersistentDict, 1 node, 0 edges) with 1 changed"
    assert text[3].startswith("killed just before the commit, after 1 change: rolled back")
    assert text[4].startswith("note: %%pmem_crash wrapped this cell in a transaction")
    assert text[5:] == ["printed: said", "printed: 'shown'", "printed: PersistentDict({'name': 'Ada'})"]
    # The same process, with its variables and handles.
    assert (
        kernel("me == os.getpid(), handle is pool.root, handle['name']").data["text/plain"] == "(True, True, 'David')"
    )
    assert kernel("%%pmem_tx", "handle['tries'] = 1", "handle['tries']").data["text/plain"] == "1"
    assert kernel("print('alive')", "del handle['tries']").printed == "alive\n"


@pytest.mark.parametrize(
    "line",
    [
        "input('? ')",
        "import sys; sys.__stdout__.write('raw'); sys.stderr.write('err'); os.system('echo child')",
        "import logging; logging.warning('log')",
        "import ipywidgets; display(ipywidgets.IntSlider())",
        "from IPython.display import clear_output; display(5, display_id=True).update(6); clear_output()",
        "raise SystemExit",
        "get_ipython().run_cell('6 * 7')",
        "%pmem_graph",
    ],
)
def test_whatever_a_crashing_cell_does_stays_in_the_child(kernel: Any, line: str) -> None:
    reply = kernel("%%pmem_crash", "pool.root['name'] = 'Ada'", line)
    assert (reply.status, reply.kinds) == ("ok", ["execute_result"])
    assert kernel("pool.root['name']").data["text/plain"] == "'David'"


def test_the_explorer_follows_with_messages_alone(kernel: Any) -> None:
    """The page gets another scene, and the picture below it another content; no output is made anew."""
    reply = kernel("%pmem_watch -o explorer")
    assert reply.status == "ok" and reply.kinds[-2:] == ["execute_result", "display_data"]
    assert "comm_open" in reply.kinds and reply.kinds.count("execute_result") == 1
    assert kernel("len(pool.root)").kinds == ["execute_result"]
    kernel("explorer._rested_at = 0")
    assert kernel("pool.root['watched'] = 1").kinds == ["comm_msg", "update_display_data"]
    # In the middle of a cell too; but not in a child that only tries the cell.
    kernel("explorer._well_rested_at = explorer._rested_at = 0")
    cell = "with pool.transaction(): pool.root['watched'] = 2", "print('after')"
    assert kernel(*cell).kinds == ["comm_msg", "update_display_data", "stream"]
    kernel("explorer._well_rested_at = 0")
    crashed = kernel("%%pmem_crash --kill", "with pool.transaction(): pool.root['watched'] = 3")
    assert crashed.status == "ok" and crashed.kinds.count("execute_result") == 1
    assert kernel("explorer.state, explorer.note").data["text/plain"] == "('open', '')"
    kernel("del pool.root['watched']", "explorer.close()")


def test_the_pool_is_rolled_back_and_closed_in_good_order_when_the_kernel_ends(tmp_path: Path) -> None:
    manager, client = start_new_kernel(
        kernel_name="python3", startup_timeout=PATIENCE, env=child_environment(), cwd=str(tmp_path)
    )
    try:
        cell = "%load_ext pmemobj_magics\n%pmem_open a.pmem --create --size 16M\npool.root = 5\n%pmem_begin\npool.root = 6"
        assert client.execute_interactive(cell, timeout=PATIENCE, output_hook=lambda _: None)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    import pmemobj

    with pmemobj.open(tmp_path / "a.pmem") as pool:
        assert (pool.root, pool.recovered) == (5, False)
