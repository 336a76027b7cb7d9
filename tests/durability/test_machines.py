"""The state machines of the containers and of growing pools, with a journal: operations in any order, kills included."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

import pmemobj
from pmemobj._lifecycle import modes
from pmemobj._pmdk import interposition, library

library.load()
pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here"),
]

TESTS = Path(__file__).parents[1]
#: Where each machine is, how many runs it gets in each mode, and of how many steps.
MACHINES = [
    ("containers/test_stateful.py", "Everything", 3, 30),
    ("containers/test_stateful.py", "Lists", 3, 30),
    ("containers/test_stateful_maps.py", "DictMachine", 3, 30),
    ("objects/test_stateful_fields.py", "Fields", 2, 30),
    ("files/test_stateful_growing.py", "Growing", 4, 25),
]


def machine(path: str, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"machines_{Path(path).stem}", TESTS / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


@pytest.mark.parametrize("durability", ["full", "relaxed"])
@pytest.mark.parametrize(("path", "name", "examples", "steps"), MACHINES)
def test_a_machine_with_a_journal(
    scratch: Path,
    short_journal: None,
    monkeypatch: pytest.MonkeyPatch,
    durability: str,
    path: str,
    name: str,
    examples: int,
    steps: int,
) -> None:
    monkeypatch.setattr(modes, "DEFAULT_ON_DISK", durability)
    with pmemobj.create(scratch / "pool", 8 * MIB) as pool:
        assert pool.durability == durability, "the pools of the machine have a journal"
    run_state_machine_as_test(machine(path, name), settings=settings(max_examples=examples, stateful_step_count=steps))
