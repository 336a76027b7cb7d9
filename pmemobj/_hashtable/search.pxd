# Types of the compiled form; the source is search.py.
cimport cython
from pmemobj._engine.consistent_reads cimport is_half_changed, read_optimistically
from pmemobj._engine.heap cimport Handle, Heap
from pmemobj._hashtable.hashes cimport stored_hash
from pmemobj._hashtable.index_slots cimport read_slot
from pmemobj._values.utf8 cimport forget_error, mix_memory, padded_word, same_memory, same_words, utf8_of
from pmemobj._values.words cimport decode, immediate, is_container, is_leaf, is_packed, packed_text

cdef extern from "Python.h":
    long long long_long_of "PyLong_AsLongLongAndOverflow"(object number, int *overflow) except? -1

# Constants as C integers. Without these lines they would be Python objects, as they are in _format.
cdef unsigned long long WORD, ABSENT, TAG_LEAF, ENTRY_SIZE
cdef unsigned long long DICT_SIZE, DICT_USED, DICT_TABLE, TABLE_SLOTS, TABLE_CAPACITY, TABLE_ENTRIES
cdef unsigned long long ENTRY_HASH, ENTRY_KEY, ENTRY_VALUE
cdef unsigned long long SLOT_MAX, PERTURBED_STEPS, _ATTEMPTS, _CHANGED, _STR_HEADER, STR_SEED, _CARE
cdef unsigned long long SLOT_SIZE, PACKED_STR, PACKED_SIZE_SHIFT, PACKED_OFFSET_SHIFT
cdef unsigned long long IMMEDIATE_BITS, SHORT_MAX, TAG_STR, TAG_MASK
cdef long long _HASH_MODULUS

@cython.locals(entry=cython.ulonglong)
cpdef value_of(Heap heap, unsigned long long offset, key, default)
@cython.locals(
    characters=cython.p_const_char, size=cython.Py_ssize_t, overflow=cython.int, number=cython.longlong,
    word=cython.ulonglong, key_hash=cython.ulonglong, table=cython.ulonglong, slots=cython.ulonglong,
    index=cython.ulonglong, used=cython.ulonglong, capacity=cython.ulonglong, limit=cython.ulonglong,
)
cdef unsigned long long quick_entry(Heap heap, unsigned long long offset, unsigned long long width, key) except? 1
@cython.locals(offset=cython.ulonglong)
cdef bint _packed_says(Heap heap, unsigned long long stored, const char *characters, Py_ssize_t size) noexcept
@cython.locals(leaf=cython.ulonglong, at=cython.p_const_char)
cdef bint _leaf_says(Heap heap, unsigned long long stored, const char *characters, Py_ssize_t size) except -1

# The part of `quick_entry` that follows the slots of the index, and a part of it: a call would take as long as a step.
# All bounds of the table have been checked.
cdef inline unsigned long long probe(
    Heap heap, unsigned long long table, unsigned long long index, unsigned long long slots, unsigned long long used,
    unsigned long long width, unsigned long long key_hash, unsigned long long word, const char *characters,
    Py_ssize_t size,
) except? 1:
    cdef unsigned long long mask = slots - 1, perturb = key_hash, slot = key_hash & mask
    cdef unsigned long long found, place, entry, stored, step
    for step in range(slots + PERTURBED_STEPS):
        found = heap.fetch_half(index + SLOT_SIZE * slot)
        place = found & mask
        if place == 0 or place > used:
            return 0
        entry = table + TABLE_ENTRIES + width * (place - 1)
        if (found ^ key_hash) & (SLOT_MAX ^ mask) == 0 and heap.fetch(entry + ENTRY_HASH) == key_hash:
            stored = heap.fetch(entry + ENTRY_KEY)
            if stored != ABSENT:
                if stored == word:
                    return entry
                if stored & 0xFF == PACKED_STR:
                    if characters != NULL and _packed_says(heap, stored, characters, size):
                        return entry
                elif characters == NULL or stored & TAG_MASK != TAG_LEAF:
                    return _CARE
                elif _leaf_says(heap, stored, characters, size):
                    return entry
                elif heap.peek(stored ^ TAG_LEAF) & 0xFFFF != _STR_HEADER:
                    return _CARE  # Only a comparison can tell, for example with a str of a nominated class.
        perturb >>= 5
        slot = (slot * 5 + perturb + 1) & mask
    return 0

@cython.locals(heap=Heap, entry=cython.ulonglong, word=cython.ulonglong)
cpdef look_up(Handle owner, key, default)
@cython.locals(handle=Handle)
cdef object _read_value(object owner, object key, object default, long long _number)
@cython.locals(heap=Heap, found=cython.ulonglong)
cpdef bint has_entry(Handle owner, unsigned long long width, key) except -1
@cython.locals(handle=Handle)
cdef object _read_presence(object owner, object key, object width, long long key_hash)
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
