"""Objects and their references as a drawing: from `pmemobj.inspect.Graph` to DOT and SVG.

Nothing here imports IPython; a `PoolGraph` shows itself wherever ``_repr_mimebundle_`` is known. The texts of values
arrive already cut: `describe` in `pmemobj/_values/words.py` does that.

| module | what it is responsible for |
|---|---|
| `view` | `PoolGraph`, which shows and saves itself |
| `dot` | the drawing in graphviz's language |
| `label` | the table of one object |
| `arrows` | which references are drawn as arrows |
| `look` | colours, lines and words for new, changed, removed, unreachable and damaged objects |
| `layout` | the ways to arrange a drawing |
| `svg` | graphviz's output made fit for notebooks |
| `frames` | several graphs of one pool, compared and cut to a size that can be drawn |
| `figure` | a graph as an image with a caption |
"""

from __future__ import annotations

from pmemobj_magics.views.graph.figure import figure
from pmemobj_magics.views.graph.frames import clip, news
from pmemobj_magics.views.graph.layout import LAYOUTS, find_layout
from pmemobj_magics.views.graph.view import PoolGraph

__all__ = ["LAYOUTS", "PoolGraph", "clip", "figure", "find_layout", "news"]
