"""What the magics do: one function each, with plain arguments and a result that shows itself."""

from __future__ import annotations

from pmemobj_magics.commands.crash import Limits, cut_power, kill, sweep, unquoted
from pmemobj_magics.commands.dumps import DumpReport, dump_pool, restore_pool
from pmemobj_magics.commands.graph import Extent, compare_graphs, draw_graph, draw_tree
from pmemobj_magics.commands.log import show_log
from pmemobj_magics.commands.memory import check_pool, collect_garbage, measure_pool, show_bytes
from pmemobj_magics.commands.pools import PoolList, PoolReport, close_pool, list_pools, open_pool
from pmemobj_magics.commands.transactions import TransactionReport, abort, begin, commit, run_cell
from pmemobj_magics.commands.watch import WatchLimits, watch

__all__ = [
    "DumpReport",
    "Extent",
    "Limits",
    "PoolList",
    "PoolReport",
    "TransactionReport",
    "WatchLimits",
    "abort",
    "begin",
    "check_pool",
    "close_pool",
    "collect_garbage",
    "commit",
    "compare_graphs",
    "cut_power",
    "draw_graph",
    "draw_tree",
    "dump_pool",
    "kill",
    "list_pools",
    "measure_pool",
    "open_pool",
    "restore_pool",
    "run_cell",
    "show_bytes",
    "show_log",
    "sweep",
    "unquoted",
    "watch",
]
