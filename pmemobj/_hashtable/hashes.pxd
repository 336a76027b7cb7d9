# Types of the compiled form; the source is hashes.py.
cimport cython
from pmemobj._engine.heap cimport Handle, Heap
from pmemobj._values.utf8 cimport forget_error, mix_memory, utf8_of

cdef unsigned long long _MASK, STR_SEED, _BYTES_SEED, _NONE_HASH

cpdef unsigned long long stored_hash(Heap heap, key) except? 0
@cython.locals(characters=cython.p_const_char, size=cython.Py_ssize_t)
cpdef unsigned long long hash_of_str(str text) except? 0
cpdef unsigned long long hash_of_bytes(bytes data) except? 0
cpdef unsigned long long mix(bytes data, unsigned long long seed) except? 0
