// Counts the memory that this thread takes from malloc and its kin: for tests that promise to take none, or none that is large.
#include <stddef.h>

// Whether counting works here: glibc, no sanitizer (they bring their own malloc).
int malloc_count_works(void);
// Starts anew on this thread.
void malloc_count_reset(void);
// Calls on this thread since then, and the largest size asked for.
long malloc_count(void);
size_t malloc_largest(void);
