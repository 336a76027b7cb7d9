/*
 * The floor: what libpmemobj itself takes for the operations of the benchmark.
 *
 *     floor POOL ELEMENTS
 *
 * makes a pool for arrays of that many elements, prints the library's version, and then answers each line
 * "COMMAND SIZE COUNT" (or "open PATH", "close PATH") with the seconds that COUNT operations took.
 *
 * A list is a length and an array of words. A dict is what a Python dict is: an index of entry numbers, and entries
 * of hash, key and value in order; keys are allocations of their own. Each change is made with the fewest calls
 * that make it durable and whole: one word is one store and one persist; an append is the item, then the
 * length; a new key is one transaction. Many changes in one transaction are snapshotted by the page.
 */
#include <errno.h>
#include <libpmemobj.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAGE 4096
#define SPARE 24576 /* what may be appended before it is taken back */
#define HOT 1000    /* keys that are changed again and again */
#define KEY_SIZE 48

struct entry {
    uint64_t hash, key, value;
};

struct root {
    uint64_t length, used, x;
    PMEMoid items, entries, index; /* uint64_t[], struct entry[], uint32_t[] */
};

static PMEMobjpool *pop;
static struct root *root;
static uint64_t *items;
static struct entry *entries;
static uint32_t *slots;
static uint64_t elements, slot_count;
static uint64_t value;         /* what is stored is another value each time */
static volatile uint64_t sink; /* what is read goes here, lest the compiler leaves it out */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    printf("error %s: %s\n", what, errno ? pmemobj_errormsg() : "wrong command");
    exit(1);
}

static void demand(int done, const char *what)
{
    if (!done)
        fail(what);
}

static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252ull;
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* `count` random numbers below `size`, of which only `most` are different. */
static uint64_t *numbers(uint64_t size, uint64_t count, uint64_t most)
{
    uint64_t *found = malloc((count + 1) * sizeof *found);
    uint64_t chosen[HOT];
    for (int i = 0; i < HOT; i++)
        chosen[i] = next_random() % size;
    for (uint64_t i = 0; i < count; i++)
        found[i] = most ? chosen[next_random() % most] : next_random() % size;
    return found;
}

/* ---- transactions ---- */

static void begin(void)
{
    demand(pmemobj_tx_begin(pop, NULL, TX_PARAM_NONE) == 0, "tx_begin");
}

static void end(void)
{
    pmemobj_tx_commit();
    demand(pmemobj_tx_end() == 0, "tx_end");
}

static void add(const void *address, size_t size)
{
    demand(pmemobj_tx_add_range_direct(address, size) == 0, "tx_add_range");
}

/* Which pages of which arrays this transaction has snapshotted. */
struct pages {
    char *base, *seen;
    size_t size;
};

static struct pages pages_of(void *base, size_t size)
{
    return (struct pages){base, calloc(size / PAGE + 1, 1), size};
}

static void touch(struct pages *pages, void *address)
{
    size_t page = ((char *)address - pages->base) / PAGE;
    if (pages->seen[page])
        return;
    pages->seen[page] = 1;
    size_t rest = pages->size - page * PAGE;
    add(pages->base + page * PAGE, rest < PAGE ? rest : PAGE);
}

static struct pages item_pages(void) { return pages_of(items, (elements + SPARE) * sizeof *items); }
static struct pages entry_pages(void) { return pages_of(entries, (elements + SPARE) * sizeof *entries); }
static struct pages slot_pages(void) { return pages_of(slots, slot_count * sizeof *slots); }

/* ---- single changes ---- */

static void store(uint64_t *word, uint64_t to)
{
    *word = to;
    pmemobj_persist(pop, word, sizeof *word);
}

static void append(uint64_t item)
{
    store(&items[root->length], item);
    store(&root->length, root->length + 1);
}

/* Within a transaction. Entries beyond those in use need no snapshot, but they have to be flushed. */
static void new_key(struct pages *index_pages)
{
    PMEMoid key = pmemobj_tx_alloc(KEY_SIZE, 1);
    demand(!OID_IS_NULL(key), "tx_alloc");
    memset(pmemobj_direct(key), 'k', KEY_SIZE);
    struct entry *entry = &entries[root->used];
    demand(pmemobj_tx_xadd_range_direct(entry, sizeof *entry, POBJ_XADD_NO_SNAPSHOT) == 0, "tx_add_range");
    *entry = (struct entry){next_random(), key.off, ++value};
    uint32_t *slot = &slots[entry->hash % slot_count];
    if (index_pages)
        touch(index_pages, slot);
    else
        add(slot, sizeof *slot);
    *slot = root->used++;
}

