"""The tables of docs/machine.md, which are made of what a run came to."""

from __future__ import annotations

import time
from pathlib import Path

import fresh_root

from whole_machine.rounds import MISTAKES, Run

PAGE = fresh_root.ROOT / "docs" / "machine.md"
_BEGIN, _END = "<!-- The figures begin here. -->", "<!-- The figures end here. -->"
_KINDS = {"file": "one file", "growing": "growing"}
_MEDIA = {"dax": "NVDIMM (DAX)", "disk": "disk", "ram": "tmpfs"}


def figures(run: Run, command: str, found: dict[str, str]) -> str:
    """The figures as Markdown.

    Args:
        run: The run without a mistake.
        command: How it was started.
        found: The mistakes that were tried, each with the first violation.
    """
    wrong = len(run.judge.violations)
    kept = ", ".join(f"{name} {count}" for name, count in sorted(run.kept.items()))
    disk = run.disk
    lines = [
        f"`{command}`, {time.strftime('%Y-%m-%d')}: {run.rounds} cuts in {run.seconds / 60:.0f} minutes, {run.early} of them",
        f"while pools were being checked or opened. Violations: **{wrong}**. The disk was told to flush {disk['flushes']:,} times;",
        f"at the cuts, nobody had waited for {disk['sectors']:,} sectors ({disk['writes']:,} writes), of which {disk['lost']:,} were lost.",
        f"What the disk kept, by rounds: {kept}.",
        "",
        "| medium | pool | `durability` | states compared | cuts while it was opened | commits acknowledged | lost, but promised | lost as allowed |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    for program, account in run.judge.accounts.items():
        numbers = (account.looks, account.recoveries, account.commits, account.lost)
        words = (_MEDIA[program.medium], _KINDS[program.kind], program.mode or "its only one")
        allowed = f"{account.dropped:,}" if program.survives else "everything"
        lines.append(f"| {' | '.join(words)} | {' | '.join(f'{number:,}' for number in numbers)} | {allowed} |")
    if found:
        lines += ["", "| mistake | the first thing that was found |", "|---|---|"]
        lines += [f"| {MISTAKES[name]} | {text} |" for name, text in found.items()]
    return "\n".join(lines)


def publish(text: str, page: Path = PAGE) -> None:
    """Put the figures into the page, in place of the old ones."""
    before, _, rest = page.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    page.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}")
