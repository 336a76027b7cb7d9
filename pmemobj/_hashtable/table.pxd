# Types of the compiled form; the source is _table.py.
cimport cython
from pmemobj._hashtable.hashes cimport stored_hash
from pmemobj._engine.heap cimport Handle, Heap
from pmemobj._hashtable.new_entries cimport NewEntries
from pmemobj._engine.publication cimport Publication
from pmemobj._hashtable.shape cimport fill_index
from pmemobj._hashtable.key_texts cimport filled_up, has_room, pack, put_text, size_of_texts, take_texts, texts_at
from pmemobj._values.utf8 cimport forget_error, mix_memory, padded_word, same_memory, same_words, utf8_of, words_of
from pmemobj._values.words cimport decode, exchange, free_leaf, immediate, is_container, is_leaf, is_packed, packed_text, prepare

cdef extern from "Python.h":
    long long long_long_of "PyLong_AsLongLongAndOverflow"(object number, int *overflow) except? -1

# Constants as C integers; the names that _layout gives to Python are not those.
cdef unsigned long long WORD, ABSENT, TAG_LEAF, ENTRY_SIZE, SET_ENTRY_SIZE
cdef unsigned long long DICT_SIZE, DICT_DELETED, DICT_USED, DICT_TABLE, TABLE_SLOTS, TABLE_CAPACITY, TABLE_TEXTS, TABLE_ENTRIES
cdef unsigned long long ENTRY_HASH, ENTRY_KEY, ENTRY_VALUE
cdef unsigned long long _SLOT_MAX, _PERTURBED_STEPS, _ATTEMPTS, _CHANGED, _SPARSE, _STR_HEADER, STR_SEED, _CARE
cdef Py_ssize_t PACKED_MAX
cdef unsigned long long SLOT_SIZE, PACKED_STR, PACKED_SIZE_SHIFT, PACKED_OFFSET_SHIFT
cdef unsigned long long IMMEDIATE_BITS, SHORT_MAX, TAG_STR, TAG_MASK
cdef long long _HASH_MODULUS

