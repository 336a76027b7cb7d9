"""The desk of a panel: it runs acts, shows what they did beside their controls, and writes the transcript.

An act runs the very lines that it shows. They consist of checked parts only: names, paths, literals and numbers.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

from pmemobj import PersistentObjectPool
from pmemobj_magics.commands.panel.transcript import Transcript
from pmemobj_magics.common.main_thread import MainThread
from pmemobj_magics.shell.session import Session
from pmemobj_magics.views.panel import Message, Status

__all__ = ["Desk"]

#: The largest number of characters of what an act printed that are shown.
_PRINTED = 2000
_STOPPED = "The act was stopped before it had ended. What one statement does happens wholly or not at all."


class Desk:
    """Runs the acts of one panel.

    Args:
        session: The session.
        refresh: Shows the new state after each act.

    Attributes:
        session: The session.
        transcript: What was done.
        status: The line at the top, which learns of each act that is finished.
    """

    def __init__(self, session: Session, refresh: Callable[[], object]) -> None:
        self.session = session
        self.transcript = Transcript()
        self.status: Status | None = None
        self._main = MainThread()
        self._refresh = refresh
        self._printed = io.StringIO()
        #: Where the last act said something. What an earlier act has said need not be true any more.
        self._said: Message | None = None

    def do(self, message: Message | None, act: Callable[[], object]) -> None:
        """Run an act in the main thread: at once, or when the running cell has ended.

        Args:
            message: Where an error is shown, beside the control.
            act: The act, which shows its success itself.
        """

        def run() -> None:
            if self.status is not None:
                self.status.started += 1
            before = None if message is None else message.told
            try:
                with self._capture():
                    act()
            except KeyboardInterrupt:
                if message is not None:
                    message.note(_STOPPED)
            except Exception as error:  # shown beside the control, since nobody sees a traceback of a handler
                if message is not None:
                    message.error(error, self.printed)
            finally:
                if message is not None and message.told is not before:
                    self._take_back(message)
                self.refresh()
                if self.status is not None:
                    self.status.answered += 1

        self._main.call(run)

    def _take_back(self, message: Message) -> None:
        """Clear what the last act said elsewhere, since this message is newer."""
        if self._said is not None and self._said is not message:
            self._said.clear()
        self._said = message

    def refresh(self) -> None:
        """Show the present state; it is called in the main thread."""
        self._refresh()

    def remember_loop(self) -> None:
        """Note the event loop; it is called at the end of each cell."""
        self._main.remember()

    def run(self, code: str, *, changes: bool = False, pool: PersistentObjectPool | None = None) -> Any:
        """Run lines, and write them into the transcript.

        Args:
            code: One line magic, one cell magic with its body, or lines of Python.
            changes: Whether they change what is in a pool.
            pool: The pool that they are about.

        Returns:
            What the magic returned; None for lines of Python.
        """
        record = self.session.record
        record.expect()
        try:
            return self._run(code)
        finally:
            record.act(code, changes)

    def note(self, code: str) -> None:
        """Write lines that have run into the transcript."""
        self.transcript.add(code)

    @property
    def printed(self) -> str:
        """What the running act has printed so far."""
        text = self._printed.getvalue().rstrip()
        return text if len(text) <= _PRINTED else f"{text[:_PRINTED]}\n…"

    def _run(self, code: str) -> Any:
        shell = self.session.shell
        if code.startswith("%%"):
            head, _, body = code.partition("\n")
            name, _, line = head[2:].partition(" ")
            return shell.run_cell_magic(name, line, body)
        if code.startswith("%"):
            name, _, line = code[1:].partition(" ")
            return shell.run_line_magic(name, line)
        exec(compile(code, "<panel>", "exec"), self.session.namespace)
        return None

    @contextlib.contextmanager
    def _capture(self) -> Any:
        """Keep what an act prints, such as the ``__init__`` of a class: a handler has no cell to print below."""
        self._printed = io.StringIO()
        with contextlib.redirect_stdout(self._printed), contextlib.redirect_stderr(self._printed):
            yield
