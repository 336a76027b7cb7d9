# Types of the compiled form; the source is _values.py.
cimport cython
from pmemobj._engine.heap cimport Handle, Heap, PoolLock
from pmemobj._engine.publication cimport Publication
from pmemobj._values.utf8 cimport ascii_of, forget_error, is_ascii_word, padded_word, utf8_of

cdef extern from "Python.h":
    object str_of "PyUnicode_DecodeUTF8"(const char *data, Py_ssize_t size, const char *errors)
    long long long_long_of "PyLong_AsLongLongAndOverflow"(object number, int *overflow) except? -1

cdef extern from "string.h":
    void copy_memory "memcpy"(void *target, const void *source, size_t size) noexcept nogil

# Constants as C integers; the names that _layout gives to Python are not those.
cdef unsigned long long ABSENT, WORD, TAG_MASK, TAG_CONTAINER, TAG_LEAF, TAG_STR, SHORT_MAX, SHORT_BYTES
cdef unsigned long long _STR_HEADER
cdef int _STR_KIND
cdef unsigned long long PACKED_STR, PACKED_SIZE_SHIFT, PACKED_OFFSET_SHIFT
cdef unsigned long long WORD_NONE, WORD_FALSE, WORD_TRUE

cpdef unsigned long long immediate(Heap heap, value) except? 0
@cython.locals(overflow=cython.int, number=cython.longlong, word=cython.ulonglong)
cdef unsigned long long _small_int(value) except? 0
@cython.locals(data_at=cython.p_const_char, size=cython.Py_ssize_t)
cdef unsigned long long _short_str(str value) except? 0
cpdef decode(Heap heap, unsigned long long word)
@cython.locals(size=cython.Py_ssize_t, data_at=cython.p_char, at=cython.p_const_char)
cdef _decode_tagged(Heap heap, unsigned long long word)
@cython.locals(offset=cython.ulonglong, head=cython.ulonglong)
cdef bint _is_text(Heap heap, unsigned long long word) except -1
@cython.locals(value=cython.double, bits=cython.ulonglong)
cdef _word_float(unsigned long long word)
cpdef bint is_leaf(unsigned long long word)
cpdef bint is_container(unsigned long long word)
cpdef bint is_packed(unsigned long long word)
cpdef bytes packed_text(Heap heap, unsigned long long word)
cpdef unsigned long long encode(Heap heap, value) except? 0
@cython.locals(size=cython.Py_ssize_t, data_at=cython.p_const_char, offset=cython.ulonglong, place=cython.p_char)
cdef unsigned long long _new_text(Heap heap, str value) except? 0
@cython.locals(offset=cython.ulonglong)
cpdef unsigned long long new_leaf(Heap heap, int kind, bytes payload) except? 0
cdef unsigned long long _fill_leaf(Heap heap, unsigned long long offset, int kind, bytes payload) except? 0
@cython.locals(lock=PoolLock, word=cython.ulonglong)
cpdef replace(Heap heap, unsigned long long slot, value, unsigned long long area=*, unsigned long long end=*)
@cython.locals(offset=cython.ulonglong, head=cython.ulonglong)
cpdef tuple leaf_parts(Heap heap, unsigned long long word)
@cython.locals(publication=Publication, dropped=cython.ulonglong)
cdef bint _swap(Heap heap, unsigned long long slot, unsigned long long word, value) except -1
@cython.locals(word=cython.ulonglong, offset=cython.ulonglong, payload=bytes)
cpdef unsigned long long prepare(Heap heap, Publication publication, value) except? 0
cpdef exchange(
    Heap heap, unsigned long long slot, unsigned long long word, unsigned long long area=*, unsigned long long end=*
)
cpdef free_leaf(Heap heap, unsigned long long word)
cpdef unsigned long long reference(Heap heap, Handle value) except? 0
cpdef unsigned long long duplicate(Heap heap, unsigned long long word) except? 0
