/* The recorder of the crash lab: it records every store, flush and fence of unmodified code on one pool.
 *
 * It works in a child process that is made for it (`_recorder`), in two ways at once:
 *
 * - libpmemobj calls libpmem, mmap and memcpy through its table of addresses (GOT). `patch` redirects these
 *   entries to functions in this file, which record flushes and fences. So the order in which libraries are loaded
 *   does not matter, and a libpmemobj that is already in use can be recorded. `pmem_is_pmem` answers yes, since this
 *   selects the mode with flushes and fences, whatever the memory really is.
 * - The pool is write-protected. A store faults (SIGSEGV). The handler makes its page writable, and has the
 *   processor trap after this one instruction (SIGTRAP). There the changed words are recorded, and the page is
 *   protected again. `rep movs` and `rep stos` would trap for each byte, so the handler carries them out itself.
 *
 * The thread that faults is executing a store into the pool, so it is neither inside of malloc nor changing
 * structures of the interpreter. Therefore the handler may ask Python for the line that is running.
 *
 * Events are written to memory that the parent shares; when the child dies, all events in it are complete. */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if !defined(__x86_64__) || !defined(__linux__)
#error "the recorder knows x86-64 Linux only; the package works without it"
#endif

#include <elf.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define PAGE 4096UL
#define WORD 8UL
#define TRAP_FLAG 0x100UL
#define DIRECTION_FLAG 0x400UL
/* One instruction stores at most this many bytes from the faulting address on, rounded to words on both sides. */
#define WINDOW 80UL
#define MAX_FRAMES 16
#define MAX_SITES 4096

/* Flags of pmem_memcpy and similar functions. */
#define NODRAIN (1U << 0)
#define NOFLUSH (1U << 5)

enum { STORE = 1, FLUSH, FENCE, MARK, SITE };
enum { BY_LIBRARY = 1, STREAMING = 2 };

/* What the parent reads; the events follow. `_trace` has the same numbers. */
struct trace_head {
    uint64_t used, overflow, lost_system_calls, reserved;
};

struct event {
    uint16_t kind, flags;
    uint32_t site;
    uint64_t offset, length;
};

static struct trace_head *trace;
static size_t trace_size;
static unsigned char *pool;
static size_t pool_size;
static int watching;
static size_t expected; /* the size of the mapping that is to be watched as soon as it is made */
static uintptr_t library_begin, library_end;

static int stepping;
static unsigned char *step_at;
static size_t step_size;
static unsigned char step_before[WINDOW];
static uint32_t step_site;
static uint16_t step_flags;
static sigset_t step_mask;
static struct sigaction old_segv, old_trap;

/* ---- writing events ---- */

static void stop_watching(void) {
    if (watching) {
        watching = 0;
        mprotect(pool, pool_size, PROT_READ | PROT_WRITE);
    }
}

static void note(int kind, int flags, uint32_t site, uint64_t offset, uint64_t length, const void *data, size_t size) {
    size_t whole = sizeof(struct event) + ((size + 7) & ~7UL);
    if (trace == NULL || trace->overflow)
        return;
    if (whole > trace_size - trace->used) {
        trace->overflow = 1;
        return;
    }
    unsigned char *at = (unsigned char *)trace + trace->used;
    struct event head = {(uint16_t)kind, (uint16_t)flags, site, offset, length};
    memcpy(at, &head, sizeof head);
    if (size)
        memcpy(at + sizeof head, data, size);
    /* The event counts only when it is complete: the process may be killed here. */
    __atomic_store_n(&trace->used, trace->used + whole, __ATOMIC_RELEASE);
}

/* The words of a range of the pool, as they are now. */
static void note_store(int flags, uint32_t site, const unsigned char *at, size_t size) {
    uint64_t begin = (uint64_t)(at - pool) & ~(WORD - 1);
    uint64_t end = ((uint64_t)(at - pool) + size + WORD - 1) & ~(WORD - 1);
    if (end > pool_size)
        end = pool_size;
    note(STORE, flags, site, begin, end - begin, pool + begin, end - begin);
}

/* ---- which line of the program is running ---- */

struct site {
    uint64_t key;
    PyObject *code;
};
static struct site sites[MAX_SITES];
static uint32_t site_count; /* number 0 means no site */

