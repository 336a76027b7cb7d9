"""Values that never change: from Python to the 64-bit words of a pool, and back.

A value that fits into a word is the word. Any other value is a leaf: an allocation of its own, which belongs to the one
word that refers to it. The function `describe` of `words` makes the short text of a value, at most 40 characters, that
all pictures show.

| module | what it is responsible for |
|---|---|
| `words` | encodes and decodes words; replaces the word of a slot and frees its leaf; shortens values for pictures |
| `leaves` | the payloads of leaves: one encoder and one decoder for each kind |
| `late_types` | tables by type that need no import of the modules whose types few programs use |
| `ints` | ints as payloads |
| `exact_numbers` | decimals and fractions as payloads |
| `uuids` | UUIDs as payloads |
| `times` | dates, times and time zones as payloads |
| `plain_containers` | a tuple or frozenset of values, as one payload |
| `pickles` | which types the program nominated for pickles; nothing else is ever unpickled |
| `pickling` | the pickler and the unpickler for values of these types |
| `nans` | one Python object for all NaNs of the same type and bits |
| `unsupported` | why a value cannot be stored or a class cannot be nominated, and what to do instead |
| `utf8` | short texts as words, and comparisons of text in C (a `.pxd` only, for compiled modules) |
"""
