# Types of the compiled form; the source is array.py.
from pmemobj._containers.number_sequence cimport NumberSequence
from pmemobj._engine.heap cimport Heap

cimport cython

# So that `match` takes it for a sequence; registering with the ABC cannot mark a static type.
@cython.collection_type("sequence")
cdef class PersistentArray(NumberSequence):
    pass
