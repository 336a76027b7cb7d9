# Types of the compiled form; the source is _base.py.
from pmemobj._heap cimport Handle, Heap

cdef class Persistent(Handle):
    pass
