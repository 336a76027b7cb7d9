"""What the magics do: one function each, with plain arguments and a result that shows itself."""

from __future__ import annotations

from pmemobj_magics.commands.crash import Limits, cut_power, kill, sweep, unquoted
from pmemobj_magics.commands.graph import draw_graph
from pmemobj_magics.commands.log import show_log
from pmemobj_magics.commands.memory import check_pool, collect_garbage, measure_pool, show_bytes
from pmemobj_magics.commands.pools import PoolList, PoolReport, close_pool, list_pools, open_pool
from pmemobj_magics.commands.transactions import TransactionReport, abort, begin, commit, run_cell

__all__ = [
    "Limits",
    "PoolList",
    "PoolReport",
    "TransactionReport",
    "abort",
    "begin",
    "check_pool",
    "close_pool",
    "collect_garbage",
    "commit",
    "cut_power",
    "draw_graph",
    "kill",
    "list_pools",
    "measure_pool",
    "open_pool",
    "run_cell",
    "show_bytes",
    "show_log",
    "sweep",
    "unquoted",
]
