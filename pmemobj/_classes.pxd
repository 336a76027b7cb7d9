# Types of the compiled form; the source is _classes.py.
from pmemobj._heap cimport Heap
from pmemobj._values cimport decode, replace

cdef class Shape:
    cdef public Heap _heap
    cdef public object _record, fields, name, number
    cdef public dict slots

cdef class ClassTable:
    cdef public Heap _heap
    cdef public dict shapes
    cdef object __weakref__
