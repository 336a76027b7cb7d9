"""The bytes of objects and of pools as pictures: `pmemobj.inspect.Memory` and `pmemobj.PoolStats` to SVG and text.

No IPython in here; the results show themselves wherever ``_repr_mimebundle_`` is known.
"""

from __future__ import annotations

from pmemobj_magics.views.memory.heap import GarbageReport, HeapPicture
from pmemobj_magics.views.memory.report import CheckReport
from pmemobj_magics.views.memory.view import MemoryPicture

__all__ = ["CheckReport", "GarbageReport", "HeapPicture", "MemoryPicture"]
