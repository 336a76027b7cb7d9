# Types of the compiled form; the source is additions.py.
cimport cython
from pmemobj._engine.heap cimport Heap
from pmemobj._engine.publication cimport Publication
from pmemobj._hashtable.entries cimport next_place
from pmemobj._hashtable.index_slots cimport free_slot, read_slot, slot_content, with_slot
from pmemobj._hashtable.key_texts cimport filled_up, has_room, pack, put_text, texts_at
from pmemobj._hashtable.new_entries cimport NewEntries
from pmemobj._hashtable.search cimport find_entry
from pmemobj._hashtable.table cimport exchange_value, rebuild
from pmemobj._values.utf8 cimport forget_error, utf8_of, words_of
from pmemobj._values.words cimport immediate, is_leaf, prepare

cdef unsigned long long WORD, ABSENT, ENTRY_SIZE, SET_ENTRY_SIZE
cdef unsigned long long DICT_USED, DICT_TABLE, TABLE_SLOTS, TABLE_CAPACITY, TABLE_TEXTS, TABLE_ENTRIES
cdef unsigned long long ENTRY_HASH, ENTRY_KEY, SLOT_SIZE, PACKED_STR, PACKED_SIZE_SHIFT, PACKED_OFFSET_SHIFT
cdef Py_ssize_t PACKED_MAX

@cython.locals(word=cython.ulonglong)
cpdef unsigned long long prepare_key(Heap heap, Publication publication, key, bytearray texts) except? 0
@cython.locals(
    table=cython.ulonglong, used=cython.ulonglong, entry=cython.ulonglong,
    index=cython.ulonglong, slot=cython.ulonglong, mask=cython.ulonglong, before=cython.ulonglong,
    place=cython.ulonglong, pieces=list, words=bytes,
)
cpdef bint add_at_once(
    Heap heap, Publication publication, unsigned long long offset, unsigned long long width,
    unsigned long long key_hash, unsigned long long key_word, unsigned long long value_word, bytearray texts
) except -1
cdef bytes _bytes_of_word(unsigned long long word)
@cython.locals(entry=cython.ulonglong)
cpdef put_entry(
    Heap heap, unsigned long long offset, unsigned long long width, key, unsigned long long key_hash,
    unsigned long long value_word
)
@cython.locals(changes=cython.ulonglong, entry=cython.ulonglong, new=NewEntries)
cpdef add_entry(
    Heap heap, unsigned long long offset, unsigned long long width, key, unsigned long long key_hash,
    unsigned long long value_word
)
cpdef add_in_statement(
    Heap heap, unsigned long long offset, unsigned long long width, key, unsigned long long key_hash,
    unsigned long long value_word
)
@cython.locals(
    table=cython.ulonglong, used=cython.ulonglong, entry=cython.ulonglong,
    key_word=cython.ulonglong, mask=cython.ulonglong, index=cython.ulonglong, slot=cython.ulonglong,
    content=cython.ulonglong, counter=cython.ulonglong,
)
cdef bint _add_plainly(
    Heap heap, unsigned long long offset, unsigned long long width, key, unsigned long long key_hash,
    unsigned long long value_word
) except -1
@cython.locals(size=cython.Py_ssize_t, characters=cython.p_const_char, place=cython.ulonglong)
cdef unsigned long long _add_text(Heap heap, unsigned long long table, unsigned long long width, key) except? 0
@cython.locals(
    count=cython.ulonglong, used=cython.ulonglong, table=cython.ulonglong, mask=cython.ulonglong,
    index=cython.ulonglong, number=cython.ulonglong, slot=cython.ulonglong, word=cython.ulonglong,
    entry=cython.ulonglong, end=cython.ulonglong, key_hash=cython.ulonglong, width=cython.ulonglong,
)
cpdef append_entries(Heap heap, unsigned long long offset, NewEntries new)
@cython.locals(
    used=cython.ulonglong, table=cython.ulonglong, entry=cython.ulonglong, index=cython.ulonglong,
    number=cython.ulonglong, slot=cython.ulonglong, mask=cython.ulonglong, capacity=cython.ulonglong,
    end=cython.ulonglong,
)
cdef _clear_leftovers(Heap heap, unsigned long long offset, unsigned long long width, unsigned long long count)
