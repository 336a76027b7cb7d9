# Types of the compiled form; the source is shape.py.
cimport cython
from pmemobj._engine.heap cimport Heap

cdef unsigned long long _SLOT_MAX, TABLE_ENTRIES, WORD

@cython.locals(
    slots=cython.ulonglong, places=cython.ulonglong, entry=cython.ulonglong, found=cython.p_uint, mask=cython.ulonglong,
    number=cython.ulonglong, key_hash=cython.ulonglong, perturb=cython.ulonglong, slot=cython.ulonglong,
)
cpdef fill_index(Heap heap, unsigned long long table, unsigned long long width, unsigned long long count)
