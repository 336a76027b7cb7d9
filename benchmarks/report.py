"""The report in Markdown: what was to be reached, every system side by side, how cost grows, every measurement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.reach import Verdict, judge
from benchmarks.results import Measurement, Results
from benchmarks.workloads import GROWING, WORKLOADS, Workload

__all__ = ["figures", "full", "growth", "net_of_loop", "quantity", "side_by_side", "summary", "systems"]

#: Reads whose loop is the empty loop, over indices or keys, around the operation.
SAME_LOOP = ("list_get_int", "list_get_str", "dict_get_str", "dict_get_int", "dict_in")
REACHED, SHORT, UNKNOWN = "✓", "**✗**", "?"


def quantity(value: float, unit: str = "s") -> str:
    """A number with three figures and a unit that suits it."""
    if unit == "bytes":
        return f"{value:.3g} B"
    for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")):
        if value * factor >= 0.9995 or name == "ns":
            return f"{_three_figures(value * factor)} {name}"
    raise AssertionError


def _three_figures(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; the first column is text, the others are numbers."""
    lines = [heads, ["---", *("---:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def figures(results: Results) -> str:
    """What pmemobj should reach and what it reaches. Rows that fall short are marked."""
    heads = ["workload", "pmemobj", "reach", "that is", "of it", "", "best peer"]
    return table(heads, (_figure(results, verdict) for verdict in judge(results)))


def _figure(results: Results, verdict: Verdict) -> list[str]:
    row = verdict.row
    best = "" if verdict.best is None else f"{verdict.best[0]} {quantity(verdict.best[1], row.unit)}"
    mark = {True: REACHED, False: SHORT, None: UNKNOWN}[verdict.reached]
    texts = [limit.text() if limit.system else quantity(limit.factor, row.unit) for limit in row.limits]
    return [
        row.title(results.batch),
        "not measured" if verdict.value is None else quantity(verdict.value, row.unit),
        "; ".join(texts),
        "; ".join(quantity(value, row.unit) for _, value in verdict.limits),
        "" if verdict.excess is None else f"{verdict.excess:.2f}",
        mark,
        best,
    ]


def side_by_side(results: Results, medium: str) -> str:
    """All systems for all workloads of a medium, with ratios to the builtins where there are any."""
    names = [system.name for system in results.measured() if _has_any(results, system.name, medium)]
    titles = {system.name: system.title for system in results.systems}
    rows = []
    for workload in WORKLOADS:
        found = {name: results.find(name, workload.key, medium) for name in names}
        if any(found.values()):
            largest = max(one.size for one in found.values() if one)
            cells = [_cell(found[name], found.get("builtins"), workload, largest) for name in names]
            rows.append([workload.title.format(batch=f"{results.batch:,}"), *cells])
    return table(["", *(titles[name] for name in names)], rows) if rows else "Not measured in this run.\n"


def growth(results: Results, medium: str) -> str:
    """All systems for the workloads that are measured at several sizes on a medium, size by size."""
    names = [system.name for system in results.measured() if _has_any(results, system.name, medium, growth=True)]
    titles = {system.name: system.title for system in results.systems}
    rows = []
    for workload in GROWING:
        found = {name: results.by_size(name, workload.key, medium) for name in names}
        every = [one for sizes in found.values() for one in sizes.values()]
        if not any(one.growth for one in every):
            continue  # it is measured on another medium
        for size in sorted({one.size for one in every}):
            cells = [
                _cell(found[name].get(size), found.get("builtins", {}).get(size), workload, size) for name in names
            ]
            rows.append([f"{workload.title.format(batch=f'{results.batch:,}')}, {size:,} elements", *cells])
    return table(["", *(titles[name] for name in names)], rows) if rows else "Not measured in this run.\n"


def _has_any(results: Results, name: str, medium: str, growth: bool = False) -> bool:
    return any((one.system, one.medium, one.growth) == (name, medium, growth) for one in results.measurements)


def _cell(one: Measurement | None, builtin: Measurement | None, workload: Workload, largest: int) -> str:
    if one is None:
        return "–"
    text = quantity(one.median, workload.unit)
    if builtin is not None and one is not builtin and builtin.median:
        text += f" ({_three_figures(one.median / builtin.median)} b)"
    return text + ("" if one.size == largest else f" at {one.size:,}")


def net_of_loop(results: Results) -> str:
    """The reads again, with the time of the empty loop taken off both sides."""
    empty = results.find("builtins", "empty_loop", "tmpfs")
    rows = []
    for workload in WORKLOADS:
        own, builtin = (results.find(name, workload.key, "tmpfs") for name in ("pmemobj", "builtins"))
        if workload.key not in SAME_LOOP or not (empty and own and builtin):
            continue
        net, other = own.median - empty.median, builtin.median - empty.median
        ratio = f"{net / other:.2f}" if other > 0 else "–"
        rows.append([workload.title, f"{own.median / builtin.median:.2f}", quantity(net), quantity(other), ratio])
    return table(["read", "with the loop, b", "pmemobj, net", "builtins, net", "net, b"], rows) if rows else ""


def systems(results: Results) -> str:
    """The systems that took part, how durable each is, and which are missing."""
    rows = [
        [
            system.title,
            system.version or "–",
            f"not measured: {system.missing}" if system.missing else system.durability,
        ]
        for system in results.systems
    ]
    return table(["system", "version", "durable"], rows).replace("---:", "---")


def measurements(results: Results) -> str:
    """Everything that was measured, with its spread."""
    titles = {system.name: system.title for system in results.systems}
    units = {workload.key: workload.unit for workload in WORKLOADS}
    rows = [
        [
            one.workload + (" (growth)" if one.growth else ""),
            one.medium,
            titles[one.system],
            f"{one.size:,}",
            f"{one.count:,}",
            str(len(one.values)),
            quantity(one.median, units.get(one.workload, "s")),
            quantity(min(one.values), units.get(one.workload, "s")),
            f"{one.spread:.0%}",
        ]
        for one in results.measurements
    ]
    return table(["workload", "medium", "system", "size", "count", "passes", "median", "least", "spread"], rows)


def summary(results: Results) -> str:
    """A few lines: what was measured, and what falls short."""
    verdicts = judge(results)
    short = [verdict.row.title(results.batch) for verdict in verdicts if verdict.reached is False]
    known = [verdict for verdict in verdicts if verdict.reached is not None]
    media = ", ".join(
        one.name if one.name == one.filesystem else f"{one.name} ({one.filesystem})" for one in results.media
    )
    facts = "; ".join(f"{key}: {value}" for key, value in results.machine.items())
    lines = [
        f"pmemobj {results.version}, sizes: {results.sizes}, median of {results.rounds} passes; {media}. {facts}.",
        f"Reached: {len(known) - len(short)} of {len(known)} figures"
        + (f"; not measured: {len(verdicts) - len(known)}." if len(known) < len(verdicts) else "."),
    ]
    if short:
        lines.append(f"Short: {'; '.join(short)}.")
    if results.interrupted:
        lines.append("**Interrupted: this is what had been measured by then.**")
    return "\n\n".join(lines) + "\n"


def full(results: Results) -> str:
    """The whole report."""
    texts = [f"# Benchmark of pmemobj {results.version}\n", summary(results)]
    texts += ["## Figures\n", figures(results)]
    for medium in results.media:
        if any(one.medium == medium.name for one in results.measurements):
            texts += [f"## All systems, {medium.name} ({medium.filesystem})\n", side_by_side(results, medium.name)]
            texts += [f"## Growth, {medium.name} ({medium.filesystem})\n", growth(results, medium.name)]
    net = net_of_loop(results)
    if net:
        texts += ["## Reads, net of the loop\n", net]
    texts += ["## Systems\n", systems(results)]
    if results.failures:
        texts += ["## Failures\n", "\n".join(f"- {failure}" for failure in results.failures) + "\n"]
    texts += ["## Every measurement\n", measurements(results)]
    return "\n".join(texts)
