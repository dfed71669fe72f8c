/* SPDX-License-Identifier: Apache-2.0 */
/* The library loaded at run time by a program that is not linked with it, in a thread that was there before. */
#include <heirlock/heirlock.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef __typeof__(heirlock_domain_memfd) memfd_function;
typedef __typeof__(heirlock_domain_open) open_function;
typedef __typeof__(heirlock_mutexattr_init) attr_init_function;
typedef __typeof__(heirlock_mutexattr_setdomain) setdomain_function;
typedef __typeof__(heirlock_mutex_init) init_function;
typedef __typeof__(heirlock_mutex_lock) lock_function;
typedef __typeof__(heirlock_mutex_consistent) consistent_function;
typedef __typeof__(heirlock_mutex_unlock) unlock_function;

static int steps[2];
static const char* path;

static void* find(void* library, const char* name) {
  void* found = dlsym(library, name);
  if (found == NULL) fprintf(stderr, "%s\n", dlerror());
  return found;
}

/* 0, or the number of what went wrong. */
static int load_and_use(void) {
  heirlock_domain_options_t options = HEIRLOCK_DOMAIN_OPTIONS_INIT;
  heirlock_domain_t* domain = NULL;
  heirlock_mutexattr_t attributes;
  heirlock_mutex_t* mutex =
      mmap(NULL, sizeof *mutex, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  /* POSIX's way round a conversion that ISO C does not have. */
  memfd_function* make_file;
  open_function* open_domain;
  attr_init_function* attr_init;
  setdomain_function* setdomain;
  init_function* init;
  lock_function* lock;
  consistent_function* consistent;
  unlock_function* unlock;
  *(void**)&make_file = find(library, "heirlock_domain_memfd");
  *(void**)&open_domain = find(library, "heirlock_domain_open");
  *(void**)&attr_init = find(library, "heirlock_mutexattr_init");
  *(void**)&setdomain = find(library, "heirlock_mutexattr_setdomain");
  *(void**)&init = find(library, "heirlock_mutex_init");
  *(void**)&lock = find(library, "heirlock_mutex_lock");
  *(void**)&consistent = find(library, "heirlock_mutex_consistent");
  *(void**)&unlock = find(library, "heirlock_mutex_unlock");
  options.descriptor = make_file(NULL);
  options.threads = 4;
  options.flags = HEIRLOCK_DOMAIN_BACKSTOP; /* where no kernel marks the dead, it finds them */
  options.backstop_ms = 50;
  if (open_domain(&options, &domain, NULL) != 0) return 2;
  if (attr_init(&attributes) != 0 || setdomain(&attributes, domain) != 0) return 3;
  if (init(mutex, &attributes) != 0) return 4;
  const pid_t owner = fork();
  if (owner == 0) {
    if (lock(mutex) != 0) _exit(1);
    raise(SIGKILL);
  }
  int status = 0;
  if (waitpid(owner, &status, 0) != owner || !WIFSIGNALED(status)) return 5;
  if (lock(mutex) != EOWNERDEAD) return 6;
  /* To unload it now is too late, and harmless: it stays, and so does the mutex. */
  if (dlclose(library) != 0) return 7;
  if (consistent(mutex) != 0 || unlock(mutex) != 0) return 8;
  return 0;
}

static void* in_thread(void* ready) {
  char go;
  if (read(*(int*)ready, &go, 1) != 1) return NULL;
  steps[1] = load_and_use();
  return NULL;
}

int main(int argc, char** argv) {
  int ends[2];
  pthread_t older_than_the_library;
  if (argc != 2 || pipe(ends) != 0) return 2;
  path = argv[1];
  steps[1] = -1;
  if (pthread_create(&older_than_the_library, NULL, in_thread, &ends[0]) != 0) return 2;
  steps[0] = load_and_use();
  if (write(ends[1], "", 1) != 1) return 2;
  pthread_join(older_than_the_library, NULL);
  if (steps[0] != 0 || steps[1] != 0)
    fprintf(stderr, "main thread: step %d, older thread: step %d\n", steps[0], steps[1]);
  return steps[0] != 0 || steps[1] != 0;
}
