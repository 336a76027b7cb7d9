# Types of the compiled form; the source is number_sequence.py.
from pmemobj._containers.buffer cimport Buffer

cdef class NumberSequence(Buffer):
    pass
