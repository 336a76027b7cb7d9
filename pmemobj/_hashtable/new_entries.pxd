# Types of the compiled form; the source is new_entries.py.
cimport cython
from pmemobj._engine.heap cimport Heap
from pmemobj._hashtable.key_texts cimport pack
from pmemobj._values.words cimport encode, free_leaf, immediate, is_packed

cdef extern from "Python.h":
    int resize "PyByteArray_Resize"(object data, Py_ssize_t size) except -1
    char *bytes_of "PyByteArray_AS_STRING"(object data) noexcept

# Constants as C integers. Without these lines they would be Python objects, as they are in _format.
cdef unsigned long long ABSENT, ENTRY_HASH, ENTRY_KEY, ENTRY_SIZE, ENTRY_VALUE, PACKED_OFFSET_SHIFT

@cython.final
cdef class NewEntries:
    cdef public bytearray rows, texts
    cdef public unsigned long long width
    cpdef add(self, Heap heap, key, unsigned long long key_hash, unsigned long long value_word=*)
    @cython.locals(start=cython.ulonglong)
    cpdef add_words(
        self, unsigned long long key_hash, unsigned long long key_word, unsigned long long value_word=*
    )
    @cython.locals(at=cython.ulonglong)
    cpdef unsigned long long word(self, unsigned long long number, unsigned long long part) except? 1
    cdef _put(self, unsigned long long at, unsigned long long word)
    @cython.locals(number=cython.ulonglong, word=cython.ulonglong)
    cpdef settle(self, unsigned long long start)
    @cython.locals(number=cython.ulonglong)
    cpdef free_keys(self, Heap heap)

@cython.locals(word=cython.ulonglong)
cpdef unsigned long long word_of_key(Heap heap, key, bytearray texts) except? 0
