"""``%pmem_crash`` and ``%%pmem_crash``: crash the open transaction, or a cell, on purpose."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj.crash import MODELS
from pmemobj_magics.commands.crash import CrashLimits, How, cut_power, kill, kill_here, sweep
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.magics.base import BaseMagics, argument, magic, pool_argument, show
from pmemobj_magics.shell.arguments import demand_choice, parse_seconds, unquoted
from pmemobj_magics.shell.cell import CellCode

__all__ = ["CrashMagics"]


class CrashMagics(BaseMagics):
    """Crashes."""

    @magic(pool_argument, name="pmem_crash")
    def pmem_crash_here(self, arguments: argparse.Namespace) -> Any:
        """End the program here: a child process dies in the middle of the open transaction, and the pool is recovered.

        The child dies on a copy of the pool. The pool itself, the transaction and the kernel go on as they were.
        To crash a cell, put %%pmem_crash at its top.

        Example::

            %pmem_begin
            pool.root["anna"] -= 10
            %pmem_crash
            %pmem_abort
        """
        return kill_here(self.session, arguments.name, self._limits(60.0, 1))

    @magic(
        pool_argument,
        argument("--kill", action="store_true", help="kill the cell once (default)"),
        argument("--at", metavar="N", help="kill it after the N-th change (default: before the commit)"),
        argument("--sweep", action="store_true", help="kill the cell after every change"),
        argument("--power", action="store_true", help="cut the power before every step"),
        argument("--model", default=None, help="drop, all-or-none, prefix, events or lines (default)"),
        argument("--check", nargs="+", metavar="EXPR", help="must be true of the recovered pool (--power)"),
        argument("--rolled-back", action="store_true", help="run it on a copy, as before the open transaction"),
        argument("--no-transaction", action="store_true", default=None, help="kill it without one, on a copy"),
        argument("--budget", metavar="N", help="largest number of crashes (200 kills, 3000 power cuts)"),
        argument("--seconds", metavar="S", help="time limit for all crashes (default 60)"),
        argument("--seed", metavar="N", help="seed for the sample of power cuts"),
        argument("--interactive", action="store_true", default=None, help="show a timeline with a slider (--power)"),
        argument("--save", metavar="FILE", help="also write the timeline to a .html file (--power)"),
        cell=True,
        code=True,
    )
    def pmem_crash(self, arguments: argparse.Namespace, code: CellCode) -> Any:
        """Crash the cell in a child process and show the recovered pool. A killed cell runs in a transaction on the
        real pool; --power runs it on a copy, as written.

        Example::

            %%pmem_crash --power --check sum(pool.root.values()) == 100
            pool.root["anna"] -= 10; pool.root["bert"] += 10
        """
        mode = _mode(arguments)
        limits = self._limits(
            60.0 if arguments.seconds is None else parse_seconds("--seconds", arguments.seconds),
            self.count("--budget", arguments.budget, 3000 if mode == "power" else 200) or 1,
        )
        alone = bool(arguments.no_transaction)
        how = How(rolled_back=arguments.rolled_back or alone, transaction=not alone)
        if mode == "power":
            return self._cut_power(arguments, code, limits)
        if mode == "sweep":
            return sweep(self.session, code, arguments.name, how, limits)
        at = self.count("--at", arguments.at, None)
        return kill(self.session, code, arguments.name, at, how, limits)

    def _limits(self, exploring: float, budget: int) -> CrashLimits:
        return CrashLimits(
            cell=self.crash_seconds,
            exploring=exploring,
            budget=budget,
            max_nodes=self.max_nodes,
            max_items=self.max_items,
            progress=self.progress,
        )

    def _cut_power(self, arguments: argparse.Namespace, code: CellCode, limits: CrashLimits) -> Any:
        result = cut_power(
            self.session,
            code,
            arguments.name,
            model=demand_choice("--model", arguments.model or "lines", MODELS),
            check=unquoted(arguments.check or []),
            seed=self.count("--seed", arguments.seed, 0, least=0) or 0,
            rolled_back=arguments.rolled_back,
            limits=limits,
            interactive=bool(arguments.interactive),
        )
        if arguments.interactive:
            show(result.widget)
        return self.saved(result, arguments.save)


#: The kinds of crash that an option of %%pmem_crash belongs to.
_OF_MODE = {
    "at": ("kill",),
    "no_transaction": ("kill",),
    "model": ("power",),
    "check": ("power",),
    "seed": ("power",),
    "interactive": ("power",),
    "save": ("power",),
    "budget": ("sweep", "power"),
    "seconds": ("sweep", "power"),
}


def _mode(arguments: argparse.Namespace) -> str:
    """The kind of crash that the options ask for.

    Raises:
        MagicUsageError: they ask for several kinds, or an option belongs to another kind.
    """
    asked = [mode for mode in ("kill", "sweep", "power") if getattr(arguments, mode)]
    if len(asked) > 1:
        both = " and ".join(f"--{mode}" for mode in asked)
        raise MagicUsageError(f"use {both} together", "they are different kinds of crash", "choose one of them")
    mode = asked[0] if asked else "kill"
    for option, modes in _OF_MODE.items():
        if getattr(arguments, option) is not None and mode not in modes:
            fitting = " or ".join(f"--{each}" for each in modes)
            todo = f"leave it out, or {'use' if asked else 'add'} {fitting}"
            name = option.replace("_", "-")
            raise MagicUsageError(f"use --{name} with --{mode}", f"--{name} belongs to {fitting}", todo)
    return mode
