// SPDX-License-Identifier: Apache-2.0
/*
 * robust_bug: your kernel, your libc, and memory that nobody wrote to but the kernel.
 *
 *     cc -O2 -pthread robust_bug.c -o robust_bug && ./robust_bug
 *
 * The race (glibc bug 14485, https://sourceware.org/bugzilla/show_bug.cgi?id=14485): a thread that unlocks
 * a robust mutex first notes the mutex's address in list_op_pending, the field of its robust_list_head that
 * the kernel reads when the thread dies; then it releases the lock; and only then, some instructions later,
 * it clears the field. Once the lock is released another thread or process may take it, unlock it, destroy
 * it and use the memory for something else: POSIX says so. If the first thread is killed before it has
 * cleared the field, and the new contents of the 32-bit word happen to equal its thread ID, then the kernel
 * takes the word for a lock whose owner has died and stores (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED there.
 *
 * No privilege, no patched kernel, no debugger, no luck. A child locks and unlocks robust mutexes; its second
 * thread write-protects, at random moments, the page of the first one's robust_list_head (by userfaultfd,
 * or where that is refused by mprotect and a signal handler), so the store that clears list_op_pending has
 * to wait: a preemption does the same for less long. The parent meanwhile takes the mutex, destroys it,
 * reuses the memory, kills the child and compares.
 *
 * Exit status: 0 the memory was corrupted; 1 it was tried and was not; 2 it could not be tried.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#if __GLIBC_PREREQ(2, 35)
#include <sys/rseq.h>
#endif
#endif
#ifndef UFFDIO_WRITEPROTECT
#error "needs kernel headers of Linux 5.7 or later (any kernel will do)"
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

enum { corrupted = 0, not_seen = 1, trouble = 2 };
enum { mutexes = 64, words = 6, max_moments = 500 };
static const double give_up_after = 1.5; /* seconds; "under two seconds" includes the start */

/* One mutex, with the round of its last use. The memory is reused as 64-bit words. */
union slot {
  struct {
    pthread_mutex_t mutex;
    uint64_t round;
  } lock;
  _Atomic uint64_t word[words];
};
_Static_assert(sizeof(pthread_mutex_t) + sizeof(uint64_t) <= words * sizeof(uint64_t),
               "the words must cover the whole mutex");

/* What parent and child share. `order` counts up: odd means protect the page, even means let go. */
struct shared {
  atomic_uint order;
  atomic_uint stalled;  /* the last odd order that has caught the thread */
  atomic_uint released; /* the last even order that was carried out */
  atomic_uint delay;    /* random: when to protect next */
  atomic_uint failed;   /* errno of the child */
  char failure[80];     /* what it could not do */
  atomic_int tid;       /* of the thread that locks and unlocks, once it is about to start */
  _Atomic uint64_t at;  /* the round that it is at */
  union slot slot[mutexes];
};

static struct shared* shared;
static uintptr_t page; /* of the thread's list_op_pending */
static size_t page_size;
static int use_mprotect; /* else userfaultfd */
static int uffd = -1;
static pid_t child = -1;
static int status_of_child;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void reap_child(void) {
  if (child <= 0) return;
  /* One that cannot be killed is not waited for: it ends with its parent. */
  if (kill(child, SIGKILL) == 0)
    while (waitpid(child, &status_of_child, 0) < 0 && errno == EINTR)
      ;
  child = -1;
}

/* ---- The child: one thread that locks and unlocks, one that springs the trap ---- */

__attribute__((noreturn)) static void give_up(const char* what) {
  const int error = errno;
  snprintf(shared->failure, sizeof shared->failure, "%s", what);
  atomic_store(&shared->failed, (unsigned)(error != 0 ? error : EINVAL));
  _exit(trouble);
}

/* The page may hold errno as well: a call that fails would fault again in here. sched_yield cannot. */
static void wait_in_handler(int signal_number, siginfo_t* info, void* context) {
  const unsigned order = atomic_load(&shared->order);
  (void)context;
  const int foreign = (uintptr_t)info->si_addr - page >= page_size;
  if (foreign) signal(signal_number, SIG_DFL); /* die of it */
  if (foreign || order % 2 == 0) return;       /* let go meanwhile: the store is tried again */
  atomic_store(&shared->stalled, order);
  while (atomic_load(&shared->released) < order + 1)
    sched_yield();
}

