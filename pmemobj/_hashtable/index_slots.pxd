# Types of the compiled form; the source is index_slots.py.
cimport cython
from pmemobj._engine.heap cimport Heap

cdef unsigned long long WORD, SLOT_MAX, PERTURBED_STEPS

@cython.locals(word=cython.ulonglong)
cpdef unsigned long long read_slot(Heap heap, unsigned long long index, unsigned long long slot) except? 1
@cython.locals(word=cython.ulonglong)
cpdef unsigned long long with_slot(
    Heap heap, unsigned long long index, unsigned long long slot, unsigned long long content
) except? 1
cpdef unsigned long long slot_content(unsigned long long mask, unsigned long long key_hash, unsigned long long number) noexcept
@cython.locals(perturb=cython.ulonglong, slot=cython.ulonglong)
cpdef unsigned long long slot_of(
    Heap heap, unsigned long long index, unsigned long long mask, unsigned long long key_hash, unsigned long long number
) except? 1
@cython.locals(perturb=cython.ulonglong, slot=cython.ulonglong, number=cython.ulonglong)
cpdef unsigned long long free_slot(
    Heap heap, unsigned long long index, unsigned long long mask, unsigned long long key_hash, unsigned long long used
) except? 0xFFFFFFFF
