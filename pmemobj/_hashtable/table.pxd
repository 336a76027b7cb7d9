# Types of the compiled form; the source is table.py.
cimport cython
from pmemobj._engine.heap cimport Heap
from pmemobj._hashtable.entries cimport contents, live_words
from pmemobj._hashtable.index_slots cimport slot_of, with_slot
from pmemobj._hashtable.key_texts cimport size_of_texts, take_texts, texts_at
from pmemobj._hashtable.new_entries cimport NewEntries
from pmemobj._hashtable.shape cimport fill_index
from pmemobj._values.words cimport exchange, free_leaf, is_leaf

cdef unsigned long long WORD, ABSENT, ENTRY_SIZE, ENTRY_HASH, ENTRY_KEY, ENTRY_VALUE, _SPARSE
cdef unsigned long long DICT_DELETED, DICT_USED, DICT_TABLE, TABLE_SLOTS, TABLE_CAPACITY, TABLE_TEXTS, TABLE_ENTRIES

@cython.locals(slot=cython.ulonglong)
cpdef bint store_value(Heap heap, unsigned long long offset, unsigned long long entry, unsigned long long word) except -1
@cython.locals(table=cython.ulonglong, end=cython.ulonglong)
cpdef exchange_value(Heap heap, unsigned long long offset, unsigned long long entry, unsigned long long word)
@cython.locals(
    before=cython.ulonglong, live=cython.ulonglong, deleted=cython.ulonglong, used=cython.ulonglong,
    table=cython.ulonglong, first=cython.ulonglong,
    slots=cython.ulonglong, capacity=cython.ulonglong, entry=cython.ulonglong, word=cython.ulonglong, mask=cython.ulonglong,
    index=cython.ulonglong, slot=cython.ulonglong,
)
cpdef remove_entries(Heap heap, unsigned long long offset, unsigned long long width, list entries)
cpdef drop_entries(Heap heap, unsigned long long offset, unsigned long long width)
@cython.locals(
    old=cython.ulonglong, used=cython.ulonglong, deleted=cython.ulonglong, present=cython.ulonglong,
    added=cython.ulonglong, first=cython.ulonglong, kept=cython.ulonglong, start=cython.ulonglong, table=cython.ulonglong,
    live=list,
)
cpdef rebuild(Heap heap, unsigned long long offset, unsigned long long width, NewEntries new=*, bint must=*)
