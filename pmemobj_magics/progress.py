"""A bar for work that takes longer, and an interrupt of it told in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm.auto import tqdm

__all__ = ["BAR_AFTER", "bar"]

#: Seconds before a bar is shown: what is quick needs none.
BAR_AFTER = 1.0


@contextmanager
def bar(doing: str, left: str, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Show how far some work is; gives what is to be called with how much is done, and how much there is.

    Args:
        doing: What is being done.
        left: What an interrupt leaves behind.
        shown: Whether to show a bar at all.
    """
    shown_bar: Any = tqdm(total=0, desc=doing, delay=BAR_AFTER, leave=False, disable=not shown)

    def tell(done: int, total: int) -> None:
        if done < shown_bar.n:  # another part of the work begins
            shown_bar.reset(total)
        shown_bar.total = total
        shown_bar.update(done - shown_bar.n)

    try:
        yield tell
    except KeyboardInterrupt as interrupt:
        lines = [f"KeyboardInterrupt: {doing} was called off; {left}"]
        interrupt._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
        raise
    finally:
        shown_bar.close()
