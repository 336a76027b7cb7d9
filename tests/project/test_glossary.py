"""The glossary explains each term once, and links to its terms lead to one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
TERMS = re.findall(r"^### (.+)$", GLOSSARY, re.MULTILINE)


def anchor(term: str) -> str:
    """The end of an address that leads to a heading, on the web site and on code hosting sites."""
    return re.sub(r"[^\w-]", "", term.lower().replace(" ", "-"))


def test_each_term_is_explained_once() -> None:
    assert len(TERMS) == len(set(TERMS)) >= 60
    explained = re.findall(r"^### (.+)\n\S", GLOSSARY, re.MULTILINE)
    assert explained == TERMS


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_terms_and_headings(page: Path) -> None:
    """Links within a page, and links from other pages to a heading of a page in docs/."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for file, heading in re.findall(r"\]\(([^)\s#:]*)#([^)\s]+)\)", text):
        target = (page.parent / file).resolve() if file else page
        headings = re.findall(r"^#{1,3} (.+)$", target.read_text(), re.MULTILINE)
        assert heading in {anchor(each) for each in headings}, f"{page.name}: {file}#{heading}"
