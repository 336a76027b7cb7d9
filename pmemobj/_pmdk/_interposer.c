/* Interposition: functions that libpmemobj calls in place of libpmem's, and that decide by address what a flush means.
 *
 * libpmemobj reaches the medium through nine functions of libpmem. It calls them through its table of addresses, whose
 * entries `patch` redirects to functions in this file. A pool that was registered, as a region of addresses, has a
 * policy; for all other addresses libpmem's own functions are called.
 *
 *     MEMORY    Nothing has to be flushed: what a killed process stored is in the page cache already.
 *     JOURNAL   Nothing is flushed, but it is noted which cache lines have changed; `gather` copies them at a commit.
 *
 * Nothing here is tied to a processor: the entries are found by the names of their symbols in the relocation tables of
 * the loaded library, which every ELF system has.
 *
 * Threads: a pool is changed by one thread at a time, which is the only one that marks lines in it or gathers them.
 * Regions are looked for by all threads, also without Python's lock; so they lie in an array that never moves. */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#if __ELF_NATIVE_CLASS == 64
#define SYMBOL_OF(info) ELF64_R_SYM(info)
#else
#define SYMBOL_OF(info) ELF32_R_SYM(info)
#endif

/* A page, here, is what one word of the bitmap stands for, on every machine: 64 lines of 64 bytes. */
#define PAGE_SHIFT 12
#define PAGE (1UL << PAGE_SHIFT)
#define LINE_SHIFT 6
#define LINE (1UL << LINE_SHIFT)
/* The header of a pool, in which libpmemobj also keeps variables of the running process. */
#define HEADER_PAGES 2
#define MOST_REGIONS 256
/* No pool is smaller; libpmem is also asked about the few KiB of a header. */
#define SMALLEST_POOL (8UL << 20)

/* Flags of pmem_memcpy and similar functions. */
#define NOFLUSH (1U << 5)

enum { PASS = 0, MEMORY = 1, JOURNAL = 2 };

/* Pages in the order in which they were first noted, and a bitmap that tells which. Both are mapped lazily. */
struct pages {
    uint64_t *list;
    size_t count;
};

struct region {
    _Atomic uintptr_t begin, end; /* both 0: the entry is free */
    int policy;
    size_t page_count;
    uint64_t *lines;     /* for each page, one bit for each changed line that no record has yet */
    struct pages dirty;  /* pages with such lines */
    uint8_t *is_written; /* for each page, whether a record since the last checkpoint has lines of it */
    struct pages written;
    uint64_t dirty_lines;
};

static struct region regions[MOST_REGIONS];
static _Atomic int region_count; /* entries from here on were never used */
static _Atomic int passes_to_hardware; /* whether libpmem itself takes some pool for persistent memory */

/* What the opening of a pool, in this thread, shall do with its mapping. */
static __thread int opening;
static __thread size_t opening_reserve;
static __thread uintptr_t opened_at;
static __thread int opening_failed;
/* Pages that are put into every private mapping of a file while the pool is opened: see `overlay`. */
static __thread const unsigned char *overlay_data;
static __thread size_t overlay_count;

struct overlay_page {
    uint64_t device, inode, offset;
    unsigned char data[PAGE];
};

static struct {
    int (*is_pmem)(const void *, size_t);
    void (*flush)(const void *, size_t);
    void (*drain)(void);
    void (*persist)(const void *, size_t);
    int (*msync)(const void *, size_t);
    int (*deep_flush)(const void *, size_t);
    void *(*memcpy)(void *, const void *, size_t, unsigned);
    void *(*memmove)(void *, const void *, size_t, unsigned);
    void *(*memset)(void *, int, size_t, unsigned);
} libpmem;

/* ---- regions ---- */

static struct region *region_of(const void *address) {
    uintptr_t at = (uintptr_t)address;
    int count = atomic_load_explicit(&region_count, memory_order_acquire);
    for (int one = 0; one < count; one++)
        if (at >= atomic_load_explicit(&regions[one].begin, memory_order_relaxed) &&
            at < atomic_load_explicit(&regions[one].end, memory_order_acquire))
            return &regions[one];
    return NULL;
}

