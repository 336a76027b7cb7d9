# Types of the compiled form; the source is stored_table.py.
from pmemobj._containers.base cimport Persistent
from pmemobj._hashtable.entries cimport contents, count_live
from pmemobj._hashtable.table cimport drop_entries, remove_entries

cdef unsigned long long DICT_TABLE, ENTRY_SIZE, SET_ENTRY_SIZE

cdef class StoredTable(Persistent):
    pass
