"""Notebook 4: the exercises tell right from wrong, and leave the learner's library alone."""

from __future__ import annotations

import xml.etree.ElementTree
from collections.abc import Iterator
from typing import Any

import pytest
from course import transactions
from exercises import asker, assert_told_apart, cell, run

from pmemobj import TransactionAborted

pytestmark = pytest.mark.once

OWN = {"shelf": ["Emma", "Solaris"], "lent": {"Lalka": "Ada"}}


@pytest.fixture
def variables(pool: Any) -> Iterator[dict[str, Any]]:
    """The variables of the notebook when its exercises begin; a library that is as it was when they are done."""
    pool.root = pool.persistent(OWN)
    variables = {"pool": pool, "transactions": transactions, "TransactionAborted": TransactionAborted}
    lend = cell("04_transactions", 'append("Solaris")\n\n\ndef lend')
    run(lend[lend.index("def lend") :], variables)
    yield variables
    assert pool.root.to_python() == OWN


def body(*lines: str) -> str:
    return "\n    ".join(lines)


def test_puzzle(variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    ask = asker("04_transactions", variables, capsys)
    wrong = {
        'answer = "ABDE"': "B is not in the list",
        'answer = "A"': "some are missing",
        'answer = "ADE"': "D is not in the list",
    }
    assert_told_apart(ask, "check_puzzle", "answer = None", wrong, ['answer = "AE"', 'answer = "e, a"'])


def test_give_back(variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    ask = asker("04_transactions", variables, capsys)
    take = "person = pool.root['lent'].pop(title)"
    put = "pool.root['shelf'].append(title)"
    transaction = "with pool.transaction():"
    wrong = {
        body(take, put, "return person"): "a stop in its middle left shelf Emma; lent Dune",
        body(transaction, f"    {take}; {put}"): "Bob had the book, but give_back returns None",
        body(take, "return person"): "became shelf Emma; lent Dune",
        body(transaction, "    person = pool.root['lent'].pop(title, None)", f"    {put}", "return person"): "raises no error",
        body(
            "if title not in pool.root['lent']:",
            "    raise ValueError",
            transaction,
            f"    {take}; {put}",
            "return person",
        ): "raises ValueError, but should raise KeyError",
        body("person = pool.root['lent'][title]", f"{put}; del pool.root['lent'][title]", "return person"): "shelf Emma, Solaris; lent Dune, Solaris",
        body(put, transaction, f"    {take}", "return person"): "a stop in its middle left",
    }
    right = [
        body(transaction, f"    {take}; {put}", "return person"),
        body(transaction, f"    {put}", "    return pool.root['lent'].pop(title)"),
    ]
    assert_told_apart(ask, "check_give_back", "...", wrong, right)


def test_lend_some(variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    ask = asker("04_transactions", variables, capsys)
    transaction = "with pool.transaction():"
    asked = ["for title in titles:", "    if title in pool.root['shelf']:", "        lend(title, person)", "        lent.append(title)"]
    tried = [
        "for title in titles:",
        "    try:",
        "        lend(title, person)",
        "        lent.append(title)",
        "    except ValueError:",
        "        pass",
    ]

    def within(lines: list[str]) -> list[str]:
        return [transaction, *(f"    {line}" for line in lines)]

    wrong = {
        body("lent = []", *within(tried), "return lent"): "TransactionAborted",
        body("lent = []", *asked, "return lent"): "a stop in its middle left shelf Dune, Lalka; lent Solaris, Emma",
        body("lent = []", *tried, "return lent"): "a stop in its middle left",
        body("lent = []", *within(asked)): "returns None",
        body(*within(["for title in titles:", "    lend(title, person)"])): "ValueError",
        body("lent = []", *within(asked[:2]), "            lend(title, person)", "            break", "return lent"): "shelf Dune, Emma, Lalka",
    }
    right = [
        body("lent = []", *within(asked), "return lent"),
        body(
            transaction,
            "    lent = [title for title in titles if title in pool.root['shelf']]",
            "    for title in lent: lend(title, person)",
            "    return lent",
        ),
    ]
    assert_told_apart(ask, "check_lend_some", "...", wrong, right)


def test_the_drawing_says_how_it_ends() -> None:
    failing, passing = (transactions.Nesting("a < b", "c", "d", fails=fails) for fails in (True, False))
    assert repr(failing) == "Nesting(3 changes, then abort: all of it is undone)"
    for drawing, end in ((failing, "✗ abort"), (passing, "✓ commit")):
        texts = [each.text for each in xml.etree.ElementTree.fromstring(drawing._repr_svg_()).iter() if each.text]
        assert "a < b" in texts and texts[-1].startswith(end)
