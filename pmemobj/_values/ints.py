"""Ints as the payloads of leaves: one as its bytes, and several one after the other, each with its size."""

from __future__ import annotations

#: The size of every allocation has fewer bits than this.
_SIZE_BITS = 56


def encode_int(value: int) -> bytes:
    """The bytes of an int, the lowest one first, in two's complement."""
    return value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)


def decode_int(payload: bytes) -> int:
    """What `encode_int` was given."""
    return int.from_bytes(payload, "little", signed=True)


def encode_ints(*values: int) -> bytes:
    """Each int as its size in bytes, then its bytes. The size has seven bits in a byte, the lowest ones first."""
    payload = bytearray()
    for value in values:
        data = encode_int(value)
        size = len(data)
        while size > 0x7F:
            payload.append(size & 0x7F | 0x80)
            size >>= 7
        payload.append(size)
        payload += data
    return bytes(payload)


def decode_ints(payload: bytes, count: int) -> list[int]:
    """What `encode_ints` was given.

    Raises:
        ValueError: these are not so many ints.
        IndexError: the payload ends too early.
    """
    values = []
    at = 0
    for _ in range(count):
        size = shift = 0
        while payload[at] > 0x7F:
            size |= (payload[at] & 0x7F) << shift
            shift += 7
            at += 1
            if shift > _SIZE_BITS:
                raise ValueError("the size of an int has no end")
        size |= payload[at] << shift
        at += 1
        values.append(decode_int(payload[at : at + size]))
        at += size
    if at != len(payload):
        raise ValueError(f"{count} ints end at byte {at} of {len(payload)}")
    return values
