# Types of the compiled form; the source is entries.py.
cimport cython
from pmemobj._engine.heap cimport Heap

cdef unsigned long long WORD, ABSENT, DICT_DELETED, DICT_USED, DICT_TABLE, TABLE_CAPACITY, TABLE_ENTRIES, ENTRY_KEY

cpdef list entry_words(Heap heap, unsigned long long offset, unsigned long long width)
cpdef list live_words(Heap heap, unsigned long long offset, unsigned long long width)
cpdef list contents(Heap heap, unsigned long long offset, unsigned long long width)
@cython.locals(used=cython.ulonglong, deleted=cython.ulonglong)
cpdef unsigned long long count_live(Heap heap, unsigned long long offset) except? 0xFFFFFFFFFFFFFFFF
cpdef unsigned long long last_entry(Heap heap, unsigned long long offset, unsigned long long width) except? 1
@cython.locals(table=cython.ulonglong, used=cython.ulonglong, entry=cython.ulonglong)
cpdef unsigned long long next_place(Heap heap, unsigned long long offset, unsigned long long width) except? 1