static void expect_mprotect(void) {
  static unsigned char stack[64 * 1024];
  const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_sigaction = wait_in_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGSEGV);
  if (sigaltstack(&alternate, NULL) != 0 || sigaction(SIGSEGV, &action, NULL) != 0 ||
      pthread_sigmask(SIG_UNBLOCK, &set, NULL) != 0)
    give_up("a handler of SIGSEGV");
  sched_yield(); /* bound now: lazy binding stores to the page of the thread's control block, too */
}

/* The kernel writes to glibc's restartable-sequence area, which is close to the list head, whenever it
 * preempts the thread; on a protected page it would end the thread for that. No symbol tells the size that
 * was registered: 32 at first, more where the kernel has more features. */
static void leave_rseq(void) {
#if defined(RSEQ_SIG) && defined(SYS_rseq)
  char* const area = (char*)__builtin_thread_pointer() + __rseq_offset;
  for (unsigned size = 32; __rseq_size != 0 && size <= 1024; size += 32)
    if (syscall(SYS_rseq, area, size, 1 /* RSEQ_FLAG_UNREGISTER */, RSEQ_SIG) == 0) return;
  if (__rseq_size != 0) give_up("leaving rseq(2); try with GLIBC_TUNABLES=glibc.pthread.rseq=0");
#endif
}

/* Stack frames at the top of the stack share the page of the list head; these are well below. */
__attribute__((noinline)) static void lock_and_unlock(void) {
  for (uint64_t round = 1;; ++round) {
    union slot* slot = &shared->slot[round % mutexes];
    atomic_store(&shared->at, round);
    if (pthread_mutex_lock(&slot->lock.mutex) != 0) give_up("pthread_mutex_lock");
    slot->lock.round = round;
    if (pthread_mutex_unlock(&slot->lock.mutex) != 0) give_up("pthread_mutex_unlock");
  }
}

static void* worker(void* unused) {
  struct robust_list_head* head = NULL;
  size_t size = 0;
  void* gap = __builtin_alloca(2 * page_size);
  __asm__ volatile("" : : "r"(gap) : "memory");
  (void)unused;
  leave_rseq();
  if (use_mprotect) expect_mprotect();
  if (syscall(SYS_get_robust_list, 0, &head, &size) != 0 || head == NULL)
    give_up("get_robust_list(2)");
  page = (uintptr_t)&head->list_op_pending & ~(uintptr_t)(page_size - 1);
  atomic_store(&shared->tid, (int)syscall(SYS_gettid));
  return lock_and_unlock(), NULL;
}

/* userfaultfd for `size` bytes at `start`; -1 and errno where it is refused. */
static int open_uffd(uintptr_t start, size_t size) {
  struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP};
  struct uffdio_register range = {.range = {start, size}, .mode = UFFDIO_REGISTER_MODE_WP};
  int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
  if (fd < 0 && errno == EINVAL) /* before Linux 5.11 */
    fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -1;
  if (ioctl(fd, UFFDIO_API, &api) == 0 && ioctl(fd, UFFDIO_REGISTER, &range) == 0) return fd;
  return -1; /* refused once, refused for good: the program ends or does without */
}
static int uffd_protect(int on) {
  struct uffdio_writeprotect change = {.range = {page, page_size},
                                       .mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0};
  return ioctl(uffd, UFFDIO_WRITEPROTECT, &change);
}
static int uffd_caught_it(void) {
  struct pollfd ready = {.fd = uffd, .events = POLLIN};
  struct uffd_msg message;
  return poll(&ready, 1, 20) > 0 && read(uffd, &message, sizeof message) == sizeof message &&
         message.event == UFFD_EVENT_PAGEFAULT;
}
static void protect(int on) {
  if (use_mprotect) {
    if (mprotect((void*)page, page_size, on ? PROT_READ : PROT_READ | PROT_WRITE) != 0)
      give_up("mprotect(2)");
  } else {
    while (uffd_protect(on) != 0)
      if (errno != EAGAIN) give_up("UFFDIO_WRITEPROTECT");
  }
}

