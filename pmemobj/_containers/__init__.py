"""The containers with the interface of Python's own types: list, tuple, dict, set, bytearray and array.

| module | what it is responsible for |
|---|---|
| `base` | `Persistent`, the base of every persistent class: creation, resurrection, and the table of kinds |
| `invariants` | what `_check` asserts of every object, from its bytes |
| `comparable` | the base of containers that are compared by their contents |
| `sequence` | what lists and tuples have in common: reading, searching, comparing |
| `deque` | `PersistentDeque`: a ring of words, with both ends open |
| `list` | `PersistentList` |
| `tuple` | `PersistentTuple` |
| `stored_table` | the base of dict and set: two counts and a hash table |
| `dict` | `PersistentDict` |
| `rows` | what tuples and frozensets are in a pool: a row of words that never changes |
| `set` | `PersistentSet` |
| `frozenset` | `PersistentFrozenSet` |
| `iterators` | the iterators of dicts and sets |
| `views` | what `keys`, `values` and `items` of a dict return |
| `buffer` | an area of bytes that grows, the buffer protocol, and `writing` |
| `number_sequence` | what bytearrays and arrays have in common as sequences of numbers |
| `bytes_methods` | the methods of bytearray that change nothing |
| `bytearray` | `PersistentByteArray` |
| `elements` | the element types of arrays: type codes, and values to bytes and back |
| `array` | `PersistentArray` |
| `hex_rows` | bytes and numbers as rows of text, for pictures |
"""
