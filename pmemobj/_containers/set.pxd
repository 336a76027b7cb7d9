# Types of the compiled form; the source is _set.py.
from pmemobj._containers.base cimport Persistent
from pmemobj._hashtable.hashes cimport stored_hash
from pmemobj._engine.heap cimport Heap
from pmemobj._hashtable.new_entries cimport NewEntries
from pmemobj._hashtable.table cimport add_at_once, append_entries, count_live, drop_entries, find_entry, has_entry, last_entry
from pmemobj._hashtable.table cimport add_in_statement, prepare_key, put_entry, remove_entries
from pmemobj._values.words cimport decode

cdef unsigned long long SET_ENTRY_SIZE, DICT_TABLE, ENTRY_KEY

cdef class PersistentSet(Persistent):
    pass
