"""From an object graph to a picture: `pmemobj.inspect.Graph` to DOT and SVG.

No IPython in here; a `PoolGraph` shows itself wherever ``_repr_mimebundle_`` is known.
"""

from __future__ import annotations

from pmemobj_magics.views.graph.frames import clip, news
from pmemobj_magics.views.graph.layout import LAYOUTS, find_layout
from pmemobj_magics.views.graph.view import PoolGraph

__all__ = ["LAYOUTS", "PoolGraph", "clip", "find_layout", "news"]