__attribute__((noreturn)) static void be_child(pid_t parent) {
  pthread_t thread;
  unsigned done = 0;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(trouble);
  errno = pthread_create(&thread, NULL, worker, NULL);
  if (errno != 0) give_up("pthread_create");
  while (atomic_load(&shared->tid) == 0)
    sched_yield();
  if (!use_mprotect && (uffd = open_uffd(page, page_size)) < 0) give_up("userfaultfd(2)");
  for (;;) {
    const unsigned order = atomic_load(&shared->order);
    if (order == done) sched_yield();
    if (order == done) continue;
    done = order;
    if (order % 2 == 0) {
      protect(0);
      atomic_store(&shared->released, order);
      continue;
    }
    /* Some rounds from now, and anywhere within a round. */
    const unsigned delay = atomic_load(&shared->delay);
    const uint64_t target = atomic_load(&shared->at) + 2 + delay % 16;
    while (atomic_load(&shared->at) < target)
      sched_yield();
    for (volatile unsigned turn = 0; turn < delay; ++turn)
      ;
    protect(1);
    while (!use_mprotect && atomic_load(&shared->order) == order)
      if (uffd_caught_it()) {
        atomic_store(&shared->stalled, order);
        break;
      }
  }
}

/* ---- The parent: takes the mutex, reuses its memory, kills, compares ---- */

static void make_mutexes(void) {
  pthread_mutexattr_t attributes;
  int error = pthread_mutexattr_init(&attributes);
  if (error == 0) error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  if (error == 0) error = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  for (int i = 0; error == 0 && i < mutexes; ++i)
    error = pthread_mutex_init(&shared->slot[i].lock.mutex, &attributes);
  if (error != 0)
    errx(trouble, "this libc has no robust process-shared mutexes: %s", strerror(error));
}

static void check_child(double deadline) {
  siginfo_t info = {.si_pid = 0};
  const int ended =
      waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid;
  const int error = (int)atomic_load(&shared->failed);
  if (error != 0)
    errx(trouble, "the child was refused %s: %s. A seccomp filter? Try outside of the container",
         shared->failure, strerror(error));
  if (ended) errx(trouble, "the child died by itself (signal %d)", info.si_status);
  if (now() > deadline) errx(trouble, "the child hangs; is the machine overloaded? Try again");
  sched_yield();
}

/* The whole of the other program's part: take, unlock, destroy, reuse. Only what the child has used for the
 * last time is taken: its mark for this round is there and the lock is free. */
static int take_and_reuse(union slot* slot, uint64_t round, uint64_t fill) {
  if (pthread_mutex_trylock(&slot->lock.mutex) != 0) return 0;
  const int marked = slot->lock.round == round;
  pthread_mutex_unlock(&slot->lock.mutex);
  if (!marked) return 0;
  pthread_mutex_destroy(&slot->lock.mutex);
  for (int i = 0; i < words; ++i)
    atomic_store(&slot->word[i], fill);
  return 1;
}

/* Nobody but the kernel can have written there: exactly one 32-bit word has changed, it held the dead
 * thread's ID, and it is now what only the kernel's exit walk makes of that. */
