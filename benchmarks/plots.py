"""The pictures: how the cost of an operation grows, and all systems side by side. Needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.results import Results
from benchmarks.workloads import GROWING, WORKLOADS

__all__ = ["PREFIX", "draw"]

PREFIX = "performance-"
#: A colour for each system, the same in every picture. People who see few colours can tell them apart.
COLOURS = {
    "builtins": "#000000", "pmemobj": "#d55e00", "pmemobj-relaxed": "#e69f00",
    "pmemobj-in-place": "#8c564b", "pmemobj-pure": "#f6c98f", "floor": "#999999", "fdatasync": "#cccccc",
    "zodb": "#0072b2", "zodb-btrees": "#56b4e9", "sqlite-normal": "#009e73", "sqlite-full": "#005f45",
    "lmdb": "#cc79a7", "shelve": "#f0e442", "diskcache": "#882255",
}  # fmt: skip
PANELS = {
    "reads": ("list_get_int", "list_get_str", "list_iterate", "dict_get_str", "dict_get_int", "attribute_get"),
    "durable": ("list_set", "list_append", "dict_set", "dict_new", "attribute_set"),
    "batches": ("batch_list_set", "batch_list_append", "batch_dict_set", "batch_dict_new", "batch_attribute_set"),
}


def draw(results: Results, directory: Path, suffix: str = ".svg") -> list[Path]:
    """Draw everything that was measured.

    Returns:
        The files that were written.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "pmemobj", "font.size": 8, "svg.fonttype": "none"})
    directory.mkdir(parents=True, exist_ok=True)
    written = []

    def save(figure: Any, name: str) -> None:
        path = directory / f"{PREFIX}{name}{suffix}"
        metadata = {"Date": None} if suffix == ".svg" else None
        figure.savefig(path, bbox_inches="tight", metadata=metadata, dpi=120)
        written.append(path)

    for name, workloads in PANELS.items():
        for medium in results.media:
            figure = _bars(results, medium.name, workloads)
            if figure is not None:
                save(figure, f"{name}-{medium.name}")
    for medium in results.media:
        figure = _growth(results, medium.name)
        if figure is not None:
            save(figure, f"growth-{medium.name}")
    return written


def _figure(panels: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 * min(panels, 3), 2.4 * -(-panels // 3)), layout="constrained")
    axes = figure.subplots(-(-panels // 3), min(panels, 3), squeeze=False).flatten()
    for empty in axes[panels:]:
        empty.set_visible(False)
    return figure, axes


def _bars(results: Results, medium: str, workloads: tuple[str, ...]) -> Any:
    """A panel for each workload, a bar for each system, on a logarithmic scale."""
    titles = {workload.key: workload.title.format(batch=f"{results.batch:,}") for workload in WORKLOADS}
    panels = []
    for workload in workloads:
        found = [(system, results.find(system.name, workload, medium)) for system in results.systems]
        bars = [(system.name, system.title, one.median) for system, one in found if one]
        if bars:
            panels.append((titles[workload], bars))
    if not panels:
        return None
    figure, axes = _figure(len(panels))
    for axis, (title, bars) in zip(axes, panels, strict=False):
        names, labels, values = zip(*reversed(bars), strict=True)
        axis.barh(labels, [value * 1e6 for value in values], color=[COLOURS[name] for name in names])
        axis.set_xscale("log")
        axis.set_title(title, fontsize=8)
        axis.set_xlabel("µs an operation")
    return figure


def _growth(results: Results, medium: str) -> Any:
    """A panel for each workload, a line for each system that was measured at more than one size."""
    panels = []
    for workload in GROWING:
        lines = []
        for system in results.systems:
            found = results.by_size(system.name, workload.key, medium)
            if len(found) > 1:
                lines.append((system, [(size, one.median * 1e6) for size, one in found.items()]))
        if lines:
            panels.append((workload.title.format(batch=f"{results.batch:,}"), lines))
    if not panels:
        return None
    figure, axes = _figure(len(panels))
    shown: dict[str, Any] = {}
    for axis, (title, lines) in zip(axes, panels, strict=False):
        for system, points in lines:
            (line,) = axis.plot(*zip(*points, strict=True), marker=".", color=COLOURS[system.name], linewidth=1)
            shown.setdefault(system.title, line)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_title(title, fontsize=8)
        axis.set_xlabel("elements")
        axis.set_ylabel("µs")
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=4, fontsize=7)
    return figure
