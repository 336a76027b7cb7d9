"""Make graphviz's SVG fit for notebooks.

- A light panel is put behind the drawing, because JupyterLab shows an SVG as an image, which cannot follow the theme.
- A viewBox and a limited width keep large drawings inside the page. Only presentation attributes are used, because
  GitHub and nbviewer remove style attributes.
- Ids are unique to the drawing. Titles describe the objects, for screen readers and as tooltips.
- Graphviz's comment with its version is removed, so that a saved file changes only when the graph changes.
"""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ElementTree

from pmemobj_magics.common.svg import MAX_WIDTH
from pmemobj_magics.errors import DrawingError
from pmemobj_magics.views.graph.label import FONT

__all__ = ["render", "tidy"]

_INSTALL_HINT = "to get a picture, install graphviz: apt install graphviz"
_FEWER = "show fewer objects: --max-nodes, --max-items or --depth"

_MAX_SECONDS = 20

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
#: Attributes of the whole drawing; repeated in each text, they would make up a third of the file.
_INHERITED = {"font-family": FONT, "text-anchor": "start"}
_PANEL = {"rx": "8", "fill": "#fbfcfe", "stroke": "#d0d7e2"}

# Without these registrations the elements would be written as <ns0:svg>.
ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", _XLINK)


def render(source: str, format: str, engine: str = "dot") -> bytes:
    """Let graphviz draw.

    Raises:
        DrawingError: graphviz is not installed, failed, or took too long.
    """
    try:
        return subprocess.run(
            ["dot", f"-K{engine}", f"-T{format}"],
            input=source.encode(),
            capture_output=True,
            check=True,
            timeout=_MAX_SECONDS,
        ).stdout
    except FileNotFoundError:
        raise DrawingError("draw the graph", "graphviz is not installed", _INSTALL_HINT) from None
    except subprocess.TimeoutExpired:
        raise DrawingError("draw the graph", f"graphviz took longer than {_MAX_SECONDS} s", _FEWER) from None
    except (OSError, subprocess.CalledProcessError) as error:
        words = getattr(error, "stderr", b"").decode(errors="replace").strip() or str(error)
        raise DrawingError("draw the graph", f"graphviz reports: {words.partition(chr(10))[0]}", _FEWER) from None


def tidy(drawn: bytes, *, prefix: str, label: str, titles: dict[str, str]) -> str:
    """Graphviz's SVG, changed as the docstring of this module describes.

    Args:
        drawn: What graphviz wrote.
        prefix: The beginning of every id.
        label: What a screen reader says about the whole drawing.
        titles: A text for each node, by its name.
    """
    svg = ElementTree.fromstring(drawn)
    x, y, width, height = (float(number) for number in svg.get("viewBox", "0 0 1 1").split())
    scale = min(1.0, MAX_WIDTH / width)
    svg.set("width", f"{width * scale:.0f}")
    svg.set("height", f"{height * scale:.0f}")
    svg.set("role", "img")
    svg.set("aria-label", label)
    svg.attrib.update(_INHERITED)
    for element in list(svg.iter())[1:]:
        for name in [name for name, value in _INHERITED.items() if element.get(name) == value]:
            del element.attrib[name]
        if element.get("stroke") == "transparent":
            # Graphviz before 2.50 writes this, but it is not a colour of SVG.
            element.set("stroke", "none")
        if element.tag == f"{{{_SVG}}}g":
            _name(element, prefix, label, titles)
    size = {"x": f"{x + 0.5:g}", "y": f"{y + 0.5:g}", "width": f"{width - 1:g}", "height": f"{height - 1:g}"}
    svg.insert(0, ElementTree.Element(f"{{{_SVG}}}rect", {"class": "panel", **size, **_PANEL}))
    return ElementTree.tostring(svg, encoding="unicode")


def _name(group: ElementTree.Element, prefix: str, label: str, titles: dict[str, str]) -> None:
    """Give a node, an edge or the whole drawing a unique id and a title."""
    title = group.find(f"{{{_SVG}}}title")
    kind = group.get("class")
    if title is not None and kind == "node":
        group.set("id", f"{prefix}-{title.text}")
        title.text = titles.get(title.text or "", "")
    elif group.get("id"):
        group.set("id", f"{prefix}-{group.get('id')}")
        if title is not None and kind == "graph":
            title.text = label
    if title is not None and not (title.text and kind in ("node", "graph")):
        group.remove(title)
