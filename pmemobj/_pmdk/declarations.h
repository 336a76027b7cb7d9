/* All the C functions that pmemobj calls, and their types. `python tools/make_declarations.py` makes declarations.py of
   this file; a program reads only that one, since cffi takes longer to parse C than pmemobj takes to do all the rest
   of its import. */

typedef struct pmemobjpool PMEMobjpool;
typedef struct { uint64_t pool_uuid_lo; uint64_t off; } PMEMoid;

const char *pmemobj_errormsg(void);
const char *pmemobj_check_version(unsigned major, unsigned minor);

PMEMobjpool *pmemobj_create(const char *path, const char *layout, size_t size, unsigned mode);
PMEMobjpool *pmemobj_open(const char *path, const char *layout);
void pmemobj_close(PMEMobjpool *pop);
PMEMoid pmemobj_root(PMEMobjpool *pop, size_t size);
size_t pmemobj_root_size(PMEMobjpool *pop);
int pmemobj_ctl_set(PMEMobjpool *pop, const char *name, void *arg);

PMEMoid pmemobj_first(PMEMobjpool *pop);
PMEMoid pmemobj_next(PMEMoid oid);
size_t pmemobj_alloc_usable_size(PMEMoid oid);
uint64_t pmemobj_type_num(PMEMoid oid);
void pmemobj_free(PMEMoid *oidp);

void pmemobj_persist(PMEMobjpool *pop, const void *addr, size_t len);
void pmemobj_flush(PMEMobjpool *pop, const void *addr, size_t len);
void pmemobj_drain(PMEMobjpool *pop);

int pmemobj_tx_begin(PMEMobjpool *pop, void *env, ...);
void pmemobj_tx_commit(void);
void pmemobj_tx_abort(int errnum);
int pmemobj_tx_end(void);
int pmemobj_tx_stage(void);
int pmemobj_tx_xadd_range_direct(const void *ptr, size_t size, uint64_t flags);
PMEMoid pmemobj_tx_xalloc(size_t size, uint64_t type_num, uint64_t flags);
int pmemobj_tx_xfree(PMEMoid oid, uint64_t flags);

struct pobj_action { uint64_t internals[16]; };
PMEMoid pmemobj_xreserve(PMEMobjpool *pop, struct pobj_action *action, size_t size, uint64_t type_num, uint64_t flags);
void pmemobj_set_value(PMEMobjpool *pop, struct pobj_action *action, uint64_t *word, uint64_t value);
void pmemobj_defer_free(PMEMobjpool *pop, PMEMoid oid, struct pobj_action *action);
int pmemobj_publish(PMEMobjpool *pop, struct pobj_action *actions, size_t count);
void pmemobj_cancel(PMEMobjpool *pop, struct pobj_action *actions, size_t count);
int pmemobj_defrag(PMEMobjpool *pop, PMEMoid **oids, size_t count, void *result);

int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int memcmp(const void *one, const void *other, size_t size);
void *mmap(void *addr, size_t length, int prot, int flags, int fd, int64_t offset);
int munmap(void *addr, size_t length);

struct pobj_alloc_class_desc {
    size_t unit_size;
    size_t alignment;
    unsigned units_per_block;
    int header_type;
    unsigned class_id;
};
