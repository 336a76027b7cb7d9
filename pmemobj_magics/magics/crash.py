"""The magic that crashes a cell on purpose."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj.crash import MODELS
from pmemobj_magics import commands
from pmemobj_magics.arguments import demand_choice, expand_path, parse_seconds
from pmemobj_magics.cell import CellCode
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.magics.base import BaseMagics, argument, magic, pool_argument, show

__all__ = ["CrashMagics"]


class CrashMagics(BaseMagics):
    """Crashes."""

    @magic(
        pool_argument,
        argument("--kill", action="store_true", help="kill once (default)"),
        argument("--at", metavar="N", help="kill after the N-th change"),
        argument("--sweep", action="store_true", help="kill at every change"),
        argument("--power", action="store_true", help="cut the power at every moment"),
        argument("--model", default=None, help="drop, all-or-none, prefix, events, lines (default)"),
        argument("--check", nargs="+", metavar="EXPR", help="--power: must be true of the recovered pool"),
        argument("--budget", metavar="N", help="crashes at most (200 kills, 3000 cuts)"),
        argument("--seconds", metavar="S", help="time for all (default 60)"),
        argument("--seed", metavar="N", help="chooses the sample of cuts"),
        argument("--interactive", action="store_true", default=None, help="a timeline"),
        argument("--save", metavar="FILE", help="write it as .html"),
        cell=True,
        code=True,
    )
    def pmem_crash(self, arguments: argparse.Namespace, code: CellCode) -> Any:
        """Crash the cell on purpose, and show what recovery makes of the pool.

        The kernel lives on. The cell is killed in a transaction on the real pool; with --power it runs on a
        copy, in the transactions that it makes, and nothing changes.

        Example::

            %%pmem_crash --power --check sum(pool.root.values()) == 100
            with pool.transaction():
                pool.root["anna"] -= 10
                pool.root["bert"] += 10
        """
        mode = _mode(arguments)
        limits = commands.Limits(
            cell=self.crash_seconds,
            exploring=60.0 if arguments.seconds is None else parse_seconds("--seconds", arguments.seconds),
            budget=self.count("--budget", arguments.budget, 3000 if mode == "power" else 200) or 1,
            max_nodes=self.max_nodes,
            max_items=self.max_items,
            progress=self.progress,
        )
        if mode == "sweep":
            return commands.sweep(self.session, code, arguments.name, limits)
        if mode == "power":
            model = demand_choice("--model", arguments.model or "lines", MODELS)
            seed = self.count("--seed", arguments.seed, 0, least=0) or 0
            result = commands.cut_power(
                self.session,
                code,
                arguments.name,
                model=model,
                check=commands.unquoted(arguments.check or []),
                seed=seed,
                limits=limits,
                interactive=bool(arguments.interactive),
            )
            if arguments.interactive:
                show(result.widget)
            if arguments.save:
                result.save(expand_path(arguments.save.strip("'\""), self.session))
            return result
        at = self.count("--at", arguments.at, None)
        return commands.kill(self.session, code, arguments.name, at, limits)


#: Which options of %%pmem_crash belong to which kinds of crash.
_OF_MODE = {
    "at": ("kill",),
    "model": ("power",),
    "check": ("power",),
    "seed": ("power",),
    "interactive": ("power",),
    "save": ("power",),
    "budget": ("sweep", "power"),
    "seconds": ("sweep", "power"),
}


def _mode(arguments: argparse.Namespace) -> str:
    """Which kind of crash is asked for.

    Raises:
        MagicUsageError: more than one, or an option of another kind.
    """
    asked = [mode for mode in ("kill", "sweep", "power") if getattr(arguments, mode)]
    if len(asked) > 1:
        both = " and ".join(f"--{mode}" for mode in asked)
        raise MagicUsageError(f"use {both} together", "each is a kind of crash of its own", "choose one of them")
    mode = asked[0] if asked else "kill"
    for option, modes in _OF_MODE.items():
        if getattr(arguments, option) is not None and mode not in modes:
            fitting = " or ".join(f"--{each}" for each in modes)
            todo = f"leave it out, or add {fitting}"
            raise MagicUsageError(f"use --{option} with --{mode}", f"it belongs to {fitting}", todo)
    return mode
