"""``make crash-corpus``: explores every case and writes docs/crash_corpus.md.

Fails, and writes nothing, if a case does not come to what it says of itself.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from crash_corpus import CASES
from crash_corpus.page import as_page
from crash_corpus.run import run, workbench

PAGE = Path(__file__).parents[3] / "docs" / "crash_corpus.md"


def main() -> int:
    start = time.monotonic()
    wrong = []
    with workbench() as bench:
        for case in CASES.values():
            result = run(bench, case)
            wrong += result.complaints()
            print("." if not result.complaints() else "X", end="", flush=True)
    print(f"\n{len(CASES)} cases in {time.monotonic() - start:.1f} s")
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    PAGE.write_text(as_page(CASES.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
