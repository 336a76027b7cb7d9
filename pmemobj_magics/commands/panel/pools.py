"""The acts that open, create, close and delete pools."""

from __future__ import annotations

import builtins
import keyword
import os
import shlex
from collections.abc import Callable

import pmemobj
from pmemobj import NotAPoolError, PersistentObjectPool, PoolExistsError, PoolNotFoundError, inspect
from pmemobj.inspect import PoolOnDisk, PoolState
from pmemobj_magics.commands.panel.desk import Desk
from pmemobj_magics.common.texts import size_text
from pmemobj_magics.errors import MagicUsageError
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
        forget: Takes a closed pool out of the panel, by its absolute path.
    """

    page: PoolsPage

    def __init__(
        self,
        desk: Desk,
        current: Callable[[], PersistentObjectPool | None],
        choose: Callable[[PersistentObjectPool], object],
        forget: Callable[[str], object],
    ) -> None:
        self._desk, self._current, self._choose, self._forget = desk, current, choose, forget
        self._found: list[PoolOnDisk] = []
        self._open: tuple[str, ...] | None = None
        self._is_choosing = False
        self._doomed = ""
        #: The absolute path of the pool that the list has marked last.
        self._marked = ""

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
        # The list marks the pool of the panel, until the reader chooses another line.
        chosen, here = None, "" if current is None else current.absolute_path
        if here != self._marked:
            self._marked = here
            chosen = next((path for _, path in rows if os.path.abspath(path) == here), None)
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
            path = self._path("open")
            code = f"%pmem_open {path_word(path)}{self._as(path)}"
            self._open_by(f"{code} --sandbox" if self.page.sandbox.value else code, is_new=False)

        self._desk.do(self.page.open_message, act)

    def create(self) -> None:
        """Create a pool at the path, and open it."""

        def act() -> None:
            path = self._path("create")
            if os.path.lexists(os.path.expanduser(path)):
                raise PoolExistsError(
                    f"create pool {path}", "there is a file of this name", "open it, or write another path"
                )
            self._open_by(
                f"%pmem_open {path_word(path)} --exclusive --size {self.page.size.value}{self._as(path)}", is_new=True
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
        self.page.spent.spend(self.page.name)

    def _path(self, verb: str) -> str:
        self._stop_asking()
        path: str = self.page.path.value.strip()
        if not path:
            raise PoolNotFoundError(
                f"{verb} a pool", "the field for the path is empty", "write a path such as bank.pmem"
            )
        return path

    def _as(self, path: str) -> str:
        """The option for the variable: what was typed, or the first name that no other open pool has."""
        name = self.page.name.value.strip()
        if not name:
            name = free_name(self._desk.session, os.path.expanduser(path))
        if not name.isidentifier() or keyword.iskeyword(name):
            raise MagicUsageError(
                f"bind the pool to {name}", "no variable can have this name", "write a name such as bank"
            )
        if hasattr(builtins, name):
            raise MagicUsageError(f"bind the pool to {name}", f"{name} belongs to Python", "write another name")
        return "" if name == DEFAULT_NAME else f" --as {name}"

    # ---- closing and deleting ----

    def close_pool(self) -> None:
        """Close the pool of the panel; an open transaction is rolled back first, and the message says so."""

        def act() -> None:
            session, pool = self._desk.session, self._pool_to_close()
            name, lost = session.call(pool), ""
            if pool.in_transaction:
                mine = session.begun_on(pool) is not None
                code = f"%pmem_abort{argument_of(session, pool)}" if mine else f"{name}.abandon_transaction()"
                self._desk.run(code)
                self._desk.note(code)
                lost = "; the open transaction was rolled back"
                # What stays in sight is the state that the pool has without the transaction.
                self._desk.refresh()
            code = f"%pmem_close{argument_of(session, pool)}"
            report = self._desk.run(code)
            self._desk.note(code)
            self.page.close_message.done(f"{report.title}{lost}", code)

        self._desk.do(self.page.close_message, act)

    def ask_delete(self) -> None:
        """Ask whether to delete the pool at the path."""

        def act() -> None:
            path = self._path("delete")
            pool = next((each for each in pmemobj.open_pools() if each.is_at(path)), None)
            if pool is not None:
                raise pmemobj.PoolBusyError(f"delete pool {path}", "it is open here", "press Close first")
            size = size_text(self._demand_file(path).size)
            self._doomed = path
            self.page.close_message.clear()
            self.page.show_question(f"Delete {path} ({size}), and all that is in it?")

        self._desk.do(self.page.close_message, act)

    def delete(self) -> None:
        """Delete the pool that was asked about."""

        def act() -> None:
            path, self._doomed = self._doomed, ""
            self.page.show_question("")
            code = f"%pmem_delete {path_word(path)}"
            gone = os.path.abspath(os.path.expanduser(path))
            self._desk.run(code)
            self._desk.note(code)
            self._forget(gone)
            self.page.path.value = ""
            self.show(anew=True)
            self.page.close_message.done(f"deleted: {path}", code)

        self._desk.do(self.page.close_message, act)

    def keep(self) -> None:
        """Do not delete it."""
        self._stop_asking()
        self.page.close_message.note("Nothing was deleted.")

    def _stop_asking(self) -> None:
        self._doomed = ""
        self.page.show_question("")

    def _demand_file(self, path: str) -> PoolOnDisk:
        """What lies at a path, if it is a pool."""
        place = os.path.expanduser(path)
        try:
            found = inspect.find_pools(os.path.dirname(os.path.abspath(place)), depth=0, most=10_000)
        except OSError:
            found = []
        pool = next((each for each in found if os.path.abspath(each.path) == os.path.abspath(place)), None)
        if pool is not None:
            return pool
        if os.path.lexists(place):
            raise NotAPoolError(f"delete {path}", "it is no pool", "choose a pool in the list")
        raise PoolNotFoundError(f"delete pool {path}", "there is no such file", "choose a pool in the list")

    def _pool_to_close(self) -> PersistentObjectPool:
        """The pool at the path in the field, or without a path the pool of the panel."""
        path = self.page.path.value.strip()
        pool = next((each for each in pmemobj.open_pools() if each.is_at(os.path.expanduser(path))), None)
        if path and pool is None:
            raise pmemobj.PoolClosedError(
                f"close pool {path}", "it is not open here", "choose an open pool in the list"
            )
        if pool is None:
            pool = self._current()
        if pool is None:
            raise pmemobj.PoolClosedError("close a pool", "no pool is open in this panel", "open one first")
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
