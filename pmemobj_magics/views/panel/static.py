"""The panel as plain HTML, for a saved notebook without a kernel: the pool as a picture, and the session as code."""

from __future__ import annotations

import html

__all__ = ["static_panel"]


def static_panel(status: str, picture: str, uncommitted: str, code: str) -> str:
    """The page.

    Args:
        status: The line at the top.
        picture: The explorer as HTML; empty without a pool.
        uncommitted: The list of what is not committed, as HTML.
        code: The session as code.
    """
    lines = f"<p>All that was done in the panel, as code:</p><pre>{html.escape(code)}</pre>" if code else ""
    return f"<p><strong>{html.escape(status)}</strong></p>{uncommitted}{picture}{lines}"
