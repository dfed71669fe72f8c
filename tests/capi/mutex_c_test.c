/* SPDX-License-Identifier: Apache-2.0 */
/* The C API from C, through the shared library. Exit status 0 when every check held. */
#define _GNU_SOURCE
#include <heirlock/heirlock.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int failures;

#define CHECK(expression, expected)                                                                \
  do {                                                                                             \
    const long got_ = (long)(expression);                                                          \
    if (got_ != (long)(expected)) {                                                                \
      fprintf(stderr, "%s:%d: %s is %ld, not %s\n", __FILE__, __LINE__, #expression, got_,         \
              #expected);                                                                          \
      ++failures;                                                                                  \
    }                                                                                              \
  } while (0)

static heirlock_domain_t* domain;

/* Is there a kernel that marks what the dead held? User-mode emulators have none: there the backstop finds deaths. */
static int kernel_marks(void) {
  void* list = NULL;
  size_t size = 0;
  return syscall(SYS_get_robust_list, 0, &list, &size) == 0;
}

/* Part of the library's interface for its own headers: with 1 it returns EOWNERDEAD and does not take the mutex. */
int heirlock_lock_slow(heirlock_mutex_t*, int clock, const struct timespec*, int decline);

static heirlock_mutex_t* make(int type) {
  heirlock_mutex_t* mutex =
      mmap(NULL, sizeof *mutex, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  heirlock_mutexattr_t attributes;
  if (mutex == MAP_FAILED) abort();
  CHECK(heirlock_mutexattr_init(&attributes), 0);
  CHECK(heirlock_mutexattr_settype(&attributes, type), 0);
  CHECK(heirlock_mutexattr_setdomain(&attributes, domain), 0);
  CHECK(heirlock_mutex_init(mutex, &attributes), 0);
  CHECK(heirlock_mutexattr_destroy(&attributes), 0);
  CHECK(heirlock_mutex_init(mutex, &attributes), EINVAL); /* attributes that were destroyed */
  return mutex;
}

/* In a child: lock `times` times, and be killed. */
static void die_holding(heirlock_mutex_t* mutex, int times) {
  const pid_t owner = fork();
  int status = 0;
  if (owner == 0) {
    for (int i = 0; i < times; ++i)
      if (heirlock_mutex_lock(mutex) != 0) _exit(1);
    raise(SIGKILL);
  }
  CHECK(waitpid(owner, &status, 0), owner);
  CHECK(WIFSIGNALED(status), 1);
  if (!kernel_marks()) CHECK(heirlock_lock_slow(mutex, -1, NULL, 1), EOWNERDEAD);
}

static struct timespec in_milliseconds(clockid_t clock, long delay) {
  struct timespec t;
  clock_gettime(clock, &t);
  t.tv_nsec += delay * 1000000;
  t.tv_sec += t.tv_nsec / 1000000000;
  t.tv_nsec %= 1000000000;
  return t;
}

struct question {
  heirlock_mutex_t* mutex;
  int trylock, timedlock, clocklock, realtime, past, malformed, wrong_clock, unlock;
};

static void* ask(void* argument) {
  struct question* q = argument;
  const struct timespec soon = in_milliseconds(CLOCK_REALTIME, 3);
  const struct timespec soon_steady = in_milliseconds(CLOCK_MONOTONIC, 3);
  const struct timespec past = {-5, 0}, malformed = {0, 1000000000};
  q->trylock = heirlock_mutex_trylock(q->mutex);
  q->timedlock = heirlock_mutex_timedlock(q->mutex, &soon);
  q->clocklock = heirlock_mutex_clocklock(q->mutex, CLOCK_MONOTONIC, &soon_steady);
  q->realtime = heirlock_mutex_clocklock(q->mutex, CLOCK_REALTIME, &soon);
  q->past = heirlock_mutex_timedlock(q->mutex, &past);
  q->malformed = heirlock_mutex_timedlock(q->mutex, &malformed);
  q->wrong_clock = heirlock_mutex_clocklock(q->mutex, CLOCK_PROCESS_CPUTIME_ID, &soon);
  q->unlock = heirlock_mutex_unlock(q->mutex);
  return NULL;
}

static void another_thread_is_kept_out(heirlock_mutex_t* mutex) {
  struct question q = {.mutex = mutex};
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, ask, &q), 0);
  pthread_join(thread, NULL);
  CHECK(q.trylock, EBUSY);
  CHECK(q.timedlock, ETIMEDOUT);
  CHECK(q.clocklock, ETIMEDOUT);
  CHECK(q.realtime, ETIMEDOUT);
  CHECK(q.past, ETIMEDOUT);
  CHECK(q.malformed, EINVAL);
  CHECK(q.wrong_clock, EINVAL);
  CHECK(q.unlock, EPERM);
}

