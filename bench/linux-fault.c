/* What a page fault costs on Linux: the peer of bench/fault-costs.ts.

   usage: linux-fault PAGES REPEATS        prints one JSON object: nanoseconds per page, each the minimum over the repeats

   zeroFill     first touch of a page of fresh anonymous memory (a store of one byte), page by page
   unmap        munmap of those pages
   copyOnWrite  first store to a page that a forked child shares; the child sleeps meanwhile

   Small pages only (MADV_NOHUGEPAGE): a fault that maps 2 MiB is another operation. MAP_NORESERVE: no accounting of swap. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { page_size = 4096 };

static double nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static char *map_pages(size_t bytes) {
  char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  madvise(memory, bytes, MADV_NOHUGEPAGE); /* fails where there are no huge pages to refuse */
  return memory;
}

/* Returns nanoseconds per page. */
static double touch(volatile char *memory, size_t pages) {
  double start = nanoseconds();
  for (size_t page = 0; page < pages; page++) memory[page * page_size] = 1;
  return (nanoseconds() - start) / pages;
}

static double unmap(char *memory, size_t pages) {
  double start = nanoseconds();
  if (munmap(memory, pages * page_size) != 0) fail("munmap");
  return (nanoseconds() - start) / pages;
}

/* Stores to pages that are all mapped and shared with a child. */
static double touch_shared(char *memory, size_t pages) {
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    pause();
    _exit(0);
  }
  double cost = touch(memory, pages);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return cost;
}

static void keep_least(double *least, double cost) {
  if (cost < *least) *least = cost;
}

int main(int argc, char **argv) {
  size_t pages = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
  long repeats = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
  if (pages == 0 || repeats <= 0) {
    fprintf(stderr, "usage: linux-fault PAGES REPEATS\n");
    return 2;
  }
  double zero_fill = 1e18, copy_on_write = 1e18, unmapping = 1e18;
  for (long repeat = 0; repeat < repeats; repeat++) {
    char *memory = map_pages(pages * page_size);
    keep_least(&zero_fill, touch(memory, pages));
    keep_least(&copy_on_write, touch_shared(memory, pages));
    keep_least(&unmapping, unmap(memory, pages));
  }
  printf("{\"zeroFill\": %.1f, \"copyOnWrite\": %.1f, \"unmap\": %.1f}\n", zero_fill, copy_on_write, unmapping);
  return 0;
}
