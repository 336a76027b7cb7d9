"""The checks of the exercises in notebook 12, and what its kills say: real processes, really killed."""

from __future__ import annotations

import functools
import json
import linecache
from pathlib import Path
from typing import Any

import pytest
from course import beside_others
from course.beside_others import Comparison, Kill, Killed

pytestmark = pytest.mark.once

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "12_beside_others.ipynb"


def bank(name: str, *changes: tuple[str, str]) -> Any:
    """A bank of the notebook, with some of its text changed as a learner might."""
    sources = ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"]]
    (source,) = (source for source in sources if f"class {name}:" in source)
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    place = f"<cell {hash(source)}>"
    linecache.cache[place] = len(source), None, source.splitlines(keepends=True), place
    variables: dict[str, Any] = {}
    exec(compile(source, place, "exec"), variables)
    return variables[name]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where transfers are timed."""
    monkeypatch.chdir(tmp_path)


def test_the_line_that_breaks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    careless = bank("CarelessBank")
    # Killed once for all answers.
    monkeypatch.setattr(beside_others, "kill", functools.cache(beside_others.kill))
    answers = {
        None: "put a line",
        "accounts = 1": "no such line",
        'accounts["Ada"] -= coins': "leaves all coins where they were",
        ' accounts["Bob"] += coins': "of 3 kills before a line, 1 broke the bank",
    }
    for answer, said in answers.items():
        beside_others.check_line(careless, answer)
        out = capsys.readouterr().out
        assert said in out
        assert ("✓" in out) is (answer == ' accounts["Bob"] += coins')


WRITTEN = 'open(self.path, "w") as file:\n            json.dump(accounts, file)'
BESIDE = WRITTEN.replace("self.path", 'self.path + ".new"') + '\n        os.replace(self.path + ".new", self.path)'
REMOVED = WRITTEN.replace("self.path", 'self.path + ".new"') + (
    '\n        os.remove(self.path)\n        os.rename(self.path + ".new", self.path)'
)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (WRITTEN, "✗ not yet: killed before json.dump(accounts, file): cannot be read"),
        (REMOVED, '✗ not yet: killed before os.rename(self.path + ".new", self.path): a transfer'),
        ("open(os.devnull):\n            pass", "a transfer that had returned is lost"),
        ("missing:\n            pass", "✗ not yet: the bank does not run: NameError: name 'missing'"),
        (BESIDE, "✓ right"),
    ],
)
def test_a_file(new: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    beside_others.check_whole(bank("FileBank", (WRITTEN, new)))
    out = capsys.readouterr().out
    assert said in out
    assert out.count("\n") == 1


def test_a_database_is_whole_and_a_shelf_is_not(tmp_path: Path) -> None:
    database = beside_others.kill(bank("SqliteBank"), outside=2)
    shelf = beside_others.kill(bank("ShelveBank"), outside=2)
    assert database.whole
    assert not shelf.whole
    assert database.lines == 15
    comparison = Comparison(database, shelf)
    assert comparison.not_whole == ["ShelveBank"]
    assert comparison._repr_html_().count("<tr>") == 3
    assert not list(tmp_path.iterdir()), "nothing is left lying about"


def test_a_bank_that_is_not_installed_is_left_out() -> None:
    absent = beside_others.kill(bank("ZodbBank", ("import ZODB ", "import ZODB_that_is_not_there ")))
    assert "No module named" in absent.missing
    assert not absent.whole
    comparison = Comparison(absent)
    assert comparison.not_whole == []
    assert "cannot run here" in repr(comparison)
    assert "cannot run here" in comparison._repr_html_()


def judged(returned: int, balances: list[int] | None) -> str:
    answer = {"line": 1, "killed": True, "returned": returned, "balances": balances}
    return beside_others._judged(answer, ["a line"]).left


def test_verdicts() -> None:
    assert judged(1, [99, 101]) == "as before"
    assert judged(1, [98, 102]) == "one transfer further"
    assert judged(2, [99, 101]) == "a transfer that had returned is lost"
    assert judged(1, [98, 101]) == "coins are missing"
    assert judged(1, None) == "cannot be read"
    result = Killed("Bank", "", 3, 0.002, (Kill("a line", "as before"), Kill(None, "cannot be read")))
    assert "2 kills o?" in repr(result)
    assert "from outside" in repr(result)
    assert not result.whole