static uint64_t head_sleeps(void) {
  heirlock_domain_info_t info = {.struct_size = sizeof info};
  CHECK(heirlock_domain_inspect(domain, &info), 0);
  return info.head_sleeps;
}

/* A time that is to come on the steady clock has long passed on the other, and the other way round it is far off: so one
   waits for a time to come on the steady clock here, and for one on the other in ask(). */
static void a_time_to_come_is_waited_for(heirlock_mutex_t* mutex) {
  const struct timespec in_an_hour = in_milliseconds(CLOCK_MONOTONIC, 3600000);
  const uint64_t slept = head_sleeps();
  int status = 0;
  CHECK(heirlock_mutex_lock(mutex), 0);
  const pid_t waiter = fork();
  if (waiter == 0) {
    const int got = heirlock_mutex_clocklock(mutex, CLOCK_MONOTONIC, &in_an_hour);
    _exit(got == 0 ? heirlock_mutex_unlock(mutex) : got);
  }
  while (head_sleeps() == slept && waitpid(waiter, &status, WNOHANG) == 0)
    usleep(200);
  CHECK(status, 0); /* it has not given up */
  CHECK(heirlock_mutex_unlock(mutex), 0);
  CHECK(waitpid(waiter, &status, 0), waiter);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, 1);
}

static void check_type(int type) {
  heirlock_mutex_t* mutex = make(type);
  const int recursive = type == HEIRLOCK_MUTEX_RECURSIVE;
  CHECK(heirlock_mutex_unlock(mutex), EPERM);
  CHECK(heirlock_mutex_lock(mutex), 0);
  CHECK(heirlock_mutex_consistent(mutex), EINVAL);
  CHECK(heirlock_mutex_destroy(mutex), EBUSY);
  CHECK(heirlock_mutex_lock(mutex), recursive ? 0 : EDEADLK);
  CHECK(heirlock_mutex_trylock(mutex), recursive ? 0 : EBUSY);
  another_thread_is_kept_out(mutex);
  if (recursive) {
    CHECK(heirlock_mutex_unlock(mutex), 0);
    CHECK(heirlock_mutex_unlock(mutex), 0);
    another_thread_is_kept_out(mutex);
    mutex->count_ = 1u << 24;
    CHECK(heirlock_mutex_lock(mutex), EAGAIN);
    CHECK(heirlock_mutex_trylock(mutex), EAGAIN);
    mutex->count_ = 1;
  }
  CHECK(heirlock_mutex_unlock(mutex), 0);
  CHECK(heirlock_mutex_unlock(mutex), EPERM);
  a_time_to_come_is_waited_for(mutex);

  die_holding(mutex, recursive ? 3 : 1);
  CHECK(heirlock_mutex_trylock(mutex), EOWNERDEAD);
  CHECK(heirlock_mutex_consistent(mutex), 0);
  CHECK(heirlock_mutex_unlock(mutex), 0);
  CHECK(heirlock_mutex_unlock(mutex), EPERM);

  die_holding(mutex, 1);
  CHECK(heirlock_mutex_lock(mutex), EOWNERDEAD);
  CHECK(heirlock_mutex_unlock(mutex), 0);
  CHECK(heirlock_mutex_lock(mutex), ENOTRECOVERABLE);
  CHECK(heirlock_mutex_trylock(mutex), ENOTRECOVERABLE);

  CHECK(heirlock_mutex_destroy(mutex), 0);
  CHECK(heirlock_mutex_destroy(mutex), EINVAL);
  CHECK(heirlock_mutex_lock(mutex), EINVAL);
  CHECK(heirlock_mutex_trylock(mutex), EINVAL);
  CHECK(heirlock_mutex_unlock(mutex), EINVAL);
  CHECK(heirlock_mutex_consistent(mutex), EINVAL);
  memset(mutex, 0x41, sizeof *mutex);
  CHECK(heirlock_mutex_lock(mutex), EINVAL);
  CHECK(heirlock_mutex_unlock(mutex), EINVAL);
  CHECK(heirlock_mutex_destroy(mutex), EINVAL);
  munmap(mutex, sizeof *mutex);
}

