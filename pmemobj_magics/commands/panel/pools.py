"""The acts that open, create, close and delete pools."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable

import pmemobj
from pmemobj import PersistentObjectPool, PoolExistsError, PoolNotFoundError, inspect
from pmemobj.inspect import PoolOnDisk, PoolState
from pmemobj_magics.commands.panel.desk import Desk
from pmemobj_magics.common.texts import size_text
from pmemobj_magics.shell.session import DEFAULT_NAME, Session
from pmemobj_magics.views.panel.pools_page import PoolsPage

__all__ = ["PoolActs", "argument_of", "free_name", "path_word"]


_ROLLED_BACK = "What the last program had not committed was rolled back."


class PoolActs:
    """What the page with the pools does.

    Args:
        desk: Runs the acts.
        current: The pool of the panel, or None.
        choose: Makes a pool the pool of the panel.
    """

    page: PoolsPage

    def __init__(
        self,
        desk: Desk,
        current: Callable[[], PersistentObjectPool | None],
        choose: Callable[[PersistentObjectPool], object],
    ) -> None:
        self._desk, self._current, self._choose = desk, current, choose
        self._found: list[PoolOnDisk] = []
        self._open: tuple[str, ...] | None = None
        self._is_choosing = False
        self._doomed = ""

    # ---- the list ----

    def show(self, anew: bool = False) -> None:
        """Show the pools; the folder is only searched again if a pool was opened or closed, or `anew`."""
        now = tuple(sorted(pool.absolute_path for pool in pmemobj.open_pools()))
        if anew or now != self._open:
            self._open = now
            try:
                self._found = inspect.find_pools(".")
            except OSError:
                self._found = []  # the folder was removed, or must not be read
        current = self._current()
        rows = [(_line(self._desk.session, pool), pool.path) for pool in self._found]
        there = {os.path.abspath(pool.path) for pool in self._found}
        for pool in pmemobj.open_pools():
            if pool.absolute_path not in there:
                rows.append((f"{pool.path} · open here as {self._desk.session.call(pool)}", pool.path))
        chosen = None
        if current is not None:
            paths = [path for _, path in rows]
            chosen = next((path for path in paths if os.path.abspath(path) == current.absolute_path), None)
        self._is_choosing = True
        try:
            self.page.show_pools(rows, chosen)
        finally:
            self._is_choosing = False

    def look_again(self) -> None:
        """Search the folder again."""
        self._desk.do(self.page.open_message, lambda: self.show(anew=True))

    def choose(self, path: str) -> None:
        """Take a pool of the list: an open one becomes the pool of the panel; the path of another is filled in."""
        if self._is_choosing:
            return

        def act() -> None:
            self.page.path.value = path
            pool = next((each for each in pmemobj.open_pools() if each.is_at(path)), None)
            if pool is not None:
                self._choose(pool)

        self._desk.do(self.page.open_message, act)

    # ---- opening and creating ----

    def open(self) -> None:
        """Open the pool at the path."""

        def act() -> None:
            path = self._path()
            code = f"%pmem_open {path_word(path)}{self._as(path)}"
            try:
                self._open_by(f"{code} --sandbox" if self.page.sandbox.value else code, is_new=False)
            except pmemobj.PoolBusyError as error:
                raise self._with_holder(path, error) from None

        self._desk.do(self.page.open_message, act)

    def create(self) -> None:
        """Create a pool at the path, and open it."""

        def act() -> None:
            path = self._path()
            if os.path.lexists(os.path.expanduser(path)):
                raise PoolExistsError(
                    f"create pool {path}", "there is a file of this name", "open it, or write another path"
                )
            self._open_by(
                f"%pmem_open {path_word(path)} --create --size {self.page.size.value}{self._as(path)}", is_new=True
            )

        self._desk.do(self.page.create_message, act)

    def _open_by(self, code: str, is_new: bool) -> None:
        report = self._desk.run(code)
        self._desk.note(code)
        self._choose(report.pool)
        facts = "\n".join(f"{name}: {fact}" for name, fact in report.rows)
        if report.pool.recovered:
            facts += f"\n{_ROLLED_BACK}"
        message = self.page.create_message if is_new else self.page.open_message
        message.done(report.title, code, facts)
        self.page.name.value = ""

    def _with_holder(self, path: str, error: pmemobj.PoolBusyError) -> pmemobj.PoolBusyError:
        """The error, with the number of the process that has the pool open, if the list of pools knows it."""
        self.show(anew=True)
        here = os.path.abspath(os.path.expanduser(path))
        found = next((each for each in self._found if os.path.abspath(each.path) == here and each.pid), None)
        if found is None:
            return error
        return pmemobj.PoolBusyError(
            error.what,
            f"another program has it open (process {found.pid}), and only one can have it open at a time",
            "close it there, and press Open again",
        )

    def _path(self) -> str:
        path: str = self.page.path.value.strip()
        if not path:
            raise PoolNotFoundError("open a pool", "the field for the path is empty", "write a path such as bank.pmem")
        return path

    def _as(self, path: str) -> str:
        """The option for the variable: what was typed, or the first name that no other open pool has."""
        name = self.page.name.value.strip()
        if not name:
            name = free_name(self._desk.session, os.path.expanduser(path))
        return "" if name == DEFAULT_NAME else f" --as {name}"

    # ---- closing and deleting ----

    def close_pool(self) -> None:
        """Close the pool of the panel; an open transaction is rolled back first, and the message says so."""

        def act() -> None:
            session, pool = self._desk.session, self._demand_pool("close a pool")
            name, lost = session.call(pool), ""
            if pool.in_transaction:
                mine = session.begun_on(pool) is not None
                code = f"%pmem_abort{argument_of(session, pool)}" if mine else f"{name}.abandon_transaction()"
                self._desk.run(code)
                self._desk.note(code)
                lost = "; the open transaction was rolled back"
            code = f"%pmem_close{argument_of(session, pool)}"
            report = self._desk.run(code)
            self._desk.note(code)
            self.page.close_message.done(f"{report.title}{lost}", code)

        self._desk.do(self.page.close_message, act)

    def ask_delete(self) -> None:
        """Ask whether to delete the pool at the path."""

        def act() -> None:
            path = self._path()
            pool = next((each for each in pmemobj.open_pools() if each.is_at(path)), None)
            if pool is not None:
                raise pmemobj.PoolBusyError(f"delete pool {path}", "it is open here", "press Close first")
            found = next((each for each in self._found if each.path == path), None)
            size = f" ({size_text(found.size)})" if found else ""
            self._doomed = path
            self.page.close_message.clear()
            self.page.show_question(f"Delete {path}{size}, and all that is in it?")

        self._desk.do(self.page.close_message, act)

    def delete(self) -> None:
        """Delete the pool that was asked about."""

        def act() -> None:
            path, self._doomed = self._doomed, ""
            self.page.show_question("")
            code = f"%pmem_delete {path_word(path)}"
            self._desk.run(code)
            self._desk.note(code)
            self.show(anew=True)
            self.page.close_message.done(f"deleted: {path}", code)

        self._desk.do(self.page.close_message, act)

    def keep(self) -> None:
        """Do not delete it."""
        self._doomed = ""
        self.page.show_question("")
        self.page.close_message.note("Nothing was deleted.")

    def _demand_pool(self, what: str) -> PersistentObjectPool:
        pool = self._current()
        if pool is None:
            raise pmemobj.PoolClosedError(what, "no pool is open in this panel", "open one first")
        return pool


def _line(session: Session, found: PoolOnDisk) -> str:
    """The line of a pool in the list."""
    medium = "growing, " if found.grows else ""
    facts = f"{size_text(found.size)}, {medium}{found.medium.short}"
    here = next((pool for pool in pmemobj.open_pools() if pool.is_at(found.path)), None)
    if here is not None:
        state = f"open here as {session.call(here)}{' (sandbox)' if here.sandbox else ''}"
    elif found.state is PoolState.IN_USE:
        state = f"open in another program (process {found.pid})"
    else:
        state = found.state.value + (f": {found.why}" if found.why else "")
    return f"{found.path} · {facts} · {state}"


def free_name(session: Session, path: str) -> str:
    """The first of ``pool``, ``pool2``, ``pool3`` ... that no other open pool has, and nothing else."""
    number = 1
    while True:
        name = DEFAULT_NAME if number == 1 else f"{DEFAULT_NAME}{number}"
        value = session.namespace.get(name)
        if value is None or (isinstance(value, PersistentObjectPool) and (value.closed or value.is_at(path))):
            return name
        number += 1


def path_word(path: str) -> str:
    """A path as a word of the line of a magic, whatever characters it has."""
    return shlex.quote(path.replace("{", "{{").replace("}", "}}").replace("$", "$$"))


def argument_of(session: Session, pool: PersistentObjectPool) -> str:
    """The argument that names a pool in the line of a magic; empty where the magic takes this pool by itself."""
    name = session.call(pool)
    return "" if name == DEFAULT_NAME else f" {path_word(name)}"
