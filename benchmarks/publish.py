"""The places of results in the repository: the documentation, and the history of releases."""

from __future__ import annotations

from pathlib import Path

from benchmarks import plots, report
from benchmarks.results import Results
from benchmarks.workloads import DISK, RAM

__all__ = ["HISTORY", "keep", "publish"]

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
HISTORY = Path(__file__).parent / "history"
BEGIN, END = "<!-- {}: written by make bench -->", "<!-- end of {} -->"


def publish(results: Results, docs: Path = DOCS) -> list[Path]:
    """Put tables and pictures of a run into ``performance.md``.

    Returns:
        What was written.

    Raises:
        ValueError: the page has lost its marks.
    """
    page = docs / "performance.md"
    text = page.read_text()
    for name, part in {
        "run": report.summary(results),
        "figures": report.figures(results),
        "tmpfs": report.side_by_side(results, RAM),
        "disk": report.side_by_side(results, DISK),
        "growth-tmpfs": report.growth(results, RAM),
        "growth-disk": report.growth(results, DISK),
        "net": report.net_of_loop(results),
        "systems": report.systems(results),
    }.items():
        text = between_marks(text, name, part)
    drawn = plots.draw(results, docs / "images")
    for old in set((docs / "images").glob(f"{plots.PREFIX}*.svg")) - set(drawn):
        old.unlink()
    pictures = "\n".join(f"![{path.stem.replace('-', ', ')}](images/{path.name})" for path in drawn)
    page.write_text(between_marks(text, "pictures", pictures + "\n"))
    return [page, *drawn]


def between_marks(text: str, name: str, part: str) -> str:
    """The page, with `part` in the place that has this name."""
    begin, end = BEGIN.format(name), END.format(name)
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"there is no place {name!r} in the page: it needs the lines {begin} and {end}")
    return f"{before}{begin}\n\n{part}\n{end}{after}"


def keep(results: Results, history: Path = HISTORY) -> list[Path]:
    """Keep the results of a release, under its version.

    Returns:
        What was written.
    """
    history.mkdir(exist_ok=True)
    data, text = (history / f"{results.version}{suffix}" for suffix in (".json", ".md"))
    results.save(data)
    text.write_text(report.full(results))
    return [data, text]
