"""The magics themselves: arguments, help and options; `commands` does the work.

Each theme is a class with the methods that are its magics; `PmemMagics` puts them together. A method
names its arguments and hands them on: what it does is a function of `commands`.
"""

from __future__ import annotations

from IPython.core.magic import magics_class

from pmemobj_magics.magics.crash import CrashMagics
from pmemobj_magics.magics.graph import PictureMagics
from pmemobj_magics.magics.memory import MemoryMagics
from pmemobj_magics.magics.pools import PoolMagics
from pmemobj_magics.magics.transactions import TransactionMagics
from pmemobj_magics.magics.watch import WatchMagics

__all__ = ["PmemMagics"]


# IPython notes each magic where it is defined; this takes all that were noted since the last class of magics.
@magics_class
class PmemMagics(PoolMagics, TransactionMagics, PictureMagics, MemoryMagics, WatchMagics, CrashMagics):
    """Magics that open pools, run cells in transactions, draw objects, and crash cells on purpose."""
