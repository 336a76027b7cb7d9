"""The web site of `make docs`: every page can be shown, in light and dark, and loads nothing from elsewhere.

Sphinx has checked the links already: its warnings are errors.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.once]

sync_api = pytest.importorskip("playwright.sync_api")

SITE = Path(__file__).parents[2] / "build" / "docs"
CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
LOCAL = re.compile(r"file:|data:|blob:|about:")
#: One page of each kind.
SHOWN = [
    "index.html",
    "docs/guide.html",
    "docs/howto/numpy.html",
    "docs/reference/pools.html",
    "docs/reference/magics.html",
]
#: The attributes, by tag, whose addresses a browser fetches by itself. It does not fetch those of `a`.
FETCHED = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "object": "data",
    "image": "href",
}


@pytest.fixture(scope="module")
def site() -> Path:
    if not (SITE / "index.html").exists():
        pytest.skip("there is no web site: make docs")
    return SITE


class Fetched(HTMLParser):
    """The addresses that a page makes a browser fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if named.get("rel") not in ("next", "prev", "index", "search"):
            self.found.append(named.get(FETCHED.get(tag, "")) or "")
        self.found += re.findall(r"url\(([^)]*)\)", named.get("style") or "")


def from_elsewhere(site: Path) -> Iterator[tuple[str, str]]:
    """Pages and style sheets, and the addresses that they would fetch over a network."""
    for page in site.rglob("*.html"):
        for address in Fetched(page.read_text()).found:
            if re.match(r"(https?:)?//", address):
                yield page.name, address
    for sheet in site.rglob("*.css"):
        for address in re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")]*)", sheet.read_text()):
            yield sheet.name, address


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    assert list(from_elsewhere(site)) == []


def test_what_would_be_fetched_is_found() -> None:
    page = '<script src="//cdn.example/x.js"></script><a href="https://example.org"></a><p style="background: url(https://e/x.png)">'
    assert [found for found in Fetched(page).found if found] == ["//cdn.example/x.js", "https://e/x.png"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_shown(site: Path, scheme: str) -> None:
    """The text stands out from its background, nothing fails, and nothing is requested from a network."""
    notebooks = [str(page.relative_to(site)) for page in sorted(site.glob("notebooks/*.html"))]
    assert notebooks
    wrong: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(color_scheme=scheme)
        page.on("request", lambda request: LOCAL.match(request.url) or wrong.append(request.url))
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        for name in [*SHOWN, *notebooks]:
            page.goto((site / name).as_uri())
            page.wait_for_selector("article h1")
            ground, text = (brightness(page, name) for name in ("background-color", "color"))
            assert (ground > text) == (scheme == "light") and abs(ground - text) > 100, name
        browser.close()
    assert wrong == []


def brightness(page: Any, what: str) -> float:
    """The brightness of the text or of its background, from 0 to 255."""
    colour = page.evaluate(f"getComputedStyle(document.body).getPropertyValue('{what}')")
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    return (red + green + blue) / 3
