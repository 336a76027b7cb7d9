"""Read-only views of a pool: graphs, trees, the memory of objects, statistics.

The public module above this room is `pmemobj.inspect`.

Nothing in here makes a handle, imports a class of the program, or trusts a byte that it reads.

| module | what it is responsible for |
|---|---|
| `nodes` | what graphs consist of, as dataclasses: objects, slots, references, changes |
| `graphs` | the result of a walk, and the differences between two of them |
| `walk` | walks a pool, or the bytes of a file, from the root or from any object |
| `tree_text` | a graph as a tree of text |
| `before_image` | the pool as it was when the running transaction began |
| `word_meanings` | what a single word of a pool means |
| `memory_data` | the memory of an object as dataclasses, and as lines of text |
| `memory_buffers` | which words there are in bytearrays, arrays, objects with fields, and blocks |
| `memory_kinds` | which words there are in an object of each kind |
| `memory` | finds all allocations of an object, and what is not committed in them |
| `stats` | what takes the space of a pool |
"""
