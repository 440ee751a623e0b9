// The smallest allocator: a pointer that goes up. It never uses memory again, and has neither realloc nor calloc.
// A sample for `quire heap --allocator` and `quire heap test`:
//
//   clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -Wl,--strip-all -o allocator-bump.wasm allocator-bump.c

#define EXPORT(name) __attribute__((export_name(#name)))
typedef __SIZE_TYPE__ size_t;

extern unsigned char __heap_base;
static size_t top;

EXPORT(malloc) void *allocate(size_t bytes) {
  if (!top) top = ((size_t)&__heap_base + 15) & -16;
  size_t taken = ((bytes ? bytes : 1) + 15) & -16;
  if (taken < bytes || top + taken < top) return 0;
  size_t missing = top + taken;
  size_t there = __builtin_wasm_memory_size(0) << 16;
  if (missing > there && __builtin_wasm_memory_grow(0, (missing - there + 65535) >> 16) == (size_t)-1) return 0;
  top += taken;
  return (void *)(top - taken);
}

EXPORT(free) void release(void *block) { (void)block; }