static void *lazy(size_t size) {
    void *there = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return there == MAP_FAILED ? NULL : there;
}

static void free_tables(struct region *region) {
    size_t count = region->page_count;
    if (region->lines != NULL)
        munmap(region->lines, count * sizeof(uint64_t));
    if (region->dirty.list != NULL)
        munmap(region->dirty.list, count * sizeof(uint64_t));
    if (region->is_written != NULL)
        munmap(region->is_written, count);
    if (region->written.list != NULL)
        munmap(region->written.list, count * sizeof(uint64_t));
    region->lines = NULL;
    region->is_written = NULL;
    memset(&region->dirty, 0, sizeof region->dirty);
    memset(&region->written, 0, sizeof region->written);
    region->dirty_lines = 0;
}

/* The lock of Python is held by a process that opens a pool in only some builds, so an entry is taken atomically. */
static struct region *add_region(uintptr_t begin, size_t size, int policy) {
    for (int one = 0; one < MOST_REGIONS; one++) {
        struct region *region = &regions[one];
        uintptr_t free_entry = 0;
        if (!atomic_compare_exchange_strong(&region->begin, &free_entry, begin))
            continue;
        region->policy = policy;
        region->page_count = (size + PAGE - 1) >> PAGE_SHIFT;
        if (policy == JOURNAL) {
            region->lines = lazy(region->page_count * sizeof(uint64_t));
            region->dirty.list = lazy(region->page_count * sizeof(uint64_t));
            region->is_written = lazy(region->page_count);
            region->written.list = lazy(region->page_count * sizeof(uint64_t));
            if (!region->lines || !region->dirty.list || !region->is_written || !region->written.list) {
                free_tables(region);
                atomic_store(&region->begin, 0);
                return NULL;
            }
        }
        atomic_store_explicit(&region->end, begin + size, memory_order_release);
        int count = atomic_load(&region_count);
        while (count < one + 1 && !atomic_compare_exchange_weak(&region_count, &count, one + 1))
            ;
        return region;
    }
    return NULL;
}

static void remove_region(struct region *region) {
    atomic_store_explicit(&region->end, 0, memory_order_release);
    free_tables(region);
    atomic_store_explicit(&region->begin, 0, memory_order_release);
}

/* Note that the lines of a range have changed. */
static void mark(struct region *region, const void *address, size_t size) {
    if (region->policy != JOURNAL || size == 0)
        return;
    uintptr_t begin = atomic_load_explicit(&region->begin, memory_order_relaxed);
    size_t first = ((uintptr_t)address - begin) >> LINE_SHIFT;
    size_t last = ((uintptr_t)address - begin + size - 1) >> LINE_SHIFT;
    if (last >= region->page_count << (PAGE_SHIFT - LINE_SHIFT))
        last = (region->page_count << (PAGE_SHIFT - LINE_SHIFT)) - 1;
    while (first <= last) {
        size_t page = first >> 6, until = last - (page << 6);
        uint64_t bits = ~0ULL << (first & 63);
        if (until < 63)
            bits &= (2ULL << until) - 1;
        uint64_t before = region->lines[page];
        if (before == 0)
            region->dirty.list[region->dirty.count++] = page;
        region->lines[page] = before | bits;
        region->dirty_lines += (uint64_t)__builtin_popcountll(bits & ~before);
        first = (page + 1) << 6;
    }
}

/* ---- the functions that libpmemobj calls in place of libpmem's ---- */

static int our_is_pmem(const void *address, size_t size) {
    struct region *region = region_of(address);
    if (region == NULL && opening != PASS && opened_at == 0 && size >= SMALLEST_POOL) {
        region = add_region((uintptr_t)address, size > opening_reserve ? size : opening_reserve, opening);
        if (region != NULL)
            opened_at = (uintptr_t)address;
        else
            opening_failed = 1;
    }
    if (region != NULL)
        return 1; /* libpmemobj shall flush and drain, and not call msync */
    int answer = libpmem.is_pmem(address, size);
    if (answer && size >= SMALLEST_POOL)
        atomic_store(&passes_to_hardware, 1);
    return answer;
}