/* ---- the commands ---- */

static double run(const char *command, uint64_t size, uint64_t count)
{
    uint64_t *any = numbers(size, count, 0), *hot = numbers(size, count, HOT);
    uint64_t old_length = root->length, old_used = root->used;
    double start = now(), elapsed;

#define IS(name) (strcmp(command, name) == 0)
    if (IS("list_get")) {
        for (uint64_t i = 0; i < count; i++)
            sink = items[any[i]];
    } else if (IS("iterate")) {
        for (uint64_t i = 0; i < size; i++)
            sink = items[i];
    } else if (IS("attribute_get")) {
        for (uint64_t i = 0; i < count; i++)
            sink = *(volatile uint64_t *)&root->x;
    } else if (IS("list_set")) {
        for (uint64_t i = 0; i < count; i++)
            store(&items[any[i]], ++value);
    } else if (IS("dict_set")) {
        for (uint64_t i = 0; i < count; i++)
            store(&entries[hot[i]].value, ++value);
    } else if (IS("attribute_set")) {
        for (uint64_t i = 0; i < count; i++)
            store(&root->x, ++value);
    } else if (IS("append")) {
        demand(root->length + count <= elements + SPARE, "append");
        for (uint64_t i = 0; i < count; i++)
            append(++value);
    } else if (IS("dict_new")) {
        for (uint64_t i = 0; i < count; i++) {
            begin();
            add(&root->used, sizeof root->used);
            new_key(NULL);
            end();
        }
    } else if (IS("batch_list_set")) {
        struct pages pages = item_pages();
        begin();
        for (uint64_t i = 0; i < count; i++) {
            touch(&pages, &items[any[i]]);
            items[any[i]] = ++value;
        }
        end();
        free(pages.seen);
    } else if (IS("batch_dict_set")) {
        struct pages pages = entry_pages();
        begin();
        for (uint64_t i = 0; i < count; i++) {
            touch(&pages, &entries[hot[i]].value);
            entries[hot[i]].value = ++value;
        }
        end();
        free(pages.seen);
    } else if (IS("batch_attribute_set")) {
        begin();
        add(&root->x, sizeof root->x);
        for (uint64_t i = 0; i < count; i++)
            *(volatile uint64_t *)&root->x = ++value;
        end();
    } else if (IS("batch_append")) {
        uint64_t *first = &items[root->length];
        begin();
        add(&root->length, sizeof root->length);
        demand(pmemobj_tx_xadd_range_direct(first, count * sizeof *first, POBJ_XADD_NO_SNAPSHOT) == 0, "tx_add_range");
        for (uint64_t i = 0; i < count; i++)
            items[root->length++] = ++value;
        end();
    } else if (IS("batch_dict_new")) {
        struct pages pages = slot_pages();
        begin();
        add(&root->used, sizeof root->used);
        for (uint64_t i = 0; i < count; i++)
            new_key(&pages);
        end();
        free(pages.seen);
    } else if (IS("build_list")) {
        begin();
        PMEMoid made = pmemobj_tx_alloc(size * sizeof(uint64_t), 1);
        demand(!OID_IS_NULL(made), "tx_alloc");
        uint64_t *words = pmemobj_direct(made);
        for (uint64_t i = 0; i < size; i++)
            words[i] = i;
        end();
        elapsed = now() - start;
        pmemobj_free(&made);
        goto done;
    } else if (IS("build_dict")) {
        begin();
        PMEMoid table = pmemobj_tx_alloc(size * sizeof(struct entry), 1);
        PMEMoid index = pmemobj_tx_zalloc(slot_count * sizeof *slots, 1);
        demand(!OID_IS_NULL(table) && !OID_IS_NULL(index), "tx_alloc");
        struct entry *new_entries = pmemobj_direct(table);
        uint32_t *new_slots = pmemobj_direct(index);
        for (uint64_t i = 0; i < size; i++) {
            PMEMoid key = pmemobj_tx_alloc(KEY_SIZE, 1);
            demand(!OID_IS_NULL(key), "tx_alloc");
            memset(pmemobj_direct(key), 'k', KEY_SIZE);
            new_entries[i] = (struct entry){next_random(), key.off, i};
            new_slots[new_entries[i].hash % slot_count] = i;
        }
        end();
        elapsed = now() - start;
        begin();
        for (uint64_t i = 0; i < size; i++)
            pmemobj_tx_free((PMEMoid){table.pool_uuid_lo, new_entries[i].key});
        pmemobj_tx_free(table);
        pmemobj_tx_free(index);
        end();
        goto done;
    } else if (IS("fill")) { /* with `size` objects of five words, `count` in a transaction */
        demand(root->length + size <= elements + SPARE, "fill");
        while (root->length < old_length + size) {
            uint64_t rest = old_length + size - root->length, batch = rest < count ? rest : count;
            uint64_t *first = &items[root->length];
            begin();
            add(&root->length, sizeof root->length);
            demand(pmemobj_tx_xadd_range_direct(first, batch * sizeof *first, POBJ_XADD_NO_SNAPSHOT) == 0, "tx_add_range");
            for (uint64_t i = 0; i < batch; i++) {
                PMEMoid made = pmemobj_tx_alloc(5 * sizeof(uint64_t), 1);
                demand(!OID_IS_NULL(made), "tx_alloc");
                uint64_t *words = pmemobj_direct(made);
                for (int word = 0; word < 5; word++)
                    words[word] = value;
                items[root->length++] = made.off;
            }
            end();
        }
        elapsed = now() - start;
        begin();
        for (uint64_t i = old_length; i < root->length; i++)
            pmemobj_tx_free((PMEMoid){root->items.pool_uuid_lo, items[i]});
        end();
        goto done;
    } else {
        fail(command);
    }
    elapsed = now() - start;
done:
    /* What was appended is taken back, untimed. */
    if (root->used > old_used) {
        begin();
        add(&root->used, sizeof root->used);
        while (root->used > old_used)
            pmemobj_tx_free((PMEMoid){root->items.pool_uuid_lo, entries[--root->used].key});
        end();
    }
    store(&root->length, old_length);
    free(any);
    free(hot);
    return elapsed;
}

