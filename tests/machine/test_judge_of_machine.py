"""The judge of the machine finds everything that a power cut must not do, and allows what it may do."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from whole_machine import materials, page, requirements, workload
from whole_machine.judge import Judge, expected
from whole_machine.machine import Machine
from whole_machine.programs import MODES, Program, named, programs
from whole_machine.rounds import Moment, Plan, Run

import pmemobj

pytestmark = pytest.mark.once

FULL, RELAXED, RAM = Program("disk", "file", "full"), Program("disk", "file", "relaxed"), Program("ram", "file")


def judged(*lines: list[Any], strict: bool = False) -> Judge:
    judge = Judge(strict)
    judge.expect(programs(MODES))
    for line in lines:
        judge.hear(line)
    return judge


def acks(program: Program, until: int, generation: int = 0) -> list[list[Any]]:
    return [["ack", program.name, generation, n] for n in range(until + 1)]


def found(
    program: Program, n: int, generation: int = 0, state: str | None = None, problems: tuple[str, ...] = ()
) -> list[Any]:
    state = expected(n, program.kind) if state is None else state
    return ["found", program.name, generation, n, state, list(problems), program.medium]


@pytest.mark.parametrize("n", [12, 13])
def test_everything_acknowledged_and_at_most_one_more(n: int) -> None:
    judge = judged(*acks(FULL, 12), found(FULL, n))
    assert judge.violations == [] and judge.accounts[FULL].lost == 0 and judge.accounts[FULL].commits == 13


def test_a_lost_commit_is_found_and_counted() -> None:
    judge = judged(*acks(FULL, 12), found(FULL, 10))
    assert judge.accounts[FULL].lost == 2
    (text,) = judge.violations
    assert "lost commits 11 to 12" in text and FULL.name in text


def test_a_relaxed_pool_may_lose_what_came_after_its_last_sync() -> None:
    judge = judged(*acks(RELAXED, 12), ["synced", RELAXED.name, 0, 8], found(RELAXED, 8))
    assert judge.violations == [] and judge.accounts[RELAXED].dropped == 4
    assert judged(*acks(RELAXED, 12), found(RELAXED, 3)).violations == []
    assert judged(*acks(RELAXED, 12), ["synced", RELAXED.name, 0, 8], found(RELAXED, 7)).violations
    assert judged(*acks(RELAXED, 12), found(RELAXED, 11), strict=True).violations


def test_a_state_between_two_commits_is_found() -> None:
    (text,) = judged(*acks(FULL, 12), found(FULL, 13, state=expected(12, "file"))).violations
    assert "in part" in text


def test_what_a_check_finds_is_a_violation() -> None:
    (text,) = judged(*acks(FULL, 3), found(FULL, 3, problems=("error: a block",))).violations
    assert text.endswith("a check says: error: a block")


def test_a_pool_that_is_gone_or_cannot_be_opened() -> None:
    assert "gone" in judged(*acks(FULL, 3), ["nothing", FULL.name]).violations[0]
    judge = judged(*acks(FULL, 3), ["broken", FULL.name, "PoolDamagedError: x"], ["nothing", FULL.name])
    assert len(judge.violations) == 1 and "x" in judge.violations[0]
    assert judged(["nothing", FULL.name]).violations == []


def test_a_pool_that_was_retired_may_be_gone_or_followed_by_the_next() -> None:
    retired = [*acks(FULL, 3), ["retired", FULL.name, 0]]
    for next_line in (
        ["nothing", FULL.name],
        found(FULL, 3),
        found(FULL, 0, generation=1),
        found(FULL, -1, generation=1),
    ):
        assert judged(*retired, next_line).violations == []
    assert judged(*acks(FULL, 3), found(FULL, 3, generation=1)).violations
    assert judged(*retired, *acks(FULL, 5, 1), found(FULL, 4, generation=1)).violations


def test_ram_must_be_empty() -> None:
    assert judged(*acks(RAM, 3), ["nothing", RAM.name]).violations == []
    assert "survived" in judged(*acks(RAM, 3), found(RAM, 3)).violations[0]


def test_a_cut_while_a_pool_is_opened_is_counted() -> None:
    judge = judged(*acks(FULL, 3), ["looking", FULL.name])
    judge.begin_round(1)
    judge.hear(["looking", FULL.name])
    judge.hear(found(FULL, 3))
    judge.begin_round(2)
    assert judge.accounts[FULL].recoveries == 1


@pytest.mark.parametrize("kind", ["file", "growing"])
def test_a_pool_and_plain_containers_have_the_same_states(scratch: Path, kind: str) -> None:
    """All states differ, and that of a pool is the one that is expected, to the end of its life."""
    size: Any = "auto" if kind == "growing" else 24 << 20
    with pmemobj.create(scratch / "pool", size) as pool:
        pool.root = pool.persistent(workload.beginning())
        states = {workload.digest(pool.root)}
        for n in range(1, workload.LIFE + 1):
            with pool.transaction():
                workload.change(pool.root, n, kind)
            if n % 50 == 0 or n < 30:
                states.add(workload.digest(pool.root))
                assert workload.number(pool.root) == n and workload.digest(pool.root) == expected(n, kind)
        assert len(states) == 1 + 29 + workload.LIFE // 50
        if kind == "growing":
            assert len(list((scratch / "pool").iterdir())) > 2, "the pool does not grow"


def test_the_moment_of_the_cut() -> None:
    """At work, it is a commit of the chosen program after all have looked; early, it is a line about a look."""
    everything = programs(MODES)
    late = Moment(Plan(1, "all", None, 2, 0, 0.0))
    assert not late.has_come(["ready", list(MODES)])
    for program in everything[1:]:
        assert not late.has_come(["nothing", program.name])
    assert not late.has_come(["ack", everything[0].name, 0, 1])
    assert not late.has_come(["nothing", everything[0].name]) and late.all_have_looked
    assert [late.has_come(["ack", everything[0].name, 0, n]) for n in (2, 3, 4)] == [False, True, False]
    early = Moment(Plan(1, "all", 2, 40, 0, 0.0))
    lines = [["ready", list(MODES)], ["looking", FULL.name], ["nothing", FULL.name]]
    assert [early.has_come(line) for line in lines] == [False, False, True]


def test_plans_follow_from_the_seed_and_differ() -> None:
    plans = [Plan.of(seed) for seed in range(200)]
    assert plans == [Plan.of(seed) for seed in range(200)]
    assert {plan.keep for plan in plans} == {"all", "none", "first", "writes", "sectors"}
    assert 20 < sum(plan.early is not None for plan in plans) < 90


def test_without_the_argument_there_is_one_mode() -> None:
    assert {program.mode for program in programs(("in-place",))} == {"", "in-place"}
    assert len({program.name for program in programs(MODES)}) == 9
    assert named("disk-growing-in-place") == Program("disk", "growing", "in-place")


def test_modules_are_loaded_after_those_that_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(materials, "MODULES", ("c", "b"))
    assert materials._in_order("k/a.ko:\nk/b.ko: k/a.ko\nk/c.ko: k/b.ko k/a.ko\n") == ["k/a.ko", "k/b.ko", "k/c.ko"]


def test_what_is_missing_is_said_with_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "_have", lambda program: program != "nbdkit")
    with pytest.raises(requirements.MachineError, match=r"no nbdkit \(apt-get install nbdkit nbdkit-plugin-python\)"):
        requirements.demand(root_is_made=True)
    monkeypatch.setattr(requirements.platform, "machine", lambda: "aarch64")
    with pytest.raises(requirements.MachineError, match="x86-64"):
        requirements.demand(root_is_made=True)


def test_a_line_that_the_cut_has_cut_off_is_left_out(tmp_path: Path) -> None:
    machine = Machine(materials.Materials(*[tmp_path] * 4), tmp_path)
    text = json.dumps(["ack", "x", 0, 1]) + "\n" + '["ack", "x", 0'
    with subprocess.Popen(["printf", "%s", text], stdout=subprocess.PIPE) as process:
        machine._processes.append(process)
        assert list(machine.lines()) == [["ack", "x", 0, 1]]


def test_the_page_keeps_its_text_and_gets_the_figures(tmp_path: Path) -> None:
    run = Run(
        rounds=3,
        judge=judged(*acks(FULL, 12), found(FULL, 10)),
        disk={"flushes": 9, "sectors": 8, "writes": 7, "lost": 6},
    )
    text = page.figures(run, "make test-machine ROUNDS=3", {"lying-disk": "round 1: lost"})
    assert "Violations: **1**" in text and "| disk | one file | full | 1 | 0 | 13 | 2 | 0 |" in text
    copy = tmp_path / "machine.md"
    copy.write_text(page.PAGE.read_text())
    page.publish("old figures", copy)
    page.publish(text, copy)
    assert text in copy.read_text() and "old figures" not in copy.read_text()
    without = [
        re.sub(r"<!-- The figures begin.*end here. -->", "", file.read_text(), flags=re.DOTALL)
        for file in (copy, page.PAGE)
    ]
    assert without[0] == without[1]
