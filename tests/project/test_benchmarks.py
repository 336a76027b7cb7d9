"""The benchmark measures what it says, reports what falls short, and survives peers that fail."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pmemobj
from pmemobj._files import medium as memory

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import media, plots, publish, report  # noqa: E402
from benchmarks.__main__ import main  # noqa: E402
from benchmarks.measure import calibrate  # noqa: E402
from benchmarks.reach import ROWS, judge  # noqa: E402
from benchmarks.results import Measurement, Medium, Results, SystemFacts  # noqa: E402
from benchmarks.run import Plan, measure_all  # noqa: E402
from benchmarks.systems import ALL, load  # noqa: E402
from benchmarks.systems.base import Job, Place, Unavailable  # noqa: E402
from benchmarks.workloads import GROWING, TINY, WORKLOADS, Sizes, Workload, parts  # noqa: E402

pytestmark = pytest.mark.once
needs_tmpfs = pytest.mark.skipif(media.default_ram() is None, reason="there is no tmpfs here to measure on")


def facts(*names: str) -> list[SystemFacts]:
    return [SystemFacts(name, ALL[name][0], "so durable", "1.0") for name in names]


def results_of(values: dict[tuple[str, str, str], float]) -> Results:
    """Results in which each (system, workload, medium) took the given time."""
    names = dict.fromkeys(system for system, _, _ in values)
    return Results(
        version="1.2.3",
        sizes="tiny",
        batch=1000,
        rounds=3,
        media=[Medium("tmpfs", "tmpfs"), Medium("disk", "ext4")],
        systems=facts(*names),
        measurements=[
            Measurement(system, medium, workload, 100, 10, [value * 0.9, value, value * 2])
            for (system, workload, medium), value in values.items()
        ],
    )


class Silent:
    def describe(self, what: str) -> None: ...

    def advance(self) -> None: ...


def measure(
    scratch: Path, systems: tuple[str, ...], only: set[str], patience: float = 30, sizes: Sizes = TINY
) -> Results:
    results = Results("1.2.3", "tiny", sizes.batch, sizes.rounds)
    plan = Plan(systems, sizes, {"tmpfs": scratch}, frozenset(only), patience)
    measure_all(plan, results, Silent(), lambda: None)
    return results


# ---- end to end ----


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory with the results of a tiny run of the systems that are always installed."""
    out = tmp_path_factory.mktemp("out")
    systems = ["builtins", "fdatasync"] + ["pmemobj"] * pmemobj.compiled
    try:
        subprocess.run(["cc", "-fsyntax-only", ROOT / "benchmarks" / "floor.c"], check=True, capture_output=True)
        systems.append("floor")
    except (OSError, subprocess.CalledProcessError):
        pass  # no compiler, or no header; a test below shows that the report says so
    with tempfile.TemporaryDirectory(dir=media.default_ram()) as ram:
        arguments = ["--tiny", "--ram", ram, "--no-disk", "--out", str(out), "--systems", ",".join(systems)]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert not os.listdir(ram), "it leaves something behind"
    yield out


@needs_tmpfs
def test_a_tiny_run_measures_every_workload_of_every_system(whole_run: Path) -> None:
    results = Results.load(whole_run / "results.json")
    assert results.failures == []
    assert not results.interrupted
    for system in results.systems:
        assert not system.missing and system.version and system.durability
        for workload in WORKLOADS:
            found = results.find(system.name, workload.key, "tmpfs")
            is_expected = hasattr(load(system.name), workload.key) and "tmpfs" in workload.media
            assert (found is not None) == is_expected, (system.name, workload.key)
            if found is not None:
                assert len(found.values) == TINY.rounds and min(found.values) > 0
    if pmemobj.compiled:
        measured = {one.workload for one in results.measurements if one.system == "pmemobj"}
        assert {row.workload for row in ROWS if row.medium == "tmpfs"} <= measured
        growing = {(one.workload, one.size) for one in results.measurements if one.system == "pmemobj" and one.growth}
        assert growing == {(workload.key, size) for workload in GROWING for size in getattr(TINY, workload.amount)}
    text = (whole_run / "report.md").read_text()
    assert "## Figures" in text and "random index" in text


