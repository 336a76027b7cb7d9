# Types of the compiled form; the source is comparable.py.
from pmemobj._containers.base cimport Persistent

cdef class Comparable(Persistent):
    pass