static void our_flush(const void *address, size_t size) {
    struct region *region = region_of(address);
    if (region == NULL)
        libpmem.flush(address, size);
    else
        mark(region, address, size);
}

static void our_drain(void) {
    if (atomic_load_explicit(&passes_to_hardware, memory_order_relaxed))
        libpmem.drain();
    else
        atomic_signal_fence(memory_order_seq_cst);
}

static void our_persist(const void *address, size_t size) {
    struct region *region = region_of(address);
    if (region == NULL) {
        libpmem.persist(address, size);
        return;
    }
    mark(region, address, size);
    atomic_signal_fence(memory_order_seq_cst);
}

static int our_msync(const void *address, size_t size) {
    struct region *region = region_of(address);
    if (region == NULL)
        return libpmem.msync(address, size);
    mark(region, address, size);
    return 0;
}

static int our_deep_flush(const void *address, size_t size) {
    struct region *region = region_of(address);
    if (region == NULL)
        return libpmem.deep_flush(address, size);
    mark(region, address, size);
    return 0;
}

static void *our_memmove(void *to, const void *from, size_t size, unsigned flags) {
    struct region *region = region_of(to);
    if (region == NULL)
        return libpmem.memmove(to, from, size, flags);
    memmove(to, from, size);
    if (!(flags & NOFLUSH))
        mark(region, to, size);
    return to;
}

static void *our_memcpy(void *to, const void *from, size_t size, unsigned flags) {
    struct region *region = region_of(to);
    if (region == NULL)
        return libpmem.memcpy(to, from, size, flags);
    memcpy(to, from, size);
    if (!(flags & NOFLUSH))
        mark(region, to, size);
    return to;
}

static void *our_memset(void *to, int value, size_t size, unsigned flags) {
    struct region *region = region_of(to);
    if (region == NULL)
        return libpmem.memset(to, value, size, flags);
    memset(to, value, size);
    if (!(flags & NOFLUSH))
        mark(region, to, size);
    return to;
}

/* Put the pages that belong to a file into a new private mapping of it, before libpmemobj reads it. */
static void lay_over(unsigned char *there, size_t size, int file, off_t from) {
    struct stat status;
    if (fstat(file, &status) != 0)
        return;
    for (size_t one = 0; one < overlay_count; one++) {
        struct overlay_page page; /* a copy, since the bytes of Python may lie at any address */
        memcpy(&page, overlay_data + one * sizeof page, sizeof page);
        if (page.device == (uint64_t)status.st_dev && page.inode == (uint64_t)status.st_ino &&
            page.offset >= (uint64_t)from && page.offset + PAGE <= (uint64_t)from + size)
            memcpy(there + (page.offset - (uint64_t)from), page.data, PAGE);
    }
}

/* A part that is added to a growing pool is mapped shared, even if the pool was opened copy-on-write. */
static void *our_mmap(void *at, size_t size, int protection, int flags, int file, off_t from) {
    struct region *region = file >= 0 ? region_of(at) : NULL;
    if (region != NULL && region->policy == JOURNAL && !(flags & MAP_PRIVATE)) {
#ifdef MAP_SHARED_VALIDATE
        flags &= ~MAP_SHARED_VALIDATE;
#endif
#ifdef MAP_SYNC
        flags &= ~MAP_SYNC;
#endif
        flags = (flags & ~MAP_SHARED) | MAP_PRIVATE | MAP_NORESERVE;
    }
    void *there = mmap(at, size, protection, flags, file, from);
    if (there != MAP_FAILED && overlay_count && file >= 0 && (flags & MAP_PRIVATE) && (protection & PROT_WRITE))
        lay_over(there, size, file, from);
    return there;
}

/* ---- the table of addresses of libpmemobj ---- */