static heirlock_domain_t* nameless(void) {
  heirlock_domain_options_t options = HEIRLOCK_DOMAIN_OPTIONS_INIT;
  heirlock_domain_t* opened = NULL;
  heirlock_error_t error;
  options.descriptor = heirlock_domain_memfd(&error);
  options.threads = 16;
  options.flags = HEIRLOCK_DOMAIN_BACKSTOP;
  options.backstop_ms = kernel_marks() ? 0 : 50;
  if (heirlock_domain_open(&options, &opened, &error) != 0) {
    fprintf(stderr, "%s\n", error.text);
    exit(2);
  }
  close(options.descriptor);
  return opened;
}

/* A file-backed segment whose domain is gone: only recover rebinds it. */
static void check_recover(void) {
  heirlock_domain_t* ours = domain;
  domain = nameless();
  heirlock_mutex_t* held = make(HEIRLOCK_MUTEX_NORMAL);
  heirlock_mutex_t* idle = make(HEIRLOCK_MUTEX_RECURSIVE);
  heirlock_mutex_t* nested = make(HEIRLOCK_MUTEX_RECURSIVE);
  CHECK(heirlock_mutex_recover(held, ours), EBUSY);
  die_holding(held, 1);
  die_holding(nested, 3);
  CHECK(heirlock_thread_detach(domain), 0);
  CHECK(heirlock_domain_close(domain), 0);
  domain = ours;
  CHECK(heirlock_mutex_lock(held), EXDEV);
  CHECK(heirlock_mutex_recover(held, ours), EOWNERDEAD);
  CHECK(heirlock_mutex_consistent(held), 0);
  CHECK(heirlock_mutex_unlock(held), 0);
  CHECK(heirlock_mutex_recover(nested, ours), EOWNERDEAD);
  CHECK(heirlock_mutex_consistent(nested), 0);
  CHECK(heirlock_mutex_unlock(nested), 0); /* the count is the heir's */
  CHECK(heirlock_mutex_unlock(nested), EPERM);
  CHECK(heirlock_mutex_recover(idle, ours), 0);
  CHECK(heirlock_mutex_lock(idle), 0);
  CHECK(heirlock_mutex_lock(idle), 0);
  CHECK(heirlock_mutex_unlock(idle), 0);
  CHECK(heirlock_mutex_unlock(idle), 0);
}

static void check_options(void) {
  heirlock_domain_options_t options = HEIRLOCK_DOMAIN_OPTIONS_INIT;
  heirlock_domain_t* opened = NULL;
  heirlock_error_t error;
  options.struct_size = 8;
  CHECK(heirlock_domain_open(&options, &opened, &error), EINVAL);
  CHECK(strstr(error.text, "HEIRLOCK_DOMAIN_OPTIONS_INIT") != NULL, 1);
  options.struct_size = sizeof options;
  options.flags = 1u << 20;
  CHECK(heirlock_domain_open(&options, &opened, &error), EINVAL);
  CHECK(strstr(error.text, "unknown domain flags") != NULL, 1);
  options.flags = 0;
  options.unlock_mode = 9;
  CHECK(heirlock_domain_open(&options, &opened, NULL), EINVAL);
}

