"""The objects of a pool as a tree to unfold, and the small one that each object shows of itself.

No IPython in here, no graphviz, and no script in what is made.
"""

from __future__ import annotations

from pmemobj_magics.views.tree.html import small_tree, to_html
from pmemobj_magics.views.tree.summary import footer
from pmemobj_magics.views.tree.view import PoolTree

__all__ = ["PoolTree", "footer", "small_tree", "to_html"]