static struct replacement {
    const char *name;
    void *ours;
    void **original; /* where libpmem's own function is kept; NULL for a function of libc */
    int found;
} replacements[] = {
    {"pmem_is_pmem", our_is_pmem, (void **)&libpmem.is_pmem, 0},
    {"pmem_flush", our_flush, (void **)&libpmem.flush, 0},
    {"pmem_drain", our_drain, (void **)&libpmem.drain, 0},
    {"pmem_persist", our_persist, (void **)&libpmem.persist, 0},
    {"pmem_msync", our_msync, (void **)&libpmem.msync, 0},
    {"pmem_deep_flush", our_deep_flush, (void **)&libpmem.deep_flush, 0},
    {"pmem_memcpy", our_memcpy, (void **)&libpmem.memcpy, 0},
    {"pmem_memmove", our_memmove, (void **)&libpmem.memmove, 0},
    {"pmem_memset", our_memset, (void **)&libpmem.memset, 0},
    {"mmap", our_mmap, NULL, 0},
    {"mmap64", our_mmap, NULL, 0},
};
#define REPLACEMENTS (sizeof replacements / sizeof *replacements)
/* `mmap` has one of two names. */
#define LEAST_FOUND (REPLACEMENTS - 1)

struct library {
    const char *path;
    uintptr_t base;
    const ElfW(Sym) *symbols;
    const char *names;
    struct {
        const unsigned char *entries;
        size_t size, entry_size;
        int has_addends;
    } tables[3]; /* DT_RELA, DT_REL, DT_JMPREL */
    uintptr_t protected_begin, protected_end; /* made read-only by the loader (RELRO) */
};

/* An address in the dynamic section: some loaders have added the base, others have not. */
static const void *address_in(const struct dl_phdr_info *object, ElfW(Addr) value) {
    return (const void *)(value < object->dlpi_addr ? object->dlpi_addr + value : value);
}

static int find_library(struct dl_phdr_info *object, size_t size, void *result) {
    struct library *found = result;
    const char *slash = object->dlpi_name ? strrchr(object->dlpi_name, '/') : NULL;
    if (slash == NULL || strncmp(slash + 1, "libpmemobj", 10) != 0)
        return 0;
    found->path = object->dlpi_name;
    found->base = object->dlpi_addr;
    int calls_have_addends = 1;
    for (int at = 0; at < object->dlpi_phnum; at++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[at];
        if (segment->p_type == PT_GNU_RELRO) {
            found->protected_begin = object->dlpi_addr + segment->p_vaddr;
            found->protected_end = found->protected_begin + segment->p_memsz;
        }
        if (segment->p_type != PT_DYNAMIC)
            continue;
        for (const ElfW(Dyn) *entry = (void *)(object->dlpi_addr + segment->p_vaddr); entry->d_tag; entry++) {
            if (entry->d_tag == DT_RELA)
                found->tables[0].entries = address_in(object, entry->d_un.d_ptr);
            else if (entry->d_tag == DT_RELASZ)
                found->tables[0].size = entry->d_un.d_val;
            else if (entry->d_tag == DT_REL)
                found->tables[1].entries = address_in(object, entry->d_un.d_ptr);
            else if (entry->d_tag == DT_RELSZ)
                found->tables[1].size = entry->d_un.d_val;
            else if (entry->d_tag == DT_JMPREL)
                found->tables[2].entries = address_in(object, entry->d_un.d_ptr);
            else if (entry->d_tag == DT_PLTRELSZ)
                found->tables[2].size = entry->d_un.d_val;
            else if (entry->d_tag == DT_PLTREL)
                calls_have_addends = entry->d_un.d_val == DT_RELA;
            else if (entry->d_tag == DT_SYMTAB)
                found->symbols = address_in(object, entry->d_un.d_ptr);
            else if (entry->d_tag == DT_STRTAB)
                found->names = address_in(object, entry->d_un.d_ptr);
        }
    }
    found->tables[0].has_addends = 1;
    found->tables[2].has_addends = calls_have_addends;
    for (int table = 0; table < 3; table++)
        found->tables[table].entry_size = found->tables[table].has_addends ? sizeof(ElfW(Rela)) : sizeof(ElfW(Rel));
    return 1;
}

