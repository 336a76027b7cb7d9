"""The explorer of ``%pmem_watch``: a tree, a graph and the bytes of a pool, which follow the changes that cells make.

The scripts in the page have all the data, so selecting, folding, searching, panning and zooming need no kernel.

| module | what it is responsible for |
|---|---|
| `widget` | `PoolExplorer`: the widget, and the data that it shares with the page |
| `scene` | what is shown of a pool at one moment, and the same as JSON |
| `memory_json` | the memory of an object as JSON |
| `follow` | when explorers look at their pools again |
| `static` | the explorer as plain HTML, for viewers without a kernel |
"""

from __future__ import annotations

from pmemobj_magics.views.watch.follow import Follower
from pmemobj_magics.views.watch.scene import WatchLimits
from pmemobj_magics.views.watch.static import PictureBelow
from pmemobj_magics.views.watch.widget import PoolExplorer

__all__ = ["Follower", "PictureBelow", "PoolExplorer", "WatchLimits"]
