"""What the panel says: a message beside the control that caused it, and the line at the top.

Both are elements that stay in the page while their text changes, so that a screen reader reads the new text.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from pmemobj import PmemError

__all__ = ["Message", "Status"]

_PLACE = Path(__file__).parent


class Message(anywidget.AnyWidget):
    """What an act did, with the code that does the same; or an error in three parts.

    Attributes:
        told: ``kind`` (``done``, ``found``, ``note``, ``error`` or nothing), ``what``, ``why``, ``todo``, ``code``, and
            ``number``, which differs from one message to the next, so that the same message is read again.
    """

    _esm = (_PLACE / "message.js").read_text()
    told = traitlets.Dict().tag(sync=True)
    _number = 0

    def clear(self) -> None:
        """Show nothing."""
        if self.told:
            self.told = {}

    def done(self, what: str, code: str = "", more: str = "", is_good: bool = True) -> None:
        """Say what was done.

        Args:
            what: One sentence.
            code: The lines that do the same.
            more: Further facts, one a line.
            is_good: Whether it is what one hopes for; a crash that tears something is done, but not good.
        """
        self._tell(kind="done" if is_good else "found", what=what, code=code, more=more)

    def note(self, what: str) -> None:
        """Say something that is neither a success nor an error."""
        self._tell(kind="note", what=what)

    def error(self, error: BaseException, more: str = "") -> None:
        """Say why an act failed: what, why, and what to do."""
        if isinstance(error, PmemError):
            self._tell(kind="error", what=f"Cannot {error.what}", why=error.why, todo=error.todo, more=more)
        else:
            why = str(error) or "no reason was given"
            self._tell(kind="error", what=f"{type(error).__name__}: {why}", more=more)

    def _tell(self, **parts: str) -> None:
        Message._number += 1
        self.told = {"number": Message._number, **parts}

    def __str__(self) -> str:
        parts = (self.told.get(name, "") for name in ("what", "why", "todo"))
        return "; ".join(part for part in parts if part)


class Status(anywidget.AnyWidget):
    """The line at the top of the panel: the pool, its transaction, and whether the kernel answers.

    The script also keeps the shortcuts of the notebook away from the controls of the panel, gives the focus to another
    control when an act disables or hides the one that had it, and says so if no answer comes after a press.

    Attributes:
        told: ``pool``, ``state`` (``none``, ``open``, ``uncommitted``, ``aborted`` or ``closed``), ``text``, and
            ``begun``, the time when the transaction began, in seconds since 1970.
        started, answered: Grow with each act that begins, and that is finished. While a cell runs, no act begins.
    """

    _esm = "\n".join((_PLACE / name).read_text() for name in ("fields.js", "focus.js", "status.js"))
    _css = (_PLACE / "panel.css").read_text()
    told: Any = traitlets.Dict().tag(sync=True)
    started = traitlets.Int(0).tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)

    def on_press(self, press: Callable[[int, str, dict[str, Any]], object]) -> None:
        """Have a function called for each press: the number of the button, its text, the used fields by label."""

        def receive(_widget: Any, content: Any, _buffers: Any) -> None:
            if isinstance(content, dict) and isinstance(content.get("press"), int):
                fields = content.get("fields")
                press(content["press"], str(content.get("label", "")), fields if isinstance(fields, dict) else {})

        self.on_msg(receive)

    def on_use(self, use: Callable[[str], object]) -> None:
        """Have a function called with the label of a field when somebody uses it first after a press."""

        def receive(_widget: Any, content: Any, _buffers: Any) -> None:
            if isinstance(content, dict) and isinstance(content.get("used"), str):
                use(content["used"])

        self.on_msg(receive)
