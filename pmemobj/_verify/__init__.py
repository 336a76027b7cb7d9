"""The search for damage: everything in a pool that contradicts itself, each with its path from the root.

The public module above this room is `pmemobj.check`.

| module | what it is responsible for |
|---|---|
| `examination` | follows all references of a pool and reports findings, one by one |
| `kind_readers` | one reader for each kind of object: what is wrong in it, and where it leads |
"""
