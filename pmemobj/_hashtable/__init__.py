"""The hash table of dicts and sets, and the hashes of their keys.

A table has entries in the order of insertion, an index of slots that find them, and the texts of its keys. The layout
is in `pmemobj._format`, under "table". The functions of this room get the offset of the container and the size of its
entries: `ENTRY_SIZE` with a value word, `SET_ENTRY_SIZE` without.

The index is open addressing with CPython's probing sequence. A slot has the number of an entry, and above it as many
bits of the hash as there is room for, so that a search seldom looks at an entry with another hash. A deleted entry
keeps its place and its slot, with key 0, so that probing goes on past it and the order of the others stays. A
deleted entry is removed when the table is rebuilt, or when no entry follows it. The slot of the last entry can be
emptied, because no later key was placed by probing past that slot. So the index always equals one that is built by
inserting all used entries in the order of their numbers. A slot with a number beyond the count of entries is
empty, too. The count alone decides whether an entry is there, so a key whose words need no memory is added without a
transaction.

The search for an entry can run foreign code (the ``__eq__`` of a key), which can change anything, including this table.
So a change of a table encodes all words first, then finds the entry, and then changes the table; no foreign code runs
between the last two steps. If a comparison changed the table, the search begins anew.

| module | what it is responsible for |
|---|---|
| `hashes` | the hash of a key: the same in every process, and the same for all keys that are equal |
| `key_rules` | which types can be keys, and which hash fits the equality of each |
| `word_hashes` | the hash of a key that is in a pool already, computed from its words alone |
| `shape` | how many slots and places a table gets, and the bytes of its index |
| `key_texts` | the texts of keys of 8 to 255 bytes, which lie in the table itself |
| `new_entries` | entries that are to be added, collected before the table is changed |
| `index_slots` | the slots of the index: which entry a slot refers to, and which slot is free |
| `entries` | the entries of a table in their order: all words, the live ones, their number |
| `search` | finds the entry of a key; look-ups that need no lock |
| `additions` | adds entries: by three stores outside a transaction, by snapshotted writes inside |
| `table` | replaces values, removes entries, and rebuilds the table |
| `table_check` | asserts what must hold for a table at any time |
"""
