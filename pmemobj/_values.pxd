# Types of the compiled form; the source is _values.py.
from pmemobj._heap cimport Handle, Heap

cpdef unsigned long long immediate(Heap heap, value) except? 0
cdef unsigned long long _short_str(str value) except? 0
cpdef decode(Heap heap, unsigned long long word)
cdef _decode_tagged(Heap heap, unsigned long long word)
cpdef bint is_leaf(unsigned long long word)
cpdef bint is_container(unsigned long long word)
cpdef unsigned long long encode(Heap heap, value) except? 0
cpdef replace(Heap heap, unsigned long long slot, value)
cpdef exchange(Heap heap, unsigned long long slot, unsigned long long word)
cpdef free_leaf(Heap heap, unsigned long long word)
cpdef unsigned long long reference(Heap heap, Handle value) except? 0
cdef unsigned long long _new_leaf(Heap heap, kind, bytes payload) except? 0
cpdef unsigned long long duplicate(Heap heap, unsigned long long word) except? 0
