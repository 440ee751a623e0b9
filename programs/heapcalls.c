// Every function of the malloc family once and more, each call told on the standard output as malloclab's traces have it: what a recorder
// must have written down. Compiled with its names:
//
//   clang --target=wasm32-wasi -O2 -o heapcalls.wasm heapcalls.c

#include <stdio.h>
#include <stdlib.h>

// A call that gives nothing is not told, and the block it was for stays.
static void *told(char letter, int id, size_t bytes, void *block) {
  if (block) printf("%c %d %zu\n", letter, id, bytes);
  return block;
}

static void *aligned(int id, size_t alignment, size_t bytes, void *block) {
  if (block) printf("m %d %zu %zu\n", id, alignment, bytes);
  return block;
}

static void released(int id, void *block) {
  free(block);
  printf("f %d\n", id);
}

int main(void) {
  char *volatile a = told('a', 0, 100, malloc(100));
  int *volatile b = told('c', 1, 64, calloc(16, 4));
  for (int i = 0; i < 16; i++) if (b[i]) return 1;
  a[99] = 7;
  a = told('r', 0, 5000, realloc(a, 5000));
  if (a[99] != 7) return 2;
  char *volatile fresh = told('a', 2, 24, realloc(NULL, 24));
  void *volatile pages = aligned(3, 4096, 8192, aligned_alloc(4096, 8192));
  void *line = NULL;
  if (posix_memalign(&line, 64, 200)) return 3;
  aligned(4, 64, 200, line);
  // Volatile, or the compiler would know better than to call.
  volatile size_t most = -64;
  void *unused = line;
  void *volatile none = malloc(most);
  void *volatile neither = realloc(fresh, most);
  if (posix_memalign(&unused, 64, most) == 0 || none || neither) return 4;
  free(NULL);
  released(1, b);
  released(0, a);
  released(4, line);
  void *volatile again = told('a', 5, 100, malloc(100));
  released(3, pages);
  released(2, fresh);
  return again == NULL;
}
