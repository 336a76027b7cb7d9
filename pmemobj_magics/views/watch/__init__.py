"""The explorer of ``%pmem_watch``: tree, graph and bytes of a pool, which follow what the cells do to it.

`_scene` takes what is shown out of the pool, `_widget` hands it to the page, `_follow` says when. What the reader
does in the page (select, fold, search, pan and zoom) needs no kernel; the scripts there have all the data.
"""

from __future__ import annotations

from pmemobj_magics.views.watch.follow import Follower
from pmemobj_magics.views.watch.scene import Limits
from pmemobj_magics.views.watch.widget import PoolExplorer

__all__ = ["Follower", "Limits", "PoolExplorer"]