static int is_the_kernels_doing(const union slot* slot, uint64_t fill, unsigned tid,
                                uint64_t* after) {
  int changed = 0, explained = 0;
  for (int i = 0; i < words; ++i) {
    const uint64_t word = atomic_load(&slot->word[i]);
    for (int shift = 0; shift < 64; shift += 32) {
      const uint32_t old_half = (uint32_t)(fill >> shift);
      const uint32_t new_half = (uint32_t)(word >> shift);
      if (old_half == new_half) continue;
      ++changed;
      *after = word;
      explained += (old_half & FUTEX_TID_MASK) == tid &&
                   new_half == ((old_half & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
    }
  }
  if (changed > 1 || changed != explained)
    errx(trouble, "memory changed in a way that is not the kernel's exit walk; no claim is made");
  return changed;
}

/* Kills one child, inside the window if it can be had; 1 when memory was corrupted. */
static int attempt(int with_waiters, unsigned* seed, uint64_t* before, uint64_t* after) {
  const pid_t parent = getpid();
  const double deadline = now() + 5;
  union slot* slot = NULL;
  memset(shared, 0, sizeof *shared);
  make_mutexes();
  child = fork();
  if (child < 0) err(trouble, "fork");
  if (child == 0) be_child(parent);
  while (atomic_load(&shared->tid) == 0)
    check_child(deadline);
  const unsigned tid = (unsigned)atomic_load(&shared->tid);
  const uint32_t half = tid | (with_waiters ? FUTEX_WAITERS : 0U);
  const uint64_t fill = (uint64_t)half << 32 | half;
  for (unsigned moment = 0; moment < max_moments; ++moment) {
    const unsigned order = 2 * moment + 1;
    atomic_store(&shared->delay, (unsigned)rand_r(seed) % 256);
    atomic_store(&shared->order, order);
    while (atomic_load(&shared->stalled) != order)
      check_child(deadline);
    const uint64_t round = atomic_load(&shared->at);
    slot = &shared->slot[round % mutexes];
    if (take_and_reuse(slot, round, fill)) break;
    slot = NULL;
    atomic_store(&shared->order, order + 1);
    while (atomic_load(&shared->released) != order + 1)
      check_child(deadline);
  }
  reap_child();
  if (!WIFSIGNALED(status_of_child) || WTERMSIG(status_of_child) != SIGKILL)
    errx(trouble, "the child died by itself (status 0x%x)", (unsigned)status_of_child);
  if (slot == NULL) return 0;
  *before = fill;
  return is_the_kernels_doing(slot, fill, tid, after);
}

static void say_where(void) {
  struct utsname name;
  uname(&name);
  const char* version = "(not glibc)";
#ifdef __GLIBC__
  version = gnu_get_libc_version();
#endif
  printf("glibc %s, %s %s, %s\n", version, name.sysname, name.release, name.machine);
}

/* userfaultfd if it is to be had, else mprotect; says which, and why. */
static void choose_way(void) {
  static _Alignas(65536) char probe[65536]; /* as large as pages get */
  uffd = open_uffd((uintptr_t)probe, page_size);
  use_mprotect = uffd < 0;
  if (use_mprotect)
    printf("userfaultfd is refused (%s); using mprotect and a signal handler\n", strerror(errno));
  close(uffd); /* the child opens its own */
}

int main(int argc, char** argv) {
  uint64_t before = 0, after = 0;
  unsigned seed = (unsigned)getpid();
  int attempts = 0;
  if (argc == 2 && strcmp(argv[1], "--mprotect") == 0) {
    use_mprotect = 1;
  } else if (argc != 1) {
    fprintf(stderr, "usage: %s [--mprotect]\n  --mprotect  do without userfaultfd(2)\n", argv[0]);
    return trouble;
  }
  signal(SIGCHLD, SIG_DFL); /* whoever ignores it is not told how its child ended */
  atexit(reap_child);       /* the child itself leaves by _exit */
  setvbuf(stdout, NULL, _IOLBF, 0);
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) err(trouble, "mmap");
  if (kill(getpid(), 0) != 0)
    err(trouble, "kill(2) is refused; a seccomp filter? Try outside of the container");
  say_where();
  if (!use_mprotect) choose_way();

  const double begin = now();
  while (now() - begin < give_up_after) {
    const int hit = attempt(attempts % 2 == 0, &seed, &before, &after);
    ++attempts;
    if (!hit) continue;
    printf("Memory was corrupted by the kernel: %016llx vs %016llx\n", (unsigned long long)before,
           (unsigned long long)after);
    printf("(the first value was stored by the program; %d kill(s), %.2f s)\n", attempts,
           now() - begin);
    return corrupted;
  }
  printf("no corruption in %d kills (%.2f s): this libc or kernel seems not to have the race\n",
         attempts, now() - begin);
  return not_seen;
}