/* Store an address in an entry of the table, which the loader may have protected. */
static int redirect(const struct library *library, void **slot, void *to) {
    uintptr_t system_page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (uintptr_t)slot & ~(system_page - 1);
    uintptr_t end = ((uintptr_t)(slot + 1) + system_page - 1) & ~(system_page - 1);
    int is_protected = begin < library->protected_end && end > library->protected_begin;
    if (is_protected && mprotect((void *)begin, end - begin, PROT_READ | PROT_WRITE) != 0)
        return -1;
    __atomic_store_n(slot, to, __ATOMIC_RELEASE);
    if (is_protected && begin >= (library->protected_begin & ~(system_page - 1)) && end <= library->protected_end)
        mprotect((void *)begin, end - begin, PROT_READ);
    return 0;
}

/* Visit the entries of the table that lead to functions in `replacements`; redirect them, or only note them. */
static int visit_entries(const struct library *library, int redirecting) {
    for (int table = 0; table < 3; table++) {
        size_t step = library->tables[table].entry_size;
        for (size_t at = 0; library->tables[table].entries && at + step <= library->tables[table].size; at += step) {
            ElfW(Rela) entry = {0};
            memcpy(&entry, library->tables[table].entries + at, step);
            size_t symbol = SYMBOL_OF(entry.r_info);
            if (symbol == 0 || entry.r_addend != 0)
                continue;
            const char *name = library->names + library->symbols[symbol].st_name;
            for (size_t one = 0; one < REPLACEMENTS; one++) {
                if (strcmp(name, replacements[one].name) != 0)
                    continue;
                replacements[one].found = 1;
                if (redirecting && redirect(library, (void **)(library->base + entry.r_offset), replacements[one].ours))
                    return -1;
            }
        }
    }
    return 0;
}

/* ---- the module ---- */

PyDoc_STRVAR(patch_doc, "patch() -> an empty str, or why libpmemobj's calls of libpmem cannot be redirected.");
static PyObject *py_patch(PyObject *self, PyObject *none) {
    struct library library;
    memset(&library, 0, sizeof library);
    dl_iterate_phdr(find_library, &library);
    if (library.path == NULL)
        return PyUnicode_FromString("libpmemobj is not loaded");
    if (library.symbols == NULL || library.names == NULL)
        return PyUnicode_FromString("libpmemobj has no table of symbols");
    void *handle = dlopen(library.path, RTLD_NOW | RTLD_NOLOAD);
    if (handle == NULL)
        return PyUnicode_FromString("libpmemobj cannot be found again by its path");
    /* The handle is kept, so that the library and its tables stay. */
    size_t found = 0;
    visit_entries(&library, 0);
    for (size_t one = 0; one < REPLACEMENTS; one++) {
        found += (size_t)replacements[one].found;
        if (replacements[one].original == NULL)
            continue;
        *replacements[one].original = dlsym(handle, replacements[one].name);
        if (*replacements[one].original == NULL)
            return PyUnicode_FromFormat("libpmem has no function %s", replacements[one].name);
    }
    if (found < LEAST_FOUND)
        return PyUnicode_FromFormat("libpmemobj calls only %zu of the functions that version 1.12 calls", found);
    if (visit_entries(&library, 1) != 0)
        return PyUnicode_FromFormat("its table of addresses cannot be changed (%s)", strerror(errno));
    return PyUnicode_FromString("");
}

PyDoc_STRVAR(begin_opening_doc,
             "begin_opening(policy, reserve): the next pool that this thread opens has this policy, and can become\n"
             "`reserve` bytes long.");
