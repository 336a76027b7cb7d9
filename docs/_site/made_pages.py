"""Parts of the site that are made from the programs: directives for the help of magics and of the command line."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

#: A page at the top of the site, which leads to its first page.
_START = """<!doctype html>
<meta charset="utf-8"><meta http-equiv="refresh" content="0; url=docs/index.html"><title>pmemobj</title>
<a href="docs/index.html">pmemobj</a>
"""


class Help(SphinxDirective):
    """The base of directives that make a section for each of several programs: its name, and its help."""

    def section(self, title: str, text: str) -> nodes.section:
        part = nodes.section(ids=[nodes.make_id(title)])
        part += nodes.title(title, "", nodes.literal(title, title))
        part += nodes.literal_block(text, text, language="text")
        return part


class MagicHelp(Help):
    """``{pmem-magics}``: what ``%name?`` shows, for each magic."""

    def run(self) -> list[nodes.Node]:
        from pmemobj_magics.magics import PmemMagics

        sections = []
        for kind, sign in (("line", "%"), ("cell", "%%")):
            for name, method in sorted(PmemMagics.magics[kind].items()):
                text = inspect.getdoc(getattr(PmemMagics, method)) or ""
                sections.append(self.section(sign + name, text.removeprefix("::").replace("::\n", ":\n").strip("\n")))
        return sections


class CommandHelp(Help):
    """``{pmem-commands}``: ``python -m pmemobj --help``, and that of each command."""

    def run(self) -> list[nodes.Node]:
        from pmemobj.__main__ import _parser

        os.environ["COLUMNS"] = "100"  # otherwise argparse would use the width of this terminal
        made = _parser()
        sections = [self.section("python -m pmemobj", made.format_help())]
        for action in made._actions:
            for name, command in (getattr(action, "choices", None) or {}).items():
                sections.append(self.section(f"python -m pmemobj {name}", command.format_help()))
        return sections


def write_start(app: Sphinx, error: Exception | None) -> None:
    """Write the page at the top of the site: the pages of docs/ lie in a directory below it."""
    if error is None:
        (Path(app.outdir) / "index.html").write_text(_START)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("pmem-magics", MagicHelp)
    app.add_directive("pmem-commands", CommandHelp)
    app.connect("build-finished", write_start)
    return {"version": "1", "parallel_read_safe": True}
