"""Pools as text, and pools made of text, without the classes of the objects and without unpickling.

The public module above this room is `pmemobj.dump`. It writes the lines of a dump and reads them (`restore`); this
room turns objects into records, and records into objects.

| module | what it is responsible for |
|---|---|
| `json_plain` | plain values and leaves as JSON, and back |
| `json_leaves` | dates, exact numbers and ranges as readable JSON, and back |
| `json_values` | value words as JSON, and back: every kind of leaf, tuples that are keys, references |
| `records` | objects as records of a dump, and back: one `Form` for each kind |
| `table_records` | the records of dicts and sets |
| `buffer_records` | the records of bytearrays, arrays, objects with fields, and blocks |
| `forms` | the table of the forms of all kinds |
| `builder` | makes a pool out of records, for `restore` and `resize` |
"""