static uint32_t new_site(uint64_t key, PyFrameObject **frames, int count) {
    static char text[8192];
    size_t used = 0;
    if (site_count + 1 >= MAX_SITES)
        return 0;
    for (int at = 0; at < count; at++) {
        PyCodeObject *code = PyFrame_GetCode(frames[at]);
        const char *file = PyUnicode_AsUTF8(code->co_filename);
        const char *name = PyUnicode_AsUTF8(code->co_name);
        if (file == NULL || name == NULL)
            PyErr_Clear();
        else {
            int wrote = snprintf(text + used, sizeof text - used, "%s\t%s\t%d\n", file, name,
                                 PyFrame_GetLineNumber(frames[at]));
            if (wrote > 0 && used + (size_t)wrote < sizeof text)
                used += (size_t)wrote;
        }
        if (at == 0)
            sites[site_count + 1].code = (PyObject *)code; /* keeps the object, so that no other one gets its address */
        else
            Py_DECREF(code);
    }
    site_count++;
    sites[site_count].key = key;
    note(SITE, 0, site_count, 0, used, text, used);
    return site_count;
}

static uint32_t site_of_thread(void) {
    PyFrameObject *frames[MAX_FRAMES];
    PyThreadState *thread = PyGILState_GetThisThreadState();
    int count = 0;
    uint64_t key = 1469598103934665603ULL;
    if (thread == NULL || !watching)
        return 0;
    int held = PyGILState_Check();
    PyGILState_STATE state = PyGILState_UNLOCKED;
    if (!held)
        state = PyGILState_Ensure();
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    int collecting = PyGC_Disable(); /* otherwise making a frame object might run finalizers here */
    PyFrameObject *frame = PyThreadState_GetFrame(PyThreadState_Get());
    while (frame != NULL && count < MAX_FRAMES) {
        PyCodeObject *code = PyFrame_GetCode(frame);
        key = (key ^ (uintptr_t)code) * 1099511628211ULL;
        key = (key ^ (uint64_t)PyFrame_GetLasti(frame)) * 1099511628211ULL;
        Py_DECREF(code);
        frames[count++] = frame;
        frame = PyFrame_GetBack(frame);
    }
    Py_XDECREF(frame);
    uint32_t found = 0;
    for (uint32_t at = site_count; at > 0 && !found; at--)
        if (sites[at].key == key)
            found = at;
    if (!found && count)
        found = new_site(key, frames, count);
    for (int at = 0; at < count; at++)
        Py_DECREF(frames[at]);
    if (collecting)
        PyGC_Enable();
    PyErr_Restore(type, value, traceback);
    if (!held)
        PyGILState_Release(state);
    return found;
}

/* ---- stores, one by one ---- */

static int in_pool(const void *address) {
    return (const unsigned char *)address >= pool && (const unsigned char *)address < pool + pool_size;
}

static void let_write(unsigned char *at, size_t size, int allowed) {
    uintptr_t begin = (uintptr_t)at & ~(PAGE - 1), end = ((uintptr_t)at + size + PAGE - 1) & ~(PAGE - 1);
    if (watching)
        mprotect((void *)begin, end - begin, allowed ? PROT_READ | PROT_WRITE : PROT_READ);
}

/* Carry out `rep movs` or `rep stos`; returns whether the instruction is one of them. */
static int emulate_rep(greg_t *registers, uint16_t flags) {
    const unsigned char *code = (const unsigned char *)registers[REG_RIP];
    size_t width = 1, at = 1;
    int moves;
    if (code[0] != 0xF3 || (registers[REG_EFL] & DIRECTION_FLAG))
        return 0;
    if (code[at] == 0x48)
        width = 8, at++;
    if (code[at] == 0xA4 || code[at] == 0xAA)
        width = 1;
    else if (code[at] == 0xA5 || code[at] == 0xAB)
        width = width == 8 ? 8 : 4;
    else
        return 0;
    moves = code[at] == 0xA4 || code[at] == 0xA5;
    unsigned char *to = (unsigned char *)registers[REG_RDI];
    const unsigned char *from = (const unsigned char *)registers[REG_RSI];
    size_t count = (size_t)registers[REG_RCX], room = (size_t)(pool + pool_size - to) / width;
    if (count > room)
        count = room; /* the rest does not store into the pool; the processor continues the instruction */
    if (count == 0)
        return 0;
    size_t size = count * width;
    let_write(to, size, 1);
    if (!moves) {
        uint64_t value = (uint64_t)registers[REG_RAX];
        for (size_t done = 0; done < size; done += width)
            memcpy(to + done, &value, width);
    } else if (from + size <= to || to + size <= from)
        memcpy(to, from, size);
    else
        for (size_t done = 0; done < size; done++)
            ((volatile unsigned char *)to)[done] = from[done];
    let_write(to, size, 0);
    registers[REG_RDI] += (greg_t)size;
    if (moves)
        registers[REG_RSI] += (greg_t)size;
    registers[REG_RCX] -= (greg_t)count;
    if (registers[REG_RCX] == 0)
        registers[REG_RIP] += (greg_t)at + 1;
    note_store(flags, site_of_thread(), to, size);
    return 1;
}

