"""Images of a recording, to be drawn: the objects as the power cut left them, and after recovery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pmemobj import inspect
from pmemobj.crash._image import Image, Lines
from pmemobj.crash._recorder import Inherited
from pmemobj.crash._recovery import Recovery
from pmemobj.crash._workers import Setting, in_worker
from pmemobj.errors import PmemError
from pmemobj.pool import PersistentObjectPool

_PATIENCE = 10.0


@dataclass(frozen=True)
class Picture:
    """The objects in one image.

    Attributes:
        at_crash: The objects as they lie on the medium, before recovery; None if the image cannot be read as a pool.
        after: The objects after recovery; None if recovery failed.
        status: What became of the image: ``recovered``; ``refused`` by libpmemobj; or recovery ``died``.
    """

    at_crash: inspect.Graph | None
    after: inspect.Graph | None
    status: str


def pictures(
    base: Image, name: str, inherited: Inherited | None, images: Sequence[Lines], max_nodes: int | None
) -> list[Picture]:
    """The pictures of images.

    Args:
        base: The image from which the others differ.
        name: What the pool is called in the pictures.
        inherited: The open pool, if there is one.
        images: The images, each as the lines in which it differs from `base`.
        max_nodes: How many objects to show.
    """
    walked: list[inspect.Graph] = []

    def walk(pool: PersistentObjectPool) -> None:
        walked.append(inspect.walk(pool, max_nodes=max_nodes))

    def look(chosen: Sequence[Lines], recovery: Recovery) -> list[Picture]:
        after: dict[bytes, inspect.Graph] = {}
        found = []
        for lines in chosen:
            walked.clear()
            outcome = recovery.outcome(lines)
            # A memory with the same meaning as an earlier one is not walked again.
            for graph in walked:
                after[outcome.memory] = replace(graph, pool=name)
            at_crash = _as_it_lies(recovery.shown, name, max_nodes)
            recovered = after.get(outcome.memory) if outcome.status == "recovered" else None
            found.append(Picture(at_crash, recovered, outcome.status))
        return found

    setting = Setting(base, walk, (), _PATIENCE, inherited)
    together: list[Picture] | None = in_worker(setting, lambda recovery: look(images, recovery))
    if together is not None:
        return together
    # One of the images has killed the worker, so each image gets a worker of its own.
    alone = (in_worker(setting, lambda recovery, lines=lines: look([lines], recovery)) for lines in images)  # type: ignore[misc]
    return [found[0] if found else Picture(None, None, "died") for found in alone]


def _as_it_lies(image: Image, name: str, max_nodes: int | None) -> inspect.Graph | None:
    try:
        return replace(inspect.walk_file(image.path, max_nodes=max_nodes), pool=name)
    except PmemError:
        return None