@needs_tmpfs
@pytest.mark.parametrize("name", ["zodb", "zodb-btrees", "sqlite-normal", "sqlite-full", "lmdb", "shelve", "diskcache"])
def test_a_peer_can_do_what_its_class_says(scratch: Path, name: str) -> None:
    try:
        cls = load(name)
    except Unavailable as error:
        pytest.skip(f"{name} is optional, and not here: {error}")
    cannot = {workload.key for workload in WORKLOADS if not hasattr(cls, workload.key)}
    own = {"empty_loop", "collect", "inspect_walk", "graph", "replay"}
    assert cannot == own | ({"open_read", "close_read", "fill_objects"} if name == "zodb" else set())
    # Directly, in this process: to start a child for each would take longer than everything else.
    (scratch / "own").mkdir()
    (scratch / "shared").mkdir()
    system = cls(Place(scratch / "own", scratch / "shared", TINY.elements))
    try:
        assert system.version() and system.durability()
        for workload in [*WORKLOADS, GROWING[1]]:
            make = getattr(system, workload.key, None)
            if make is not None:
                job = make(50, 10)
                measured = job.run()
                job.after()
                assert (measured or 0) > 0 if workload.unit == "bytes" else measured is None, workload.key
    finally:
        system.finish()


# ---- what goes wrong ----


@needs_tmpfs
def test_a_peer_whose_package_is_missing_is_left_out_and_said(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "benchmarks.systems.lmdb", None)
    monkeypatch.setitem(sys.modules, "lmdb", None)
    results = measure(scratch, ("builtins", "lmdb"), {"list_get_int"})
    by_name = {system.name: system for system in results.systems}
    assert by_name["lmdb"].missing
    assert results.find("builtins", "list_get_int", "tmpfs")
    assert f"not measured: {by_name['lmdb'].missing}" in report.full(results)


BREAKING = """
import os, time
from benchmarks.systems.base import Job
from benchmarks.systems.builtin import Builtins

class Broken(Builtins):
    def list_get_int(self, size, count):
        {how}
"""


@needs_tmpfs
@pytest.mark.parametrize(
    "how, said",
    [
        ("raise OSError('out of order')", "OSError: out of order"),
        ("os._exit(7)", "ended with 7"),
        ("time.sleep(60)", "took more than 1 s"),
    ],
)
def test_a_peer_that_fails_is_reported_and_the_others_go_on(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, how: str, said: str
) -> None:
    # The child finds the broken peer as this process does: by the table of systems, in a module on its path.
    broken = ROOT / "benchmarks" / "systems"
    (scratch / "sitecustomize.py").write_text(
        "import benchmarks.systems as systems, sys, types\n"
        f"module = types.ModuleType('benchmarks.systems.broken')\nexec({BREAKING.format(how=how)!r}, module.__dict__)\n"
        "sys.modules['benchmarks.systems.broken'] = module\n"
        "systems.ALL['broken'] = ('a broken one', 'broken', 'Broken')\n"
    )
    assert broken.is_dir()
    monkeypatch.setattr("benchmarks.run.ROOT", f"{scratch}{os.pathsep}{ROOT}")
    monkeypatch.setitem(ALL, "broken", ("a broken one", "builtin", "Builtins"))
    results = measure(scratch, ("broken", "builtins"), {"list_get_int", "dict_in"}, patience=1)
    assert any(said in failure and "a broken one" in failure for failure in results.failures), results.failures
    assert results.find("builtins", "list_get_int", "tmpfs")
    assert results.find("broken", "list_get_int", "tmpfs") is None
    assert said in report.full(results)
    if "raise" in how:
        assert results.find("broken", "dict_in", "tmpfs"), "an exception is not the end of its process"


#: The benchmark, which prints to stderr which system it asks. After several questions, it is certainly measuring.
_TELLING = """
import sys
from benchmarks import __main__ as command
class Tell(command.Lines):
    def describe(self, what):
        print(what, file=sys.stderr, flush=True)
command.progress_for = lambda steps: Tell()
sys.exit(command.main())
"""


