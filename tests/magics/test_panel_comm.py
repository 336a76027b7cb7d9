"""The handlers of the panel through a real comm: a real kernel, and the messages that JupyterLab sends.

JupyterLab sends them to a subshell of the kernel, so the handlers run in another thread than the cells. Each test is
run that way, and once more in the main thread, as other front ends do.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("ipykernel")

from conftest import PATIENCE, child_environment
from jupyter_client.manager import start_new_kernel

pytestmark = pytest.mark.once

#: Code of the notebook that finds a control by the path of attributes from the frame of the panel.
FIND = """
import functools
def control(path):
    return functools.reduce(getattr, path.split("."), panel._frame)
"""


class FrontEnd:
    """What a front end does: it presses buttons and fills fields by their comms, and runs cells."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._subshell = ""

    def use_subshell(self) -> None:
        reply = self._control("create_subshell_request", {})
        self._subshell = reply["content"]["subshell_id"]

    def leave_subshell(self) -> None:
        if self._subshell:
            self._control("delete_subshell_request", {"subshell_id": self._subshell})
            self._subshell = ""

    def run(self, *lines: str) -> Any:
        """Run a cell; the value of its last expression as text."""
        messages: list[dict[str, Any]] = []
        reply = self._client.execute_interactive("\n".join(lines), timeout=PATIENCE, output_hook=messages.append)
        assert reply["content"]["status"] == "ok", reply["content"]
        data = [m["content"]["data"] for m in messages if m["msg_type"] == "execute_result"]
        return data[-1]["text/plain"] if data else ""

    def start(self, *lines: str) -> str:
        """Begin to run a cell, without waiting for it."""
        number: str = self._client.execute("\n".join(lines))
        return number

    def comm(self, path: str) -> str:
        return str(eval(self.run(f"control({path!r}).comm.comm_id")))

    def send(self, comm: str, data: dict[str, Any]) -> None:
        message = self._client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        if self._subshell:
            message["header"]["subshell_id"] = self._subshell
        self._client.shell_channel.send(message)

    def press(self, path: str) -> None:
        self.send(self.comm(path), {"method": "custom", "content": {"event": "click"}})

    def fill(self, path: str, **state: Any) -> None:
        if "value" in state:
            label = eval(self.run(f"control({path!r}).description"))
            self.send(self.comm("status"), {"method": "custom", "content": {"used": label}})
        self.send(self.comm(path), {"method": "update", "state": state, "buffer_paths": []})

    def wait(self, expression: str, expected: str) -> None:
        """Wait until an expression has a value, which is given as text."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.run(expression)) != expected:
            assert time.monotonic() < deadline, f"{expression} is {found}"
            time.sleep(0.05)

    def _control(self, kind: str, content: dict[str, Any]) -> Any:
        message = self._client.session.msg(kind, content)
        self._client.control_channel.send(message)
        return self._client.control_channel.get_msg(timeout=PATIENCE)


@pytest.fixture(scope="module", params=["subshell", "main thread"])
def page(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    place = tmp_path_factory.mktemp("panel")
    manager, client = start_new_kernel(
        kernel_name="python3", startup_timeout=PATIENCE, env=child_environment(), cwd=str(place)
    )
    try:
        page = FrontEnd(client)
        page.run("%load_ext pmemobj_magics", "import threading, time", FIND, "panel = get_ipython().run_line_magic('pmem_panel', '')")
        if request.param == "subshell":
            page.use_subshell()
        yield page
        page.leave_subshell()
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture(autouse=True)
def bank(page: FrontEnd) -> Iterator[None]:
    """A new pool with two accounts, which is removed afterwards."""
    page.fill("pools.path", value="bank.pmem")
    page.press("pools.create_button")
    page.wait("panel.pool is not None", "True")
    page.run("pool.root = pool.persistent({'ada': 70, 'bob': 30})")
    page.fill("pages", index=1)
    page.wait("panel._frame.page", "'Change'")
    yield
    page.press("pools.close_button")
    page.wait("panel.pool", "")
    page.press("pools.delete_button")
    page.press("pools._yes")
    page.wait("__import__('os').path.exists('bank.pmem')", "False")


def change(page: FrontEnd, kind: str, place: str, value: str) -> None:
    page.wait(f"{kind!r} in control('change.kind').options", "True")
    number = eval(page.run(f"control('change.kind').options.index({kind!r})"))
    page.fill("change.kind", index=number)
    page.fill("change.place", value=place)
    page.fill("change.value", value=value)
    page.press("change.change_button")


def test_a_transaction_of_the_panel_holds_for_cells(page: FrontEnd) -> None:
    page.press("transaction.begin_button")
    page.wait("pool.in_transaction", "True")
    change(page, "set", "'ada'", "40")
    page.wait("pool.root['ada']", "40")
    page.run("pool.root['bob'] = 60")
    assert page.run("panel._frame.status.told['state']") == "'uncommitted'"
    page.press("transaction.abort_button")
    page.wait("pool.in_transaction", "False")
    assert page.run("pool.root.to_python()") == "{'ada': 70, 'bob': 30}"


def test_a_transaction_of_a_cell_is_ended_by_the_panel(page: FrontEnd) -> None:
    page.run("%pmem_begin", "pool.root['ada'] = 1")
    page.press("transaction.commit_button")
    page.wait("pool.in_transaction", "False")
    assert page.run("pool.root['ada']") == "1"


def test_an_error_is_shown_beside_its_control(page: FrontEnd) -> None:
    change(page, "delete", "'nobody'", "")
    page.wait("control('change.message').told.get('why')", "'there is no such key'")
    assert page.run("control('transaction.message').told.get('kind')") != "'error'"


def test_an_act_waits_for_the_running_cell(page: FrontEnd) -> None:
    comm = page.comm("transaction.begin_button")
    page.start("seen = []", "for _ in range(100):", "    seen.append((pool.in_transaction, panel._frame.status.started))", "    time.sleep(0.01)")
    time.sleep(0.2)
    page.send(comm, {"method": "custom", "content": {"event": "click"}})
    page.wait("pool.in_transaction", "True")
    assert page.run("any(begun for begun, _ in seen)") == "False"
    # The page sees that no act has begun, and says that a cell runs first.
    assert page.run("len({started for _, started in seen})") == "1"
    assert page.run("panel._frame.status.started > seen[0][1]") == "True"


def test_selecting_in_a_transaction(page: FrontEnd) -> None:
    """The explorer answers in the main thread; in another one it would find the pool in use."""
    page.run("pool.root['log'] = pool.persistent([1])", "%pmem_begin", "pool.root['log'].append(2)")
    name = eval(page.run("f'o{pool.root[\"log\"]._p_offset}'"))
    comm = eval(page.run("panel.explorer.comm.comm_id"))
    page.send(comm, {"method": "update", "state": {"selected": name}, "buffer_paths": []})
    change(page, "append", "", "3")
    page.wait("pool.root['log'].to_python()", "[1, 2, 3]")
    page.send(comm, {"method": "update", "state": {"trail": [{"id": name, "label": "'log'"}]}, "buffer_paths": []})
    page.wait("panel.explorer.scene['start'][0]", '"\'log\'"')
    assert page.run("panel.explorer.state") == "'uncommitted'"


def test_a_press_uses_what_the_fields_hold(page: FrontEnd) -> None:
    """ipywidgets may hold a change of a field back, so the page tells the fields with the press."""
    page.wait("'set' in control('change.kind').options", "True")
    number = int(page.run("panel._frame._buttons.index(control('change.change_button'))"))
    for value in ("40", "41"):
        fields = {"change": "set", "key": "'ada'", "value": value, "path": 5, "nonsense": [], "sandbox": "no"}
        page.send(page.comm("status"), {"method": "custom", "content": {"press": number, "label": "Do it", "fields": fields}})
        page.wait("pool.root['ada']", value)
    assert page.run("control('pools.path').value, control('pools.sandbox').value") == "('bank.pmem', False)"
    for nonsense in ({"press": 10_000, "fields": {}}, {"press": -1}, {"press": "5"}, {"press": None, "fields": 5}, [], 5):
        page.send(page.comm("status"), {"method": "custom", "content": nonsense})
    page.send(page.comm("status"), {"method": "custom", "content": {"press": number, "label": "Do it", "fields": "nothing"}})
    page.wait("control('change.message').told.get('kind')", "'error'")  # pressed, with empty fields
    assert page.run("pool.root['ada']") == "41"


def press_while_busy(page: FrontEnd, button: str, *fields: dict[str, Any], then: tuple[str, dict[str, Any]] | None = None) -> None:
    """Press a button once for each of these fields while a cell runs, as the page does, and then send a state."""
    number = int(page.run(f"panel._frame._buttons.index(control({button!r}))"))
    label = eval(page.run(f"control({button!r}).description"))
    status = page.comm("status")
    page.start("time.sleep(1)")
    time.sleep(0.2)
    for each in fields:
        page.send(status, {"method": "custom", "content": {"press": number, "label": label, "fields": each}})
        time.sleep(0.1)
    if then is not None:
        page.send(then[0], {"method": "update", "state": then[1], "buffer_paths": []})


def test_a_press_is_about_what_was_selected_when_it_was_made(page: FrontEnd) -> None:
    page.run("pool.root['other'] = pool.persistent({})")
    name = page.run("f'o{pool.root[\"other\"]._p_offset}'")
    comm = eval(page.run("panel.explorer.comm.comm_id"))
    page.wait("'set' in control('change.kind').options", "True")
    fields = {"change": "set", "key": "'early'", "value": "2"}
    press_while_busy(page, "change.change_button", fields, then=(comm, {"selected": eval(name)}))
    page.wait("pool.root.get('early'), len(pool.root['other'])", "(2, 0)")
    # Afterwards the panel is about the other one.
    page.wait("'other' in control('change')._head.value", "True")
    change(page, "set", "'late'", "3")
    page.wait("pool.root['other'].to_python()", "{'late': 3}")


def test_begin_that_is_pressed_twice_begins_once(page: FrontEnd) -> None:
    press_while_busy(page, "transaction.begin_button", {}, {})
    page.wait("control('transaction.message').told.get('what', '').startswith('Begin was pressed once more')", "True")
    assert page.run("pool.transaction_depth") == "1"


def test_the_code_names_the_cell_that_changed_the_pool(page: FrontEnd) -> None:
    number = int(page.run("len(In) - 1"))
    page.run("pool.root['ada'] = 1")
    page.wait(f"'# In [{number + 1}] changed the pool here; run that cell, too' in panel.code", "True")


def test_crashes(page: FrontEnd) -> None:
    page.press("transaction.begin_button")
    page.wait("pool.in_transaction", "True")
    change(page, "set", "'ada'", "40")
    page.wait("pool.root['ada']", "40")
    page.press("crash.end_button")
    page.wait("control('crash.message').told.get('kind')", "'done'")
    assert page.run("pool.root['ada'], pool.in_transaction") == "(40, True)"
    assert page.run("control('crash.result').children[0].value.count('<img')") == "3"


def test_every_button_answers(page: FrontEnd) -> None:
    """Each press is answered, whatever the state, and none of them raises an exception that nobody sees."""
    buttons = eval(
        page.run(
            "[f'{part}.{name}' for part in ('pools', 'transaction', 'change', 'crash')"
            " for name in vars(getattr(panel._frame, part)) if name.endswith('_button')"
            " and name not in ('close_button', 'delete_button')]"
        )
    )
    assert len(buttons) >= 10
    for button in buttons:
        before = page.run("panel._frame.status.answered")
        page.press(button)
        page.wait(f"panel._frame.status.answered > {before}", "True")
    assert page.run("pool.in_transaction") in ("True", "False")
    page.run("if pool.in_transaction: panel._frame.transaction.abort_button.click()")