static void on_fault(int number, siginfo_t *info, void *context) {
    ucontext_t *there = context;
    greg_t *registers = there->uc_mcontext.gregs;
    unsigned char *at = info->si_addr;
    if (!watching || stepping || !in_pool(at)) {
        /* This fault is the program's own: let it happen again, without this handler. */
        sigaction(SIGSEGV, &old_segv, NULL);
        return;
    }
    uintptr_t from = (uintptr_t)registers[REG_RIP];
    uint16_t flags = from >= library_begin && from < library_end ? BY_LIBRARY : 0;
    if (trace->overflow) {
        stop_watching();
        return;
    }
    if (emulate_rep(registers, flags))
        return;
    step_site = site_of_thread();
    step_flags = flags;
    step_at = pool + ((size_t)(at - pool) & ~(WORD - 1));
    step_size = (size_t)(pool + pool_size - step_at) < WINDOW ? (size_t)(pool + pool_size - step_at) : WINDOW;
    memcpy(step_before, step_at, step_size);
    let_write(step_at, step_size, 1);
    stepping = 1;
    /* No handler of the program may run between the store and the trap. */
    step_mask = there->uc_sigmask;
    sigfillset(&there->uc_sigmask);
    sigdelset(&there->uc_sigmask, SIGTRAP);
    sigdelset(&there->uc_sigmask, SIGSEGV);
    registers[REG_EFL] |= (greg_t)TRAP_FLAG;
}

static void on_trap(int number, siginfo_t *info, void *context) {
    ucontext_t *there = context;
    if (!stepping) {
        sigaction(SIGTRAP, &old_trap, NULL);
        return;
    }
    stepping = 0;
    there->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
    there->uc_sigmask = step_mask;
    size_t begin = 0, end = step_size;
    while (begin < end && memcmp(step_before + begin, step_at + begin, WORD) == 0)
        begin += WORD;
    while (end > begin && memcmp(step_before + end - WORD, step_at + end - WORD, WORD) == 0)
        end -= WORD;
    if (begin == end) /* the store did not change anything */
        begin = 0, end = WORD;
    let_write(step_at, step_size, 0);
    note_store(step_flags, step_site, step_at + begin, end - begin);
}

static int start_watching(void *address, size_t size) {
    struct sigaction action;
    pool = address;
    pool_size = size;
    memset(&action, 0, sizeof action);
    sigfillset(&action.sa_mask);
    sigdelset(&action.sa_mask, SIGSEGV);
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = on_fault;
    static int installed;
    if (!installed) {
        sigaction(SIGSEGV, &action, &old_segv);
        action.sa_sigaction = on_trap;
        sigaction(SIGTRAP, &action, &old_trap);
        installed = 1;
    }
    if (mprotect(address, size, PROT_READ) != 0)
        return -1;
    watching = 1;
    return 0;
}

/* ---- the functions that libpmemobj calls in place of libpmem's and libc's ---- */

static void store_range(unsigned char *to, size_t size, void (*how)(unsigned char *, const void *, size_t),
                        const void *from, int flags) {
    if (!watching || size == 0 || !in_pool(to)) {
        how(to, from, size);
        return;
    }
    let_write(to, size, 1);
    how(to, from, size);
    let_write(to, size, 0);
    note_store(BY_LIBRARY | flags, site_of_thread(), to, size);
}

static void copy(unsigned char *to, const void *from, size_t size) { memmove(to, from, size); }
static void fill(unsigned char *to, const void *from, size_t size) { memset(to, *(const int *)from, size); }

static void note_flush(const void *at, size_t size) {
    if (watching && in_pool(at))
        note(FLUSH, BY_LIBRARY, site_of_thread(), (uint64_t)((const unsigned char *)at - pool), size, NULL, 0);
}

static void note_fence(void) {
    if (watching)
        note(FENCE, BY_LIBRARY, site_of_thread(), 0, 0, NULL, 0);
}

