"""Every kind of change of the containers survives power cuts, including some during recovery."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("pmemobj.crash._native", reason="there is no recorder without a C compiler or off x86-64 Linux")

from crash_mutators import MUTATORS, ROOTS, Pool, explored, scratch_pool

# The same source makes the same stores in the same order, compiled or not.
pytestmark = pytest.mark.once

#: Only a sample is tried here; `make crash-figures` tries hundreds of images of each mutator.
IMAGES, IN_RECOVERY = 12, 1


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with scratch_pool() as made:
        yield made


@pytest.mark.parametrize("kind", ROOTS)
def test_a_crash_leaves_what_was_before_or_what_is_after(pool: Pool, kind: str) -> None:
    recoveries = 0
    for mutator in MUTATORS:
        if mutator.kind == kind:
            report = explored(pool, mutator, IMAGES, IN_RECOVERY)
            assert report.ok, f"{mutator.kind}, {mutator.name}: {report}"
            recoveries += report.recoveries
    assert recoveries, "no recovery was crashed"
