"""The acts that crash the open transaction. The live pool stays as it is, and its transaction stays open."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Callable
from typing import Any

import pmemobj
from pmemobj import (
    Persistent,
    PersistentDict,
    PersistentFrozenSet,
    PersistentList,
    PersistentObjectPool,
    PersistentSet,
    PersistentTuple,
    TransactionError,
)
from pmemobj.crash import PowerModeError
from pmemobj_magics.commands.panel.desk import Desk
from pmemobj_magics.commands.panel.places import Finder, Located
from pmemobj_magics.commands.panel.pools import argument_of
from pmemobj_magics.commands.panel.transcript import as_statements
from pmemobj_magics.commands.panel.uncommitted import uncommitted
from pmemobj_magics.common.pages import details
from pmemobj_magics.views.crash import PowerResult
from pmemobj_magics.views.panel.crash_page import CrashPage

__all__ = ["CrashActs"]

_NUMBERS = (int, float)
#: The largest number of items of which a sum is offered as a check.
_SUMMED = 10_000


class CrashActs:
    """What the page for crashes does.

    Args:
        desk: Runs the acts.
        current: The pool of the panel, or None.
        selected: The offset of the selected object; None for the root.
        finder: Finds objects.
    """

    page: CrashPage

    def __init__(
        self,
        desk: Desk,
        current: Callable[[], PersistentObjectPool | None],
        selected: Callable[[], int | None],
        finder: Finder,
    ) -> None:
        self._desk, self._current, self._selected, self._finder = desk, current, selected, finder

    # ---- the check ----

    def show(self) -> None:
        """Offer checks that fit the selected object."""
        pool = self._current()
        target = None
        if pool is not None:
            # In a check, the variable `pool` is the recovered pool, whatever the live one is called.
            target = self._finder.locate(pool, "pool", self._selected(), self._desk.session.holders(pool))
        self.page.show_checks(_checks(target) if target is not None else ())

    def choose_check(self) -> None:
        """Fill in the check that was chosen."""
        if self.page.checks.value:
            self.page.check.value = self.page.checks.value

    # ---- the crashes ----

    def end_program(self) -> None:
        """Kill a copy of this program in the middle of its transaction."""

        def act() -> None:
            self.page.show_result()
            pool = self._demand_pool()
            code = f"%pmem_crash{argument_of(self._desk.session, pool)}"
            result = self._desk.run(code)
            self._desk.note(code)
            self.page.show_result(result._repr_html_())
            self._say(result, code)

        self._desk.do(self.page.message, act)

    def cut_power(self) -> None:
        """Run the changes of the transaction in the crash lab, as one transaction."""

        def act() -> None:
            self.page.show_result()
            self._power("with pool.transaction():")

        self._desk.do(self.page.message, act)

    def without_transaction(self) -> None:
        """Kill the same changes in the middle, without a transaction; with a check, also cut the power at every step.

        Without a check a power cut between two statements is no fault, so there would be nothing to see.
        """

        def act() -> None:
            self.page.show_result()
            pool, body = self._program()
            middle = max(1, (len(uncommitted(pool, "").rows) + 1) // 2)
            options = f" --kill --rolled-back --no-transaction --at {middle}"
            code = f"%%pmem_crash{argument_of(self._desk.session, pool)}{options}\n{body}"
            killed = self._desk.run(code)
            self._desk.note(code)
            self.page.show_result(killed._repr_html_())
            self._say(killed, code)
            if self.page.check.value.strip():
                # The recorder of power cuts may be missing on this machine; the kill has shown the difference.
                with contextlib.suppress(PowerModeError):
                    self._power("", killed._repr_html_())

        self._desk.do(self.page.message, act)

    def _power(self, around: str, above: str = "") -> None:
        pool, body = self._program()
        session, check = self._desk.session, self.page.check.value.strip()
        if around:
            around = around.replace("pool", session.call(pool), 1)
            body = f"{around}\n{textwrap.indent(body, '    ')}"
        options = f" --power --rolled-back{f' --check {check}' if check else ''}"
        code = f"%%pmem_crash{argument_of(session, pool)}{options}\n{body}"
        result = self._desk.run(code)
        self._desk.note(code)
        parts = [above] if above else []
        if isinstance(result, PowerResult):
            # The timeline shows the same and more; for those who cannot use it there is the text.
            told = details("all simulated power cuts as text", result._repr_html_())
            self.page.show_result(*parts, result.widget, told)
        self._say(result, code)

    def _say(self, result: Any, code: str) -> None:
        """Say the verdict of a crash."""
        self.page.message.done(_sentence(result.summary), code, is_good=result.ok)

    def _program(self) -> tuple[PersistentObjectPool, str]:
        """The pool, and the lines that made the changes of its open transaction.

        Raises:
            TransactionError: no transaction is open, or nothing was changed in it.
        """
        pool = self._demand_pool()
        what = "crash the changes of a transaction"
        if not pool.in_transaction:
            raise TransactionError(
                what, "no transaction is open, so there are no changes to repeat", "press Begin, and change something"
            )
        happenings = self._desk.session.record.in_transaction(pool)
        # A cell magic such as %%time can only stand at the top of a cell, and this is one cell.
        body = "\n".join(as_statements(each.code.rstrip()) for each in happenings)
        if not body.strip():
            raise TransactionError(what, "nothing was changed in it yet", "change something first")
        return pool, body

    def _demand_pool(self) -> PersistentObjectPool:
        pool = self._current()
        if pool is None:
            raise pmemobj.PoolClosedError("crash a transaction", "no pool is open in this panel", "open one first")
        return pool


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _checks(target: Located) -> list[tuple[str, str]]:
    """Checks of an object: for each a text and an expression that is true now."""
    value, code = target.value, target.code
    if isinstance(value, _NUMBERS) and not isinstance(value, bool):
        return [(f"{code} stays {value}", f"{code} == {value}")]
    if not isinstance(value, Persistent) or not hasattr(value, "__len__"):
        return []
    checks = []
    if isinstance(value, PersistentDict | PersistentList | PersistentTuple) and 0 < len(value) <= _SUMMED:
        items = value.values() if isinstance(value, PersistentDict) else value
        numbers = [each for each in items if isinstance(each, _NUMBERS)]
        if len(numbers) == len(value):
            summed = f"sum({code}.values())" if isinstance(value, PersistentDict) else f"sum({code})"
            checks.append((f"the sum stays {sum(numbers)}", f"{summed} == {sum(numbers)}"))
    if isinstance(value, PersistentDict | PersistentList | PersistentTuple | PersistentSet | PersistentFrozenSet):
        checks.append((f"the length stays {len(value)}", f"len({code}) == {len(value)}"))
    return checks