static PyObject *py_begin_opening(PyObject *self, PyObject *arguments) {
    int policy;
    unsigned long long reserve;
    if (!PyArg_ParseTuple(arguments, "iK", &policy, &reserve))
        return NULL;
    opening = policy;
    opening_reserve = reserve;
    opened_at = 0;
    opening_failed = 0;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(end_opening_doc, "end_opening() -> the address of the region that was registered since; 0 for none.");
static PyObject *py_end_opening(PyObject *self, PyObject *none) {
    uintptr_t found = opened_at;
    opening = PASS;
    opened_at = 0;
    return PyLong_FromUnsignedLongLong(found);
}

PyDoc_STRVAR(overlay_doc,
             "overlay(pages): from now on, these pages (device, inode, offset, content) are put into every private\n"
             "mapping that this thread lets libpmemobj make. The caller keeps them; `overlay(None)` ends that.");
static PyObject *py_overlay(PyObject *self, PyObject *pages) {
    overlay_data = NULL;
    overlay_count = 0;
    if (pages == Py_None)
        Py_RETURN_NONE;
    if (!PyBytes_Check(pages) || PyBytes_GET_SIZE(pages) % (Py_ssize_t)sizeof(struct overlay_page)) {
        PyErr_SetString(PyExc_TypeError, "an overlay is bytes of whole pages");
        return NULL;
    }
    overlay_data = (const unsigned char *)PyBytes_AS_STRING(pages);
    overlay_count = (size_t)PyBytes_GET_SIZE(pages) / sizeof(struct overlay_page);
    Py_RETURN_NONE;
}

static struct region *region_at(PyObject *argument) {
    unsigned long long base = PyLong_AsUnsignedLongLong(argument);
    if (PyErr_Occurred())
        return NULL;
    struct region *region = base ? region_of((void *)(uintptr_t)base) : NULL;
    if (region == NULL || atomic_load(&region->begin) != (uintptr_t)base) {
        PyErr_Format(PyExc_LookupError, "no pool is registered at address %p", (void *)(uintptr_t)base);
        return NULL;
    }
    return region;
}

PyDoc_STRVAR(release_doc, "release(base) -> whether there was a region that begins there; it exists no longer.");
static PyObject *py_release(PyObject *self, PyObject *argument) {
    struct region *region = region_at(argument);
    if (region == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_LookupError))
            return NULL;
        PyErr_Clear();
        Py_RETURN_FALSE;
    }
    remove_region(region);
    Py_RETURN_TRUE;
}

PyDoc_STRVAR(note_doc, "note(base, offset, size): these bytes have changed.");
static PyObject *py_note(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "note takes three arguments");
        return NULL;
    }
    struct region *region = region_at(arguments[0]);
    unsigned long long offset = PyLong_AsUnsignedLongLong(arguments[1]);
    unsigned long long size = PyLong_AsUnsignedLongLong(arguments[2]);
    if (region == NULL || PyErr_Occurred())
        return NULL;
    if (offset >> PAGE_SHIFT < region->page_count)
        mark(region, (void *)(atomic_load(&region->begin) + offset), size);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(noted_doc, "noted(base) -> how many pages have changed lines that were not gathered, and how many lines.");
static PyObject *py_noted(PyObject *self, PyObject *argument) {
    struct region *region = region_at(argument);
    if (region == NULL)
        return NULL;
    return Py_BuildValue("KK", (unsigned long long)region->dirty.count, (unsigned long long)region->dirty_lines);
}

static int compare(const void *one, const void *other) {
    uint64_t left = *(const uint64_t *)one, right = *(const uint64_t *)other;
    return (left > right) - (left < right);
}

static void sort(struct pages *pages) {
    for (size_t at = 1; at < pages->count; at++)
        if (pages->list[at - 1] > pages->list[at]) {
            qsort(pages->list, pages->count, sizeof *pages->list, compare);
            return;
        }
}

PyDoc_STRVAR(gather_doc,
             "gather(base, head, sector, records): append (record, pages, lines) to a list, unless nothing has changed;\n"
             "nothing counts as changed afterwards.\n\n"
             "The record is a bytearray: `head` empty bytes; for each changed page, ascending, its number and a word\n"
             "with a bit for each changed line; the lines as they are now; padding to whole sectors. It is in the list\n"
             "before any code of Python can be interrupted, so no change gets lost.");