/* NULL, a misplaced mutex, a clock that is none: EINVAL, also where the mutex is free and nobody would have to wait. */
static void check_arguments(void) {
  static char memory[64] __attribute__((aligned(16)));
  struct timespec soon = in_milliseconds(CLOCK_MONOTONIC, 1);
  heirlock_mutexattr_t attributes;
  heirlock_mutex_t* mutex = make(HEIRLOCK_MUTEX_NORMAL);
  CHECK(heirlock_mutexattr_init(NULL), EINVAL);
  CHECK(heirlock_mutexattr_settype(NULL, HEIRLOCK_MUTEX_NORMAL), EINVAL);
  CHECK(heirlock_mutexattr_setdomain(NULL, domain), EINVAL);
  CHECK(heirlock_mutexattr_destroy(NULL), EINVAL);
  CHECK(heirlock_mutexattr_init(&attributes), 0);
  CHECK(heirlock_mutexattr_settype(&attributes, 3), EINVAL);
  CHECK(heirlock_mutexattr_settype(&attributes, -1), EINVAL);
  CHECK(heirlock_mutexattr_setdomain(&attributes, domain), 0);
  CHECK(heirlock_mutex_init(NULL, &attributes), EINVAL);
  CHECK(heirlock_mutex_init((heirlock_mutex_t*)(void*)(memory + 4), &attributes), EINVAL);
  CHECK(heirlock_mutex_destroy(NULL), EINVAL);
  CHECK(heirlock_mutex_consistent(NULL), EINVAL);
  CHECK(heirlock_mutex_recover(NULL, domain), EINVAL);
  CHECK(heirlock_mutex_timedlock(mutex, NULL), EINVAL);
  CHECK(heirlock_mutex_clocklock(mutex, CLOCK_MONOTONIC, NULL), EINVAL);
  CHECK(heirlock_mutex_clocklock(mutex, CLOCK_PROCESS_CPUTIME_ID, &soon), EINVAL);
  CHECK(heirlock_mutex_clocklock(mutex, CLOCK_MONOTONIC, &soon), 0);
  CHECK(heirlock_mutex_unlock(mutex), 0);
  CHECK(heirlock_domain_open(NULL, NULL, NULL), EINVAL);
  CHECK(heirlock_domain_close(NULL), EINVAL);
  CHECK(heirlock_domain_inspect(NULL, NULL), EINVAL);
  CHECK(heirlock_domain_inspect(domain, NULL), EINVAL);
  CHECK(heirlock_thread_attach(NULL), EINVAL);
  CHECK(heirlock_thread_detach(NULL), EINVAL);
}

/* The library stays when it is closed: a thread of this process may own something. */
static void check_dlclose(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  CHECK(library != NULL, 1);
  if (library == NULL) return;
  CHECK(dlclose(library), 0);
  CHECK(dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD) != NULL, 1);
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s PATH-OF-libheirlock.so\n", argv[0]);
    return 2;
  }
  domain = nameless();
  check_type(HEIRLOCK_MUTEX_NORMAL);
  check_type(HEIRLOCK_MUTEX_ERRORCHECK);
  check_type(HEIRLOCK_MUTEX_RECURSIVE);
  check_recover();
  check_options();
  check_arguments();
  check_dlclose(argv[1]);
  CHECK(heirlock_domain_close(domain), EBUSY);
  CHECK(heirlock_thread_detach(domain), 0);
  /* Where nothing is marked, the threads of ask() are not known to have ended. */
  CHECK(heirlock_domain_close(domain), kernel_marks() ? 0 : EBUSY);
  if (failures != 0) fprintf(stderr, "%d checks failed\n", failures);
  return failures != 0;
}
