"""Sizes as text: ``"64M"`` wherever bytes are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pmemobj
from pmemobj import BadPoolSizeError
from pmemobj._files.sizes import bytes_of

MIB = 1 << 20


@pytest.mark.parametrize(
    "text, size",
    [
        ("8M", 8 * MIB), ("8 MiB", 8 * MIB), ("8mb", 8 * MIB), ("0.5G", 512 * MIB), ("16384K", 16 * MIB),
        ("8388608", 8 * MIB), (" 8388608 bytes ", 8 * MIB), ("1T", MIB * MIB), (5, 5), (None, None), (2.5, 2.5),
    ],
)  # fmt: skip
def test_what_a_text_means(text: Any, size: Any) -> None:
    assert bytes_of("create a pool", "pool_size", text) == size


def test_pools_are_made_restored_and_resized_by_them(tmp_path: Path) -> None:
    path, dump = tmp_path / "pool", tmp_path / "dump"
    with pmemobj.create(path, "8M") as pool:
        assert pool.size == 8 * MIB
        assert repr(pool) == f"<PersistentObjectPool {path} (8 MiB, {pool.medium.short}, durability {pool.durability})>"
        with pool.transaction():
            assert repr(pool).endswith(", in a transaction)>")
        pmemobj.dump(pool, dump)
    assert repr(pool) == f"<PersistentObjectPool {path} (closed)>"
    pmemobj.resize(path, "16M")
    assert path.stat().st_size == 16 * MIB
    pmemobj.restore(dump, tmp_path / "again", "12 MiB")
    assert (tmp_path / "again").stat().st_size == 12 * MIB
    with pmemobj.create(tmp_path / "grows", "auto", max_size="128M") as pool:
        assert pool.max_size == 128 * MIB
    pmemobj.resize(tmp_path / "grows", max_size="256M")
    pmemobj.restore(dump, tmp_path / "grows too", "auto", max_size="128M")
    with pmemobj.PersistentObjectPool(tmp_path / "another", "c", pool_size="8M") as pool:
        assert pool.size == 8 * MIB


@pytest.mark.parametrize("wrong", ["", "M", "8X", "-8M", "8M8", "many", "1e9", "auto "])
def test_a_text_that_is_no_size(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "pool"
    with pytest.raises(BadPoolSizeError, match=r"pool_size is '.*', which is no size \(write it as in '64M', or 'auto'\)"):
        pmemobj.create(path, wrong)
    with pytest.raises(BadPoolSizeError, match=r"max_size is .*, which is no size"):
        pmemobj.create(path, "auto", max_size="auto")
    assert not path.exists()
    pmemobj.create(path, "8M").close()
    with pytest.raises(BadPoolSizeError, match="which is no size"):
        pmemobj.resize(path, wrong)
    with pytest.raises(BadPoolSizeError, match="below libpmemobj's minimum"):
        pmemobj.resize(path, "1K")
    with pytest.raises(BadPoolSizeError, match="more than"):
        pmemobj.create(tmp_path / "huge", "99999999T")


def test_large_numbers_lose_nothing() -> None:
    assert bytes_of("", "size", "9007199254740993") == 9007199254740993
    assert bytes_of("", "size", "1.1K") == 1126 and bytes_of("", "size", "0.25M") == 1 << 18
