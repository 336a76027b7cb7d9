# Types of the compiled form; the source is set.py.
from pmemobj._containers.stored_table cimport StoredTable
from pmemobj._hashtable.hashes cimport stored_hash
from pmemobj._engine.heap cimport Heap
from pmemobj._hashtable.new_entries cimport NewEntries
from pmemobj._hashtable.additions cimport add_at_once, add_in_statement, append_entries, prepare_key, put_entry
from pmemobj._hashtable.search cimport find_entry, has_entry
from pmemobj._hashtable.table cimport drop_entries, remove_entries
from pmemobj._values.words cimport decode

cdef unsigned long long SET_ENTRY_SIZE, DICT_TABLE, ENTRY_KEY

cdef class PersistentSet(StoredTable):
    pass