static int our_is_pmem(const void *at, size_t size) { return 1; }
static void our_flush(const void *at, size_t size) { note_flush(at, size); }
static void our_drain(void) { note_fence(); }
static void our_persist(const void *at, size_t size) {
    note_flush(at, size);
    note_fence();
}
static int our_msync(const void *at, size_t size) {
    our_persist(at, size);
    return 0;
}
static int our_deep_flush(const void *at, size_t size) {
    note_flush(at, size);
    return 0;
}
static void after_streaming(void *to, size_t size, unsigned flags) {
    if (!(flags & NOFLUSH)) {
        note_flush(to, size);
        if (!(flags & NODRAIN))
            note_fence();
    }
}
static void *our_pmem_memcpy(void *to, const void *from, size_t size, unsigned flags) {
    store_range(to, size, copy, from, STREAMING);
    after_streaming(to, size, flags);
    return to;
}
static void *our_pmem_memset(void *to, int value, size_t size, unsigned flags) {
    store_range(to, size, fill, &value, STREAMING);
    after_streaming(to, size, flags);
    return to;
}
static void *our_memcpy(void *to, const void *from, size_t size) {
    store_range(to, size, copy, from, 0);
    return to;
}
static void *our_memset(void *to, int value, size_t size) {
    store_range(to, size, fill, &value, 0);
    return to;
}
static void *our_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset) {
    void *there = mmap(at, size, protection, flags, file, offset);
    if (there != MAP_FAILED && expected && file >= 0 && size == expected && (protection & PROT_WRITE)) {
        expected = 0;
        start_watching(there, size);
    }
    return there;
}
/* An image lies on no memory module; to search for modules would cost more than the rest of an open. */
static int our_new_search(void **context) {
    *context = NULL;
    return 0;
}
static void *our_first_bus(void *context) { return NULL; }
static void *our_end_of_search(void *context) { return NULL; }

static const struct {
    const char *name;
    void *ours;
} replacements[] = {
    {"pmem_is_pmem", our_is_pmem},       {"pmem_flush", our_flush},         {"pmem_drain", our_drain},
    {"pmem_persist", our_persist},       {"pmem_msync", our_msync},         {"pmem_deep_flush", our_deep_flush},
    {"pmem_memcpy", our_pmem_memcpy},    {"pmem_memmove", our_pmem_memcpy}, {"pmem_memset", our_pmem_memset},
    {"memcpy", our_memcpy},              {"memmove", our_memcpy},           {"memset", our_memset},
    {"mmap", our_mmap},                  {"mmap64", our_mmap},              {"ndctl_bus_get_first", our_first_bus},
    {"ndctl_new", our_new_search},       {"ndctl_unref", our_end_of_search},
};

/* ---- the table of addresses of libpmemobj ---- */

static int replace_entries(const ElfW(Rela) *entries, size_t size, const ElfW(Sym) *symbols, const char *names,
                           uintptr_t base) {
    int replaced = 0;
    for (size_t at = 0; at < size / sizeof *entries; at++) {
        unsigned long type = ELF64_R_TYPE(entries[at].r_info);
        if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT && type != R_X86_64_64)
            continue;
        const char *name = names + symbols[ELF64_R_SYM(entries[at].r_info)].st_name;
        for (size_t one = 0; one < sizeof replacements / sizeof *replacements; one++) {
            if (strcmp(name, replacements[one].name) != 0)
                continue;
            void **slot = (void **)(base + entries[at].r_offset);
            uintptr_t page = (uintptr_t)slot & ~(PAGE - 1);
            if (mprotect((void *)page, 2 * PAGE, PROT_READ | PROT_WRITE) != 0 &&
                mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE) != 0)
                return -1;
            *slot = replacements[one].ours;
            replaced++;
        }
    }
    return replaced;
}

static int patch_object(struct dl_phdr_info *object, size_t size, void *replaced) {
    const char *slash = object->dlpi_name ? strrchr(object->dlpi_name, '/') : NULL;
    if (slash == NULL || strncmp(slash + 1, "libpmemobj.so", 13) != 0)
        return 0;
    const ElfW(Rela) *calls = NULL, *others = NULL;
    const ElfW(Sym) *symbols = NULL;
    const char *names = NULL;
    size_t calls_size = 0, others_size = 0;
    for (int at = 0; at < object->dlpi_phnum; at++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[at];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X)) {
            library_begin = object->dlpi_addr + segment->p_vaddr;
            library_end = library_begin + segment->p_memsz;
        }
        if (segment->p_type != PT_DYNAMIC)
            continue;
        for (const ElfW(Dyn) *entry = (void *)(object->dlpi_addr + segment->p_vaddr); entry->d_tag; entry++) {
            void *there = (void *)entry->d_un.d_ptr;
            if (entry->d_tag == DT_JMPREL)
                calls = there;
            else if (entry->d_tag == DT_PLTRELSZ)
                calls_size = entry->d_un.d_val;
            else if (entry->d_tag == DT_RELA)
                others = there;
            else if (entry->d_tag == DT_RELASZ)
                others_size = entry->d_un.d_val;
            else if (entry->d_tag == DT_SYMTAB)
                symbols = there;
            else if (entry->d_tag == DT_STRTAB)
                names = there;
        }
    }
    if (symbols == NULL || names == NULL)
        return 0;
    *(int *)replaced += replace_entries(calls, calls_size, symbols, names, object->dlpi_addr);
    *(int *)replaced += replace_entries(others, others_size, symbols, names, object->dlpi_addr);
    return 1;
}