static PyObject *py_gather(PyObject *self, PyObject *arguments) {
    PyObject *base, *records;
    Py_ssize_t head, sector;
    if (!PyArg_ParseTuple(arguments, "OnnO!", &base, &head, &sector, &PyList_Type, &records))
        return NULL;
    struct region *region = region_at(base);
    if (region == NULL)
        return NULL;
    if (region->dirty.count == 0)
        Py_RETURN_NONE;
    size_t pages = region->dirty.count, lines = region->dirty_lines;
    size_t used = (size_t)head + pages * 2 * sizeof(uint64_t) + lines * LINE;
    size_t padded = (used + (size_t)sector - 1) / (size_t)sector * (size_t)sector;
    PyObject *record = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)padded);
    PyObject *entry_of_list = record == NULL ? NULL : Py_BuildValue("Nnn", record, (Py_ssize_t)pages, (Py_ssize_t)lines);
    if (entry_of_list == NULL || PyList_Append(records, entry_of_list) != 0) {
        Py_XDECREF(entry_of_list);
        return NULL;
    }
    Py_DECREF(entry_of_list);
    sort(&region->dirty);
    unsigned char *entry = (unsigned char *)PyByteArray_AS_STRING(record);
    memset(entry, 0, (size_t)head);
    memset(entry + used, 0, padded - used);
    entry += head;
    unsigned char *line = entry + pages * 2 * sizeof(uint64_t);
    const unsigned char *memory = (const unsigned char *)atomic_load(&region->begin);
    for (size_t at = 0; at < pages; at++) {
        uint64_t page = region->dirty.list[at], bits = region->lines[page];
        memcpy(entry, &page, sizeof page);
        memcpy(entry + sizeof page, &bits, sizeof bits);
        entry += 2 * sizeof(uint64_t);
        for (uint64_t rest = bits; rest; rest &= rest - 1) {
            memcpy(line, memory + (page << PAGE_SHIFT) + ((size_t)__builtin_ctzll(rest) << LINE_SHIFT), LINE);
            line += LINE;
        }
        region->lines[page] = 0;
        if (!region->is_written[page]) {
            region->is_written[page] = 1;
            region->written.list[region->written.count++] = page;
        }
    }
    region->dirty.count = 0;
    region->dirty_lines = 0;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(scatter_doc,
             "scatter(record, head, pages, image): put the lines of a record that was gathered into an image of the pool.\n"
             "Raises ValueError if the record does not fit to its number of pages, or to the image; nothing is changed then.");
static PyObject *py_scatter(PyObject *self, PyObject *arguments) {
    Py_buffer record, image;
    Py_ssize_t head, pages;
    if (!PyArg_ParseTuple(arguments, "y*nnw*", &record, &head, &pages, &image))
        return NULL;
    size_t room = record.len >= head && head >= 0 ? (size_t)(record.len - head) : 0;
    int fits = pages >= 0 && (size_t)pages <= room / (2 * sizeof(uint64_t));
    for (int storing = 0; fits && storing < 2; storing++) {
        const unsigned char *entry = (const unsigned char *)record.buf + head;
        const unsigned char *line = entry + (size_t)pages * 2 * sizeof(uint64_t);
        const unsigned char *end = (const unsigned char *)record.buf + record.len;
        for (Py_ssize_t at = 0; fits && at < pages; at++, entry += 2 * sizeof(uint64_t)) {
            uint64_t page, bits;
            memcpy(&page, entry, sizeof page);
            memcpy(&bits, entry + sizeof page, sizeof bits);
            fits = page < (uint64_t)image.len >> PAGE_SHIFT &&
                   (size_t)(end - line) >= (size_t)__builtin_popcountll(bits) << LINE_SHIFT;
            for (; fits && bits; bits &= bits - 1, line += LINE)
                if (storing)
                    memcpy((unsigned char *)image.buf + (page << PAGE_SHIFT) +
                               ((size_t)__builtin_ctzll(bits) << LINE_SHIFT),
                           line, LINE);
        }
    }
    PyBuffer_Release(&record);
    PyBuffer_Release(&image);
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "a record does not fit to its pool");
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(written_doc, "written(base) -> how many pages have lines that were gathered since the last `forget`.");
static PyObject *py_written(PyObject *self, PyObject *argument) {
    struct region *region = region_at(argument);
    return region == NULL ? NULL : PyLong_FromSize_t(region->written.count);
}

