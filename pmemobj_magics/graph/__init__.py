"""From an object graph to a picture: `pmemobj.inspect.Graph` to DOT, SVG, or a tree of text.

No IPython in here; a `PoolGraph` shows itself wherever ``_repr_mimebundle_`` is known.
"""

from __future__ import annotations

from pmemobj_magics.graph._dot import to_dot
from pmemobj_magics.graph._frames import clip, news
from pmemobj_magics.graph._tree import to_tree
from pmemobj_magics.graph._view import PoolGraph

__all__ = ["PoolGraph", "clip", "news", "to_dot", "to_tree"]