/* ---- the module ---- */

PyDoc_STRVAR(patch_doc, "patch() -> how many entries of libpmemobj's table of addresses now lead here.");
static PyObject *py_patch(PyObject *self, PyObject *none) {
    int replaced = 0;
    dl_iterate_phdr(patch_object, &replaced);
    return PyLong_FromLong(replaced);
}

PyDoc_STRVAR(trace_doc, "trace_to(address, size): note events in this memory from now on.");
static PyObject *py_trace_to(PyObject *self, PyObject *arguments) {
    unsigned long long address, size;
    if (!PyArg_ParseTuple(arguments, "KK", &address, &size))
        return NULL;
    trace = (struct trace_head *)(uintptr_t)address;
    trace_size = size;
    memset(trace, 0, sizeof *trace);
    trace->used = sizeof *trace;
    for (uint32_t at = 1; at <= site_count; at++)
        Py_CLEAR(sites[at].code);
    site_count = 0;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(watch_doc, "watch(address, size): record the stores into this mapping.");
static PyObject *py_watch(PyObject *self, PyObject *arguments) {
    unsigned long long address, size;
    if (!PyArg_ParseTuple(arguments, "KK", &address, &size))
        return NULL;
    if (trace == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "cannot watch memory before trace_to() has said where to note it");
        return NULL;
    }
    if (start_watching((void *)(uintptr_t)address, size) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(watch_next_doc, "watch_next(size): record the next mapping of a file of this size as soon as it is there.");
static PyObject *py_watch_next(PyObject *self, PyObject *argument) {
    expected = PyLong_AsSize_t(argument);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(unwatch_doc, "unwatch(): record no longer.");
static PyObject *py_unwatch(PyObject *self, PyObject *none) {
    expected = 0;
    stop_watching();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(mark_doc, "mark(kind, offset, length, text): note something that is no store.");
static PyObject *py_mark(PyObject *self, PyObject *arguments) {
    unsigned long long offset, length;
    const char *text;
    Py_ssize_t size;
    int kind;
    if (!PyArg_ParseTuple(arguments, "iKKy#", &kind, &offset, &length, &text, &size))
        return NULL;
    if (watching)
        note(MARK, kind, site_of_thread(), offset, size ? (uint64_t)size : length, text, (size_t)size);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(private_doc, "private_pages(entries) -> those of the entries of a pagemap that a process has for itself.");
static PyObject *py_private_pages(PyObject *self, PyObject *argument) {
    Py_buffer entries;
    if (PyObject_GetBuffer(argument, &entries, PyBUF_SIMPLE) != 0)
        return NULL;
    PyObject *found = PyList_New(0);
    const uint64_t *entry = entries.buf;
    for (Py_ssize_t at = 0; found != NULL && at < entries.len / (Py_ssize_t)sizeof *entry; at++) {
        if (!(entry[at] >> 63) || (entry[at] >> 61 & 1)) /* not present, or a page of the file */
            continue;
        PyObject *number = PyLong_FromSsize_t(at);
        if (number == NULL || PyList_Append(found, number) != 0)
            Py_CLEAR(found);
        Py_XDECREF(number);
    }
    PyBuffer_Release(&entries);
    return found;
}

static PyMethodDef methods[] = {
    {"patch", py_patch, METH_NOARGS, patch_doc},
    {"trace_to", py_trace_to, METH_VARARGS, trace_doc},
    {"watch", py_watch, METH_VARARGS, watch_doc},
    {"watch_next", py_watch_next, METH_O, watch_next_doc},
    {"unwatch", py_unwatch, METH_NOARGS, unwatch_doc},
    {"private_pages", py_private_pages, METH_O, private_doc},
    {"mark", py_mark, METH_VARARGS, mark_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "pmemobj.crash._native", "Records the stores, flushes and fences of this process.", -1,
    methods,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&module); }
