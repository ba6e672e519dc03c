// The program's own definition of malloc wins over libc's, for every library in it; libc's is still there under another name.
#include "MallocCount.h"
#include <errno.h>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define COUNTS 1
#endif
#else
#define COUNTS 1
#endif
#endif

#ifdef COUNTS
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static _Thread_local long count;
static _Thread_local size_t largest;

static void note(size_t size) {
    count += 1;
    if (size > largest) largest = size;
}

void *malloc(size_t size) { note(size); return __libc_malloc(size); }
void *calloc(size_t items, size_t size) { note(items * size); return __libc_calloc(items, size); }
void *realloc(void *memory, size_t size) { note(size); return __libc_realloc(memory, size); }
void *memalign(size_t alignment, size_t size) { note(size); return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { note(size); return __libc_memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    note(size);
    void *taken = __libc_memalign(alignment, size);
    if (!taken) return ENOMEM;
    *memory = taken;
    return 0;
}

int malloc_count_works(void) { return 1; }
void malloc_count_reset(void) { count = 0; largest = 0; }
long malloc_count(void) { return count; }
size_t malloc_largest(void) { return largest; }
#else
int malloc_count_works(void) { return 0; }
void malloc_count_reset(void) {}
long malloc_count(void) { return 0; }
size_t malloc_largest(void) { return 0; }
#endif