/* Opens another pool and reads a word of its root; times that, or closing it. */
static double open_or_close(const char *command, const char *path)
{
    double start = now(), opened;
    PMEMobjpool *other = pmemobj_open(path, NULL);
    demand(other != NULL, "open");
    PMEMoid other_root = pmemobj_root(other, sizeof(uint64_t));
    sink = *(uint64_t *)pmemobj_direct(other_root);
    opened = now();
    pmemobj_close(other);
    return strcmp(command, "open") == 0 ? opened - start : now() - opened;
}

static void make(const char *path)
{
    size_t word_bytes = (elements + SPARE) * sizeof *items, entry_bytes = (elements + SPARE) * sizeof *entries;
    slot_count = 2 * (elements + SPARE);
    /* Twice, for what is built beside it, and as much again for the keys. */
    size_t size = (32u << 20) + 2 * (word_bytes + entry_bytes + slot_count * sizeof *slots) + (elements + SPARE) * 128;
    pop = pmemobj_create(path, "floor", size, 0600);
    demand(pop != NULL, "create");
    root = pmemobj_direct(pmemobj_root(pop, sizeof *root));
    demand(pmemobj_zalloc(pop, &root->items, word_bytes, 1) == 0, "zalloc");
    demand(pmemobj_zalloc(pop, &root->entries, entry_bytes, 1) == 0, "zalloc");
    demand(pmemobj_zalloc(pop, &root->index, slot_count * sizeof *slots, 1) == 0, "zalloc");
    items = pmemobj_direct(root->items);
    entries = pmemobj_direct(root->entries);
    slots = pmemobj_direct(root->index);
    root->length = root->used = elements;
    pmemobj_persist(pop, root, sizeof *root);
}

int main(int argc, char **argv)
{
    char command[64], rest[4096];
    uint64_t size, count;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 3) {
        fprintf(stderr, "usage: floor POOL ELEMENTS\n");
        return 2;
    }
    elements = strtoull(argv[2], NULL, 10);
    make(argv[1]);
    printf("libpmemobj %d.%d\n", PMEMOBJ_MAJOR_VERSION, PMEMOBJ_MINOR_VERSION);
    while (scanf("%63s %4095[^\n]", command, rest) == 2) {
        if (strcmp(command, "open") == 0 || strcmp(command, "close") == 0)
            printf("%.9f\n", open_or_close(command, rest));
        else if (sscanf(rest, "%lu %lu", &size, &count) == 2)
            printf("%.9f\n", run(command, size, count));
        else
            fail(command);
    }
    pmemobj_close(pop);
    return 0;
}
