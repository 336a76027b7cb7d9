# Types of the compiled form; the source is key_texts.py.
cimport cython
from pmemobj._engine.heap cimport Heap
from pmemobj._values.utf8 cimport forget_error, utf8_of
from pmemobj._values.words cimport is_packed

cdef extern from "Python.h":
    int resize "PyByteArray_Resize"(object data, Py_ssize_t size) except -1
    char *bytes_of "PyByteArray_AS_STRING"(object data) noexcept

cdef extern from "string.h":
    void copy_memory "memcpy"(void *target, const void *source, size_t size) noexcept nogil
    void clear_memory "memset"(void *target, int byte, size_t size) noexcept nogil

# Constants as C integers. Without these lines they would be Python objects, as they are in _format.
cdef unsigned long long WORD, ABSENT, ALLOCATION_HEADER_SIZE, ENTRY_KEY, SLOT_SIZE
cdef unsigned long long PACKED_STR, PACKED_SIZE_SHIFT, PACKED_OFFSET_SHIFT
cdef Py_ssize_t PACKED_MAX
cdef unsigned long long TABLE_SLOTS, TABLE_CAPACITY, TABLE_TEXTS, TABLE_ENTRIES

@cython.locals(start=cython.ulonglong, size=cython.Py_ssize_t, characters=cython.p_const_char, place=cython.p_char)
cpdef unsigned long long pack(str key, bytearray texts) except? 1
cpdef unsigned long long filled_up(unsigned long long size)
cpdef unsigned long long texts_at(Heap heap, unsigned long long table, unsigned long long width) except? 1
cpdef unsigned long long texts_end(Heap heap, unsigned long long table) except? 1
@cython.locals(used=cython.ulonglong)
cpdef bint has_room(Heap heap, unsigned long long table, unsigned long long width, unsigned long long size) except -1
@cython.locals(used=cython.ulonglong, start=cython.ulonglong)
cpdef unsigned long long put_text(
    Heap heap, unsigned long long table, unsigned long long width, bytes data
) except? 1
@cython.locals(size=cython.ulonglong, slot=cython.ulonglong, word=cython.ulonglong, number=cython.ulonglong)
cpdef unsigned long long size_of_texts(
    Heap heap, unsigned long long table, unsigned long long width, unsigned long long count
) except? 1
@cython.locals(
    place=cython.ulonglong, slot=cython.ulonglong, word=cython.ulonglong, size=cython.ulonglong, number=cython.ulonglong,
)
cpdef take_texts(Heap heap, unsigned long long table, unsigned long long width, unsigned long long count)
