"""`PmemMagics`: all magics in the one class that IPython registers."""

from __future__ import annotations

from IPython.core.magic import magics_class

from pmemobj_magics.magics.crash import CrashMagics
from pmemobj_magics.magics.dumps import DumpMagics
from pmemobj_magics.magics.graph import GraphMagics
from pmemobj_magics.magics.journal import JournalMagics
from pmemobj_magics.magics.log import LogMagics
from pmemobj_magics.magics.memory import MemoryMagics
from pmemobj_magics.magics.panel import PanelMagics
from pmemobj_magics.magics.pools import PoolMagics
from pmemobj_magics.magics.transactions import TransactionMagics
from pmemobj_magics.magics.tree import TreeMagics
from pmemobj_magics.magics.watch import WatchMagics

__all__ = ["PmemMagics"]


# IPython's decorators collect every magic that is defined; `magics_class` takes all that were collected since it was
# last called. So it stands here once, and not at each of the base classes.
@magics_class
class PmemMagics(
    PoolMagics,
    DumpMagics,
    TransactionMagics,
    TreeMagics,
    GraphMagics,
    MemoryMagics,
    LogMagics,
    JournalMagics,
    WatchMagics,
    PanelMagics,
    CrashMagics,
):
    """Magics that open pools, run cells in transactions, draw objects, and crash cells on purpose."""
