// The peer of the heap benchmark: the malloc of wasi-libc, which is Doug Lea's, in a module of its own, to be called from JavaScript.
// dlmalloc.wasm beside this file was made by Debian 12's clang 14.0.6, lld 14.0.6 and wasi-libc 0.0~git20220510:
//
//   clang --target=wasm32-wasi -O3 -mexec-model=reactor -Wl,--strip-all -Wl,--export=__heap_base \
//     -Wl,--export=malloc -Wl,--export=free -Wl,--export=calloc -Wl,--export=realloc -o dlmalloc.wasm dlmalloc.c
//
// The four functions are exported as they are, so that a call from JavaScript goes straight into them.

#include <stdlib.h>

__attribute__((export_name("memalign"))) void *aligned(size_t alignment, size_t bytes) { return aligned_alloc(alignment, bytes); }
