// First fit over one array of 1 MiB, blocks in a row, each behind a header with its size; and with a mistake that is not easily seen:
// where realloc grows a block into the free one behind it, it does not look whether the two are large enough together.
// A sample for `quire heap test`, which finds it:
//
//   clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -Wl,--strip-all -mbulk-memory -o allocator-wrong.wasm allocator-wrong.c

#define EXPORT(name) __attribute__((export_name(#name)))
typedef __SIZE_TYPE__ size_t;

enum { HEAP = 1 << 20, USED = 1, HEADER = 8 };
static _Alignas(16) unsigned char heap[HEAP];

// The size, header included, is a multiple of 8; its lowest bit tells whether the block is used.
typedef struct { size_t tag, unused; } block;

static size_t size_of(block *b) { return b->tag & ~(size_t)USED; }
static block *behind(block *b) { return (block *)((unsigned char *)b + size_of(b)); }
static block *end(void) { return (block *)(heap + HEAP); }
static block *of(void *payload) { return (block *)((unsigned char *)payload - HEADER); }
static void *payload_of(block *b) { return (unsigned char *)b + HEADER; }

static size_t needed(size_t bytes) { return (bytes + HEADER + 7) & ~(size_t)7; }

// Joins a free block with all free ones behind it.
static void join(block *b) {
  for (block *next = behind(b); next != end() && !(next->tag & USED); next = behind(b)) b->tag += next->tag;
}

static void split(block *b, size_t bytes) {
  size_t rest = size_of(b) - bytes;
  b->tag = bytes | USED;
  if (rest) behind(b)->tag = rest;
}

EXPORT(malloc) void *allocate(size_t bytes) {
  if (bytes > HEAP) return 0;
  if (!((block *)heap)->tag) ((block *)heap)->tag = HEAP;
  for (block *b = (block *)heap; b != end(); b = behind(b)) {
    if (b->tag & USED) continue;
    join(b);
    if (size_of(b) < needed(bytes)) continue;
    split(b, needed(bytes));
    return payload_of(b);
  }
  return 0;
}

EXPORT(free) void release(void *payload) {
  if (payload) of(payload)->tag &= ~(size_t)USED;
}

EXPORT(realloc) void *resize(void *payload, size_t bytes) {
  if (!payload) return allocate(bytes);
  if (bytes > HEAP) return 0;
  block *b = of(payload);
  if (size_of(b) >= needed(bytes)) return payload;
  block *next = behind(b);
  if (next != end() && !(next->tag & USED)) {
    // The mistake: the two may be too small together.
    b->tag += next->tag;
    return payload;
  }
  void *moved = allocate(bytes);
  if (!moved) return 0;
  __builtin_memcpy(moved, payload, size_of(b) - HEADER);
  release(payload);
  return moved;
}
