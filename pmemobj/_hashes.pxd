# Types of the compiled form; the source is _hashes.py.
cimport cython
from pmemobj._heap cimport Handle, Heap

cdef unsigned long long _MASK, _MULTIPLIER, _STR_SEED, _BYTES_SEED, _NONE_HASH, WORD

cdef extern from "Python.h":
    char *utf8_of "PyUnicode_AsUTF8AndSize"(object text, Py_ssize_t *size) noexcept
    void forget_error "PyErr_Clear"()

cdef extern from "string.h":
    void copy_memory "memcpy"(void *target, const void *source, size_t size) nogil

cpdef unsigned long long stored_hash(Heap heap, key) except? 0
@cython.locals(characters=cython.p_char, size=cython.Py_ssize_t)
cpdef unsigned long long hash_of_str(str text) except? 0
cpdef unsigned long long hash_of_bytes(bytes data) except? 0
cpdef unsigned long long mix(bytes data, unsigned long long seed) except? 0
@cython.locals(state=cython.ulonglong, word=cython.ulonglong)
cdef unsigned long long _mix_memory(char *data, Py_ssize_t size, unsigned long long seed) noexcept