@needs_tmpfs
def test_an_interrupt_keeps_what_was_measured(tmp_path: Path) -> None:
    arguments = ["--quick", "--no-disk", "--systems", "builtins", "--rounds", "100000", "--out", str(tmp_path)]
    child = subprocess.Popen(
        [sys.executable, "-c", _TELLING, *arguments, "--only", "empty_loop,bytes_list"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    asked = list(itertools.islice(child.stderr, 10))
    assert "empty" in asked[-1]
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 130, output
    results = Results.load(tmp_path / "results.json")
    assert results.interrupted
    assert results.find("builtins", "empty_loop", "tmpfs")
    assert "Interrupted" in output


def test_the_checking_mode_is_never_measured() -> None:
    from benchmarks.systems.pmem import Pmemobj

    assert os.environ["PMEMOBJ_CHECK"] == "1"
    with pytest.raises(Unavailable, match="PMEMOBJ_CHECK"):
        Pmemobj.version(object.__new__(Pmemobj))


def test_a_floor_that_cannot_be_compiled_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.systems import machine

    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(Unavailable, match=r"no-such-compiler.*gcc"):
        machine.build(tmp_path)


# ---- measuring ----


def test_a_pass_is_divided_by_its_count_and_cleaned_up_after() -> None:
    done: list[str] = []

    def make(size: int, count: int) -> Job:
        return Job(lambda: done.append("run"), lambda: done.append("after"))

    timed = calibrate(Workload("x", "x", "read", "elements", "batch"), make, 5, 1000, 1.0)
    assert timed.count == 1000
    assert done == ["run", "after"]
    assert timed.one_pass() < 1e-5
    own_clock = calibrate(
        Workload("x", "x", "read", "elements", "elements"), lambda size, count: Job(lambda: 8.0), 4, 1, 1.0
    )
    assert own_clock.one_pass() == 2.0


def test_a_pass_gets_as_many_operations_as_it_should_last() -> None:
    timed = calibrate(
        Workload("x", "x", "read", "elements", "repeated"),
        lambda size, count: Job(lambda: time.sleep(count * 1e-4)),
        5,
        1,
        0.02,
    )
    assert 40 <= timed.count <= 400


def test_reads_are_not_measured_on_disk() -> None:
    on_disk = {workload.key for part in parts(TINY, ["disk"]) for workload in part.workloads}
    assert on_disk == {workload.key for workload in WORKLOADS if "disk" in workload.media}
    assert "list_set" in on_disk and "list_get_int" not in on_disk
    assert any(part.size == TINY.places[0] and part.grows for part in parts(TINY, ["disk"]))


@pytest.mark.skipif(memory.medium_of(str(ROOT)) is not memory.Medium.DISK, reason="the repository is not on a disk")
def test_each_mode_of_a_disk_is_what_its_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.systems.pmem import Pmemobj, PmemobjInPlace, PmemobjRelaxed

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as directory:
        for cls, mode in ((Pmemobj, "full"), (PmemobjRelaxed, "relaxed"), (PmemobjInPlace, "in-place")):
            own = Path(directory) / cls.name
            own.mkdir()
            system = cls(Place(own, own, TINY.elements))
            try:
                assert system.pool().durability == mode
                system.fill_objects(20, 20).run()
                if isinstance(system, Pmemobj):
                    job = system.replay(TINY.journal, 1)
                    job.run()
                    (opened,) = [pool for pool in pmemobj.open_pools() if "copy" in str(pool.path)]
                    assert opened.recovered, "the journal was not there"
                    assert sum(1 for value in opened.root if value) > 1_000, "more than one record is replayed"
                    job.after()
            finally:
                system.finish()


@needs_tmpfs
def test_a_system_makes_no_less_data_than_a_point_of_a_curve_needs(scratch: Path) -> None:
    results = measure(scratch, ("shelve",), {"list_get_int"}, sizes=replace(TINY, growth=(100, 20_000)))
    assert {one.size for one in results.measurements if one.growth} == {100}
    assert results.failures == []


# ---- judging and reporting ----

LIST_GET = ("list_get_int", "tmpfs")


@pytest.mark.parametrize("own, reached", [(19e-9, True), (21e-9, False)])
def test_what_falls_short_is_marked(own: float, reached: bool) -> None:
    results = results_of({("builtins", *LIST_GET): 10e-9, ("pmemobj", *LIST_GET): own, ("lmdb", *LIST_GET): 500e-9})
    verdict = next(one for one in judge(results) if one.row.workload == "list_get_int")
    assert verdict.reached is reached
    assert verdict.best == ("LMDB", 500e-9)
    (line,) = [line for line in report.figures(results).splitlines() if "random index, int" in line]
    assert (report.SHORT in line) is not reached
    assert (report.REACHED in line) is reached
    assert ("Short: tmpfs: list, random index, int." in report.summary(results)) is not reached


def test_all_limits_of_a_row_have_to_be_kept_and_known() -> None:
    row = ("build_list", "tmpfs")
    values = {("builtins", *row): 2e-9, ("pmemobj", *row): 15e-9}
    assert next(one for one in judge(results_of(values)) if one.row.workload == "build_list").reached is None
    for lmdb, reached in ((10e-9, False), (30e-9, True)):
        verdicts = judge(results_of(values | {("lmdb", *row): lmdb}))
        assert next(one for one in verdicts if one.row.workload == "build_list").reached is reached


def test_who_does_not_wait_for_the_disk_is_no_peer_there() -> None:
    row = ("list_append", "disk")
    results = results_of({("sqlite-normal", *row): 1e-6, ("sqlite-full", *row): 1e-4, ("pmemobj", *row): 1e-4})
    assert next(one for one in judge(results) if (one.row.workload, one.row.medium) == row).best[0] == "SQLite, FULL"


def test_a_relaxed_row_is_about_the_system_that_waits_for_nothing() -> None:
    row = ("list_set", "disk")
    values = {("pmemobj", *row): 1e-3, ("pmemobj-relaxed", *row): 19e-6, ("sqlite-normal", *row): 1e-4}
    for own, reached in ((19e-6, True), (21e-6, False)):
        verdicts = judge(results_of(values | {("pmemobj-relaxed", *row): own}))
        (verdict,) = [one for one in verdicts if one.row.subject == "pmemobj-relaxed" and one.row.workload == row[0]]
        assert verdict.reached is reached
        assert verdict.best == ("SQLite, NORMAL", 1e-4), "who does not wait either is a peer"
        assert verdict.row.title(1000) == "disk, relaxed: list set"


def test_a_batch_on_a_disk_may_take_twice_what_it_takes_in_ram_and_a_part_of_one_wait() -> None:
    row = ("batch_list_set", "disk")
    values = {
        ("lmdb", *row): 1.0,
        ("pmemobj", "batch_list_set", "tmpfs"): 1e-6,
        ("fdatasync", *row): 1e-6,
    }
    for own, reached in ((2.9e-6, True), (3.1e-6, False)):
        verdicts = judge(results_of(values | {("pmemobj", *row): own}))
        (verdict,) = [one for one in verdicts if (one.row.workload, one.row.medium, one.row.size) == (*row, 0)]
        assert verdict.reached is reached
    del values["fdatasync", *row]
    verdicts = judge(results_of(values | {("pmemobj", *row): 1e-9}))
    assert next(one for one in verdicts if (one.row.workload, one.row.medium) == row).reached is None


def test_a_row_of_a_larger_size_is_judged_by_data_of_that_size() -> None:
    results = results_of({("pmemobj", "batch_list_set", "tmpfs"): 1e-9, ("lmdb", "batch_list_set", "tmpfs"): 1e-3})
    for system, value in (("pmemobj", 2e-6), ("lmdb", 1e-6)):
        results.measurements.append(Measurement(system, "tmpfs", "batch_list_set", 100_000, 10, [value], growth=True))
    reached = {
        one.row.size: one.reached
        for one in judge(results)
        if (one.row.workload, one.row.medium) == ("batch_list_set", "tmpfs")
    }
    assert reached == {0: True, 100_000: False, 1_000_000: None}
    assert "list set, 1,000 in a transaction, 100,000 elements | 2.00 µs | 1.00 µs" in report.growth(results, "tmpfs")
    assert "1.00 ns" in report.growth(results, "tmpfs"), "the main size is a row, too"
    results.systems += facts("sqlite-full")
    results.measurements.append(Measurement("sqlite-full", "tmpfs", "list_set", 100_000, 10, [1e-6], growth=True))
    assert "SQLite, FULL" in report.growth(results, "tmpfs"), "it has only this"
    assert report.growth(results, "disk") == "Not measured in this run.\n"


def test_results_survive_a_file(tmp_path: Path) -> None:
    results = results_of({("builtins", *LIST_GET): 10e-9, ("pmemobj", *LIST_GET): 15e-9})
    results.failures.append("something")
    results.save(tmp_path / "new" / "results.json")
    assert Results.load(tmp_path / "new" / "results.json") == results


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', json.dumps({"format": 1, "media": 3})])
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match="no results"):
        Results.load(tmp_path / "x.json")


def test_a_stored_run_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results_of({("builtins", *LIST_GET): 10e-9, ("pmemobj", *LIST_GET): 35e-9}).save(tmp_path / "r.json")
    assert main(["--from", str(tmp_path / "r.json"), "--out", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert "35.0 ns" in output and report.SHORT in output
    assert "(3.50 b)" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--systems", "oracle"], "oracle unknown"),
        (["--only", "nothing"], "nothing unknown"),
        (["--ram", str(ROOT), "--no-disk"], "not on tmpfs"),
        (["--from", "no-such-file.json"], "no-such-file"),
    ],
)
def test_wrong_arguments_are_told(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "value, unit, text",
    [
        (1.5e-9, "s", "1.50 ns"),
        (12.34e-9, "s", "12.3 ns"),
        (0.99999e-6, "s", "1.00 µs"),
        (123.4e-6, "s", "123 µs"),
        (2.5, "s", "2.50 s"),
        (1234.0, "s", "1,234 s"),
        (9.04, "bytes", "9.04 B"),
    ],
)
def test_quantities_have_three_figures(value: float, unit: str, text: str) -> None:
    assert report.quantity(value, unit) == text


# ---- publishing ----


def test_the_page_has_all_the_places_and_they_are_filled(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="draws the pictures; an optional extra")
    page = tmp_path / "performance.md"
    page.write_text((ROOT / "docs" / "performance.md").read_text())
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "performance-gone.svg").touch()
    results = results_of({("builtins", *LIST_GET): 10e-9, ("pmemobj", *LIST_GET): 35e-9})
    for _ in range(2):  # the second time, the parts are replaced
        written = publish.publish(results, tmp_path)
    text = page.read_text()
    assert text.count("| tmpfs: list, random index, int | 35.0 ns |") == 1
    pictures = [path for path in written if path.suffix == ".svg"]
    assert [path.name for path in pictures] == [f"{plots.PREFIX}reads-tmpfs.svg"]
    assert all(f"images/{path.name}" in text and path.read_text().startswith("<?xml") for path in pictures)
    assert not (tmp_path / "images" / "performance-gone.svg").exists()


def test_a_page_without_its_places_is_refused() -> None:
    with pytest.raises(ValueError, match="no place 'figures'"):
        publish.between_marks("nothing", "figures", "table")


def test_a_release_is_kept_under_its_version(tmp_path: Path) -> None:
    results: Any = results_of({("builtins", *LIST_GET): 10e-9})
    data, text = publish.keep(results, tmp_path / "history")
    assert (data.name, text.name) == ("1.2.3.json", "1.2.3.md")
    assert Results.load(data) == results
    assert text.read_text().startswith("# Benchmark of pmemobj 1.2.3")
