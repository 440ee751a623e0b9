/* What page faults and fork cost on Linux: the peer of bench/kernel-costs.ts.

   usage: linux-fault fault PAGES REPEATS       each prints one JSON object: nanoseconds, each the minimum over the repeats
          linux-fault onePage CYCLES REPEATS
          linux-fault fork PAGES REPEATS

   per page:

   zeroFill     first touch of a page of fresh anonymous memory (a store of one byte), page by page
   unmap        munmap of those pages
   copyOnWrite  first store to a page that a forked child shares; the child sleeps meanwhile

   per operation:

   onePage      mmap of one page, a store to it, munmap
   fork         fork of a process that has stored to every page, until it returns in the parent
   forkAndExit  the same until the child, which does nothing but exit, is gone
   forkAndStore fork and one store by the parent to a page that the child, which sleeps, shares

   Small pages only (MADV_NOHUGEPAGE): a fault that maps 2 MiB is another operation. MAP_NORESERVE: no accounting of swap. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static pid_t fork_sleeper(void) {
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    pause();
    _exit(0);
  }
  return child;
}

static void end_sleeper(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

/* Stores to pages that are all mapped and shared with a child. */
static double touch_shared(char *memory, size_t pages) {
  pid_t child = fork_sleeper();
  double cost = touch(memory, pages);
  end_sleeper(child);
  return cost;
}

static void keep_least(double *least, double cost) {
  if (cost < *least) *least = cost;
}

static void measure_faults(size_t pages, long repeats) {
  double zero_fill = 1e18, copy_on_write = 1e18, unmapping = 1e18;
  for (long repeat = 0; repeat < repeats; repeat++) {
    char *memory = map_pages(pages * page_size);
    keep_least(&zero_fill, touch(memory, pages));
    keep_least(&copy_on_write, touch_shared(memory, pages));
    keep_least(&unmapping, unmap(memory, pages));
  }
  printf("{\"zeroFill\": %.1f, \"copyOnWrite\": %.1f, \"unmap\": %.1f}\n", zero_fill, copy_on_write, unmapping);
}

static void measure_one_page(size_t cycles, long repeats) {
  double least = 1e18;
  for (long repeat = 0; repeat < repeats; repeat++) {
    double start = nanoseconds();
    for (size_t cycle = 0; cycle < cycles; cycle++) {
      char *memory = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (memory == MAP_FAILED) fail("mmap");
      *(volatile char *)memory = 1;
      if (munmap(memory, page_size) != 0) fail("munmap");
    }
    keep_least(&least, (nanoseconds() - start) / cycles);
  }
  printf("{\"onePage\": %.1f}\n", least);
}

static void measure_fork(size_t pages, long repeats) {
  double forking = 1e18, fork_and_exit = 1e18, fork_and_store = 1e18;
  char *memory = map_pages(pages * page_size);
  for (long repeat = 0; repeat < repeats; repeat++) {
    touch(memory, pages);
    double start = nanoseconds();
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) _exit(0);
    keep_least(&forking, nanoseconds() - start);
    waitpid(child, NULL, 0);
    keep_least(&fork_and_exit, nanoseconds() - start);
    touch(memory, pages);
    start = nanoseconds();
    child = fork_sleeper();
    *(volatile char *)memory = 2;
    keep_least(&fork_and_store, nanoseconds() - start);
    end_sleeper(child);
  }
  printf("{\"fork\": %.1f, \"forkAndExit\": %.1f, \"forkAndStore\": %.1f}\n", forking, fork_and_exit, fork_and_store);
}

int main(int argc, char **argv) {
  const char *what = argc > 3 ? argv[1] : "";
  size_t count = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
  long repeats = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
  if (count > 0 && repeats > 0) {
    if (strcmp(what, "fault") == 0) return measure_faults(count, repeats), 0;
    if (strcmp(what, "onePage") == 0) return measure_one_page(count, repeats), 0;
    if (strcmp(what, "fork") == 0) return measure_fork(count, repeats), 0;
  }
  fprintf(stderr, "usage: linux-fault fault|onePage|fork COUNT REPEATS\n");
  return 2;
}
