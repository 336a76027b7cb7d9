# Types of the compiled form; the source is _hashes.py.
from pmemobj._heap cimport Heap

cpdef unsigned long long stored_hash(Heap heap, key) except? 0
cdef unsigned long long _mix(bytes data, unsigned long long seed)
