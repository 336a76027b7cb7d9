# Types of the compiled form; the source is stores.py.
cimport cython
from pmemobj._pmdk cimport calls
from pmemobj._engine.allocator cimport Allocator
from pmemobj._engine.lock cimport PoolLock, thread_key
from pmemobj._engine.snapshots cimport SnapshotRanges

cdef extern from "string.h":
    void copy_bytes "memcpy"(void *target, const void *source, size_t size) noexcept nogil

cdef unsigned long long WORD, PAGE, _TAIL_GROWTH, _LARGEST_TAIL, _LARGEST_TAIL_IN_JOURNAL

cdef class LoggedStores(Allocator):
    cdef SnapshotRanges _ranges
    cdef bint _begun_again
    cdef public unsigned long long tail_bytes

    cpdef snapshot(self, unsigned long long offset, unsigned long long size)
    @cython.final
    @cython.locals(end=cython.ulonglong)
    cdef _log(self, unsigned long long offset, unsigned long long size)
    @cython.final
    @cython.locals(page=cython.ulonglong, first=cython.ulonglong)
    cdef _log_page(self, unsigned long long offset, unsigned long long area, unsigned long long end)
    cpdef write(self, unsigned long long offset, unsigned long long word)
    @cython.final
    cdef _change(self, unsigned long long offset, unsigned long long word)
    @cython.final
    @cython.locals(target=cython.p_char)
    cdef _put_bytes(self, unsigned long long offset, data)
    cpdef write_in(
        self, unsigned long long offset, unsigned long long word, unsigned long long area, unsigned long long end
    )
    @cython.locals(word=cython.ulonglong)
    cpdef write_words(self, unsigned long long offset, list words)
    cpdef move(self, unsigned long long target, unsigned long long source, unsigned long long count)
    cpdef write_bytes(self, unsigned long long offset, data)
    cpdef move_bytes(self, unsigned long long target, unsigned long long source, unsigned long long size)
    cpdef append_in(
        self, unsigned long long offset, unsigned long long word, unsigned long long counter, unsigned long long area,
        unsigned long long end
    )
    cpdef append_words_in(
        self, unsigned long long offset, list words, unsigned long long counter, unsigned long long area,
        unsigned long long end
    )
    cpdef append_row_in(
        self, unsigned long long offset, unsigned long long one, unsigned long long two, unsigned long long three,
        unsigned long long size, unsigned long long counter, unsigned long long area, unsigned long long end
    )
    cpdef append_bytes_in(
        self, unsigned long long offset, bytes data, unsigned long long counter, unsigned long long area,
        unsigned long long end, unsigned long long start
    )
    @cython.final
    @cython.locals(first=cython.ulonglong, largest=cython.ulonglong, is_fresh=cython.bint)
    cdef bint _prepare_tail(
        self, unsigned long long offset, unsigned long long size, unsigned long long counter, unsigned long long area,
        unsigned long long end, unsigned long long start
    ) except -1
    @cython.locals(lock=PoolLock)
    cpdef store(self, unsigned long long offset, unsigned long long word)
    @cython.locals(lock=PoolLock)
    cpdef store_ahead(self, unsigned long long offset, unsigned long long word)
    @cython.locals(
        lock=PoolLock, first=cython.ulonglong, last=cython.ulonglong, offset=cython.ulonglong, data=bytes,
    )
    cpdef store_apart(self, list pieces)
    @cython.locals(target=cython.p_char)
    cpdef init_copy(self, unsigned long long offset, unsigned long long source, unsigned long long count)
    cpdef init_word(self, unsigned long long offset, unsigned long long word)
