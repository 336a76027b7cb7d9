"""Objects as a tree that unfolds, and the small tree that every persistent object shows of itself.

Nothing here imports IPython or needs graphviz, and the HTML contains no script.

| module | what it is responsible for |
|---|---|
| `view` | `PoolTree`, which shows and saves itself |
| `html` | the tree as nested ``<details>`` |
| `summary` | the line below a tree or a graph; a tree with this line, as text and as HTML |
"""

from __future__ import annotations

from pmemobj_magics.views.tree.html import small_tree, to_html
from pmemobj_magics.views.tree.summary import footer, whole_html, whole_text
from pmemobj_magics.views.tree.view import PoolTree

__all__ = ["PoolTree", "footer", "small_tree", "to_html", "whole_html", "whole_text"]
