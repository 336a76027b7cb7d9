# Types of the compiled form; the source is stored_table.py.
cimport cython
from pmemobj._containers.base cimport Persistent
from pmemobj._engine.heap cimport Heap
from pmemobj._hashtable.entries cimport contents, count_live, last_entry
from pmemobj._hashtable.table cimport drop_entries, remove_entries
from pmemobj._values.words cimport decode

cdef unsigned long long DICT_TABLE, ENTRY_KEY, ENTRY_SIZE, ENTRY_VALUE, SET_ENTRY_SIZE

cdef class StoredTable(Persistent):
    @cython.locals(heap=Heap, offset=cython.ulonglong, entry=cython.ulonglong, changes=cython.ulonglong)
    cdef _pop_last(self, unsigned long long width)
