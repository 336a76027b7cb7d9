"""What the magics do: one function each, with plain arguments and a result that shows itself."""

from __future__ import annotations

from pmemobj_magics.commands.crash import Limits, cut_power, kill, sweep, unquoted
from pmemobj_magics.commands.graph import draw_graph
from pmemobj_magics.commands.pools import PoolList, PoolReport, close_pool, list_pools, open_pool
from pmemobj_magics.commands.transactions import TransactionReport, abort, begin, commit, run_cell
from pmemobj_magics.commands.watch import WatchLimits, watch

__all__ = [
    "Limits",
    "PoolList",
    "PoolReport",
    "TransactionReport",
    "WatchLimits",
    "abort",
    "begin",
    "close_pool",
    "commit",
    "cut_power",
    "draw_graph",
    "kill",
    "list_pools",
    "open_pool",
    "run_cell",
    "sweep",
    "unquoted",
    "watch",
]
