"""The memory of a pool: the bytes of an object, the space in the pool, freed garbage, and the result of a check.

Nothing here imports IPython; the results show themselves wherever ``_repr_mimebundle_`` is known.

| module | what it is responsible for |
|---|---|
| `bytes` | `MemoryPicture`: the bytes of an object |
| `layout` | the cards of an object's allocations, and the arrows between them |
| `card` | one allocation as a card with a row for each word |
| `stats` | `StatsPicture`: what takes the space in a pool |
| `gc` | `GarbageReport`: what a garbage collection has freed |
| `check` | `CheckReport`: what an examination has found |
| `blocks` | the bars and maps that `stats` and `gc` draw |
"""

from __future__ import annotations

from pmemobj_magics.views.memory.bytes import MemoryPicture
from pmemobj_magics.views.memory.check import CheckReport
from pmemobj_magics.views.memory.gc import GarbageReport
from pmemobj_magics.views.memory.stats import StatsPicture

__all__ = ["CheckReport", "GarbageReport", "MemoryPicture", "StatsPicture"]
