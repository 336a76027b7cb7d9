"""A progress bar for long work, and one line that says what an interrupt has left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm.auto import tqdm

__all__ = ["BAR_AFTER", "bar", "plain_bar", "tell_interrupt", "teller"]

#: Seconds before a bar is shown, because quick work needs none.
BAR_AFTER = 1.0


def plain_bar(doing: str, shown: bool) -> Any:
    """A bar as a context manager; set its ``total``, then ``update`` it."""
    return tqdm(total=0, desc=doing, delay=BAR_AFTER, leave=False, disable=not shown)


def teller(shown_bar: Any) -> Callable[[int, int], None]:
    """A function that shows in a plain bar how much of the work is done, of how much."""

    def tell(done: int, total: int) -> None:
        if done < shown_bar.n:  # the next part of the work begins
            shown_bar.reset(total)
        shown_bar.total = total
        shown_bar.update(done - shown_bar.n)

    return tell


def tell_interrupt(interrupt: KeyboardInterrupt, text: str) -> None:
    """Make IPython show an interrupt as one line instead of a traceback."""
    lines = [f"KeyboardInterrupt: {text}"]
    interrupt._render_traceback_ = lambda: lines  # type: ignore[attr-defined]


@contextmanager
def bar(doing: str, left: str, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Show the progress of some work; yields a function that takes how much is done and how much there is.

    Args:
        doing: The work, as the bar and the message about an interrupt call it.
        left: What an interrupt leaves behind.
        shown: Whether to show a bar at all.
    """
    shown_bar = plain_bar(doing, shown)
    try:
        yield teller(shown_bar)
    except KeyboardInterrupt as interrupt:
        tell_interrupt(interrupt, f"{doing} was interrupted; {left}")
        raise
    finally:
        shown_bar.close()