PyDoc_STRVAR(runs_doc, "runs(base) -> [(offset, size)]: these pages, neighbours together, ascending.");
static PyObject *py_runs(PyObject *self, PyObject *argument) {
    struct region *region = region_at(argument);
    PyObject *found = region == NULL ? NULL : PyList_New(0);
    if (found == NULL)
        return NULL;
    sort(&region->written);
    for (size_t at = 0; at < region->written.count;) {
        size_t end = at + 1;
        while (end < region->written.count && region->written.list[end] == region->written.list[end - 1] + 1)
            end++;
        PyObject *run = Py_BuildValue("KK", (unsigned long long)region->written.list[at] << PAGE_SHIFT,
                                      (unsigned long long)(end - at) << PAGE_SHIFT);
        if (run == NULL || PyList_Append(found, run) != 0) {
            Py_XDECREF(run);
            Py_DECREF(found);
            return NULL;
        }
        Py_DECREF(run);
        at = end;
    }
    return found;
}

PyDoc_STRVAR(forget_doc,
             "forget(base, give_back): these pages are in the file, so the list of them begins anew. If `give_back`,\n"
             "the private copies of those without changed lines are given up; the file's pages take their place.");
static PyObject *py_forget(PyObject *self, PyObject *arguments) {
    PyObject *base;
    int give_back;
    if (!PyArg_ParseTuple(arguments, "Op", &base, &give_back))
        return NULL;
    struct region *region = region_at(base);
    if (region == NULL)
        return NULL;
    size_t system_page = (size_t)sysconf(_SC_PAGESIZE);
    sort(&region->written);
    for (size_t at = 0; at < region->written.count;) {
        size_t end = at + 1;
        uint64_t first = region->written.list[at];
        region->is_written[first] = 0;
        while (end < region->written.count && region->written.list[end] == region->written.list[end - 1] + 1 &&
               !region->lines[region->written.list[end]] && !region->lines[first] && first >= HEADER_PAGES) {
            region->is_written[region->written.list[end]] = 0;
            end++;
        }
        if (give_back && system_page == PAGE && first >= HEADER_PAGES && !region->lines[first])
            madvise((void *)(atomic_load(&region->begin) + (first << PAGE_SHIFT)), (end - at) << PAGE_SHIFT,
                    MADV_DONTNEED);
        at = end;
    }
    region->written.count = 0;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(file_system_doc, "file_system(descriptor) -> the number of the kind of file system (`statfs`); 0 if unknown.");
static PyObject *py_file_system(PyObject *self, PyObject *argument) {
    long descriptor = PyLong_AsLong(argument);
    struct statfs status;
    if (descriptor == -1 && PyErr_Occurred())
        return NULL;
    return PyLong_FromUnsignedLong(fstatfs((int)descriptor, &status) == 0 ? (unsigned long)status.f_type : 0);
}

static PyMethodDef methods[] = {
    {"file_system", py_file_system, METH_O, file_system_doc},
    {"patch", py_patch, METH_NOARGS, patch_doc},
    {"begin_opening", py_begin_opening, METH_VARARGS, begin_opening_doc},
    {"end_opening", py_end_opening, METH_NOARGS, end_opening_doc},
    {"overlay", py_overlay, METH_O, overlay_doc},
    {"release", py_release, METH_O, release_doc},
    {"note", (PyCFunction)(void (*)(void))py_note, METH_FASTCALL, note_doc},
    {"noted", py_noted, METH_O, noted_doc},
    {"gather", py_gather, METH_VARARGS, gather_doc},
    {"scatter", py_scatter, METH_VARARGS, scatter_doc},
    {"written", py_written, METH_O, written_doc},
    {"runs", py_runs, METH_O, runs_doc},
    {"forget", py_forget, METH_VARARGS, forget_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "pmemobj._pmdk._interposer",
    "Functions in the place of libpmem's, which decide by address what a flush means.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__interposer(void) {
    PyObject *made = PyModule_Create(&module);
    if (made == NULL || PyModule_AddIntConstant(made, "PASS", PASS) != 0 ||
        PyModule_AddIntConstant(made, "MEMORY", MEMORY) != 0 || PyModule_AddIntConstant(made, "JOURNAL", JOURNAL) != 0 ||
        PyModule_AddIntConstant(made, "LINE", (long)LINE) != 0 || PyModule_AddIntConstant(made, "PAGE", (long)PAGE) != 0) {
        Py_XDECREF(made);
        return NULL;
    }
    return made;
}
