"""What the magics do: one function each, with plain arguments and a result that shows itself."""

from __future__ import annotations

from pmemobj_magics.commands.crash import CrashResult, crash
from pmemobj_magics.commands.graph import draw_graph
from pmemobj_magics.commands.pools import PoolList, PoolReport, close_pool, list_pools, open_pool
from pmemobj_magics.commands.transactions import TransactionReport, abort, begin, commit, run_cell

__all__ = [
    "CrashResult",
    "PoolList",
    "PoolReport",
    "TransactionReport",
    "abort",
    "begin",
    "close_pool",
    "commit",
    "crash",
    "draw_graph",
    "list_pools",
    "open_pool",
    "run_cell",
]