@cython.locals(entry=cython.ulonglong)
cpdef value_of(Heap heap, unsigned long long offset, key, default)
@cython.locals(
    characters=cython.p_const_char, size=cython.Py_ssize_t, overflow=cython.int, number=cython.longlong,
    word=cython.ulonglong, key_hash=cython.ulonglong, table=cython.ulonglong, slots=cython.ulonglong,
    index=cython.ulonglong, mask=cython.ulonglong, perturb=cython.ulonglong, slot=cython.ulonglong,
    found=cython.ulonglong, place=cython.ulonglong, entry=cython.ulonglong, stored=cython.ulonglong, used=cython.ulonglong,
    capacity=cython.ulonglong, limit=cython.ulonglong,
)
cdef unsigned long long quick_entry(Heap heap, unsigned long long offset, unsigned long long width, key) except? 1
@cython.locals(offset=cython.ulonglong)
cdef bint _packed_says(Heap heap, unsigned long long stored, const char *characters, Py_ssize_t size) noexcept
@cython.locals(leaf=cython.ulonglong, at=cython.p_const_char)
cdef bint _leaf_says(Heap heap, unsigned long long stored, const char *characters, Py_ssize_t size) except -1
@cython.locals(heap=Heap, version=cython.ulonglong, entry=cython.ulonglong, word=cython.ulonglong)
cpdef look_up(Handle owner, key, default)
@cython.locals(heap=Heap, version=cython.ulonglong, found=cython.ulonglong, key_hash=cython.ulonglong)
cpdef bint has_entry(Handle owner, unsigned long long width, key) except -1
@cython.locals(found=cython.ulonglong)
cpdef unsigned long long find_entry(
    Heap heap, unsigned long long offset, unsigned long long width, key, unsigned long long key_hash
) except? 1
@cython.locals(
    table=cython.ulonglong, word=cython.ulonglong, slots=cython.ulonglong, index=cython.ulonglong,
    mask=cython.ulonglong, perturb=cython.ulonglong, slot=cython.ulonglong, number=cython.ulonglong,
    entry=cython.ulonglong, stored=cython.ulonglong, changes=cython.ulonglong, same=cython.bint,
    used=cython.ulonglong, found=cython.ulonglong,
)
cdef unsigned long long _search(
    Heap heap, unsigned long long offset, unsigned long long width, key, unsigned long long key_hash
) except? 2
cdef unsigned long long _word_of(Heap heap, key) except? 0
cdef bint _equals(Heap heap, unsigned long long stored, key) except -1
@cython.locals(size=cython.Py_ssize_t, characters=cython.p_const_char)
cdef bint _packed_is_str(Heap heap, unsigned long long stored, str key) except -1
@cython.locals(size=cython.Py_ssize_t, characters=cython.p_const_char)
cdef bint _leaf_is_str(Heap heap, unsigned long long stored, str key) except -1
@cython.locals(word=cython.ulonglong)
cdef unsigned long long _read_slot(Heap heap, unsigned long long index, unsigned long long slot) except? 1
@cython.locals(word=cython.ulonglong)
cdef unsigned long long _with_slot(
    Heap heap, unsigned long long index, unsigned long long slot, unsigned long long content
) except? 1
cdef bytes as_word(unsigned long long word)
cdef unsigned long long _content(unsigned long long mask, unsigned long long key_hash, unsigned long long number)
@cython.locals(perturb=cython.ulonglong, slot=cython.ulonglong, number=cython.ulonglong)
cdef unsigned long long _free_slot(
    Heap heap, unsigned long long index, unsigned long long mask, unsigned long long key_hash, unsigned long long used
) except? 0xFFFFFFFF
@cython.locals(
    table=cython.ulonglong, used=cython.ulonglong, entry=cython.ulonglong,
    index=cython.ulonglong, slot=cython.ulonglong, mask=cython.ulonglong, before=cython.ulonglong,
    place=cython.ulonglong, pieces=list, words=bytes,
)
cpdef bint add_at_once(
    Heap heap, Publication publication, unsigned long long offset, unsigned long long width,
    unsigned long long key_hash, unsigned long long key_word, unsigned long long value_word, bytearray texts
) except -1
@cython.locals(slot=cython.ulonglong)
cpdef bint store_value(Heap heap, unsigned long long offset, unsigned long long entry, unsigned long long word) except -1
@cython.locals(
    used=cython.ulonglong, table=cython.ulonglong, entry=cython.ulonglong, index=cython.ulonglong,
    number=cython.ulonglong, slot=cython.ulonglong, mask=cython.ulonglong, capacity=cython.ulonglong,
    end=cython.ulonglong,
)
cdef _clear_leftovers(Heap heap, unsigned long long offset, unsigned long long width, unsigned long long count)
@cython.locals(used=cython.ulonglong, deleted=cython.ulonglong)
cpdef unsigned long long count_live(Heap heap, unsigned long long offset) except? 0xFFFFFFFFFFFFFFFF
@cython.locals(perturb=cython.ulonglong, slot=cython.ulonglong)
cdef unsigned long long _slot_of(
    Heap heap, unsigned long long index, unsigned long long mask, unsigned long long key_hash, unsigned long long number
) except? 1
@cython.locals(table=cython.ulonglong, used=cython.ulonglong, entry=cython.ulonglong)
cdef unsigned long long _next_place(Heap heap, unsigned long long offset, unsigned long long width) except? 1
@cython.locals(word=cython.ulonglong)
cpdef unsigned long long prepare_key(Heap heap, Publication publication, key, bytearray texts) except? 0
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
@cython.locals(changes=cython.ulonglong, entry=cython.ulonglong, new=NewEntries)
cpdef add_entry(
    Heap heap, unsigned long long offset, unsigned long long width, key, unsigned long long key_hash,
    unsigned long long value_word
)
@cython.locals(table=cython.ulonglong, end=cython.ulonglong)
cpdef exchange_value(Heap heap, unsigned long long offset, unsigned long long entry, unsigned long long word)
@cython.locals(entry=cython.ulonglong)
cpdef put_entry(
    Heap heap, unsigned long long offset, unsigned long long width, key, unsigned long long key_hash,
    unsigned long long value_word
)
@cython.locals(
    count=cython.ulonglong, used=cython.ulonglong, table=cython.ulonglong, mask=cython.ulonglong,
    index=cython.ulonglong, number=cython.ulonglong, slot=cython.ulonglong, word=cython.ulonglong,
    entry=cython.ulonglong, end=cython.ulonglong, key_hash=cython.ulonglong, width=cython.ulonglong,
)
cpdef append_entries(Heap heap, unsigned long long offset, NewEntries new)
@cython.locals(
    deleted=cython.ulonglong, used=cython.ulonglong, table=cython.ulonglong, first=cython.ulonglong,
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
cpdef rebuild(Heap heap, unsigned long long offset, unsigned long long width, NewEntries new=*)
cpdef list entry_words(Heap heap, unsigned long long offset, unsigned long long width)
cpdef list live_words(Heap heap, unsigned long long offset, unsigned long long width)
cpdef list contents(Heap heap, unsigned long long offset, unsigned long long width)
cpdef unsigned long long last_entry(Heap heap, unsigned long long offset, unsigned long long width) except? 1
