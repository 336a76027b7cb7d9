"""The hash table of dicts and sets, and the hashes of their keys.

A table has entries in the order of insertion, an index of slots that find them, and the texts of its keys. The layout
is in `pmemobj._format`, under "table". The functions of this room get the offset of the container and the size of its
entries: `ENTRY_SIZE` with a value word, `SET_ENTRY_SIZE` without.

The index is open addressing with CPython's probing sequence. A slot has the number of an entry, and above it as many
bits of the hash as there is room for, so that a search seldom looks at an entry with another hash. A deleted entry
keeps its place and its slot, with key 0, so that probing goes on past it and the order of the others stays. It goes
when the table is rebuilt, or when all entries after it are gone: the slot of the last entry can simply be emptied,
since nothing was put into the index after it, so no other probing has ever gone past that slot. So the index is at any
time what results if all used entries are put in by their numbers. A slot with a number beyond the count of entries is
empty, too. The count alone decides whether an entry is there, so a key whose words need no memory is added without a
transaction.

To find an entry may run foreign code, the ``__eq__`` of keys, and everything may have changed afterwards. So whoever
changes a table encodes all words first, then finds the entry, and then changes the table, with nothing foreign between
the last two steps. If a comparison changed the table, the search begins anew.

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
| `additions` | adds entries: by three stores outside a transaction, by logged writes inside |
| `table` | replaces values, removes entries, and rebuilds the table |
| `table_check` | asserts what must hold for a table at any time |
"""
