// SPDX-License-Identifier: Apache-2.0
// A ledger in a mapped file, under a robust mutex: the money of two accounts must always sum up to TOTAL.
// Each command shows one thing that an audit of a program must find, or must not.
//
//   ledger FILE move        moves money in place: torn when killed between the two stores
//   ledger FILE flip        moves it in a copy that one store makes current: never torn
//   ledger FILE moves       moves three times; the third is torn as above
//   ledger FILE thread      as move, in a second thread
//   ledger FILE family      as move, in a child process; the parent notices its death and repairs
//   ledger FILE heir        the same, but the parent aborts when its child was killed
//   ledger FILE unlock      locks and unlocks, nothing else
//   ledger FILE wait        a child process waits for the mutex, which the parent keeps
//   ledger FILE exec        becomes `ledger FILE move` by an exec(3) in its second thread
//   ledger FILE daemon      leaves a process in a session of its own, then as move
//   ledger FILE moody       calls a function that does more from run to run
//   ledger FILE verify      exit status 0: it sums up; 1: it does not
//   ledger FILE repaired    the same, when the parent of `family` has been heard of
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TOTAL = 100, USAGE = 3 };

struct accounts {
  volatile long mine;
  volatile long yours;
};

struct ledger {
  pthread_mutex_t mutex;
  struct accounts copy[2];
  _Atomic unsigned current; // which copy
  _Atomic int heard;        // the parent has done its part
  _Atomic unsigned runs;    // of moody
};

static struct ledger* map_ledger(const char* path, int flags) {
  const int file = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
  if (file < 0 || ftruncate(file, sizeof(struct ledger)) != 0) {
    perror(path);
    exit(USAGE);
  }
  void* const at = mmap(NULL, sizeof(struct ledger), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (at == MAP_FAILED) {
    perror("mmap");
    exit(USAGE);
  }
  return at;
}

static struct ledger* new_ledger(const char* path) {
  struct ledger* const l = map_ledger(path, O_CREAT | O_TRUNC);
  pthread_mutexattr_t how;
  pthread_mutexattr_init(&how);
  pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&l->mutex, &how);
  l->copy[0].mine = TOTAL;
  return l;
}

// The first store takes the money, the second one gives it.
__attribute__((noinline)) void move_money(struct accounts* a, long amount) {
  a->mine = a->mine - amount;
  a->yours = a->yours + amount;
}

__attribute__((noinline)) void flip_money(struct ledger* l, long amount) {
  const unsigned next = 1 - l->current;
  l->copy[next] = l->copy[l->current];
  move_money(&l->copy[next], amount);
  l->current = next;
}

__attribute__((noinline)) int take_turn(struct ledger* l) {
  return pthread_mutex_lock(&l->mutex);
}

__attribute__((noinline)) void be_moody(struct ledger* l, unsigned rounds) {
  for (unsigned i = 0; i < rounds; ++i)
    move_money(&l->copy[0], 1);
}

static void move_locked(struct ledger* l) {
  pthread_mutex_lock(&l->mutex);
  move_money(&l->copy[0], 10);
  pthread_mutex_unlock(&l->mutex);
}

static void* move_in_thread(void* l) {
  move_locked(l);
  return NULL;
}

static void* exec_in_thread(void* words) {
  execv("/proc/self/exe", words);
  return NULL;
}

// How a child that moves money ended.
static int child_moves(struct ledger* l) {
  const pid_t child = fork();
  if (child == 0) {
    move_locked(l);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

static void repair(struct ledger* l) {
  if (pthread_mutex_lock(&l->mutex) == EOWNERDEAD) {
    l->copy[0].yours = TOTAL - l->copy[0].mine;
    pthread_mutex_consistent(&l->mutex);
  }
  pthread_mutex_unlock(&l->mutex);
  l->heard = 1;
}

static int verify(const struct ledger* l) {
  const struct accounts* const a = &l->copy[l->current];
  printf("mine %ld, yours %ld\n", a->mine, a->yours);
  return a->mine + a->yours == TOTAL ? 0 : 1;
}

static int verify_repaired(const struct ledger* l) {
  const struct timespec pause = {0, 1000000};
  for (int i = 0; i < 8000 && !l->heard; ++i)
    nanosleep(&pause, NULL);
  if (!l->heard) puts("the parent was not heard of");
  return l->heard ? verify(l) : 1;
}

int main(int argc, char** argv) {
  if (argc != 3) return USAGE;
  const char* const what = argv[2];
  if (strcmp(what, "verify") == 0) return verify(map_ledger(argv[1], 0));
  if (strcmp(what, "repaired") == 0) return verify_repaired(map_ledger(argv[1], 0));

  fputs("the ledger is open\n", stderr);
  if (strcmp(what, "moody") == 0) {
    struct ledger* const kept = map_ledger(argv[1], O_CREAT);
    be_moody(kept, ++kept->runs);
    return 0;
  }
  struct ledger* const l = new_ledger(argv[1]);
  if (strcmp(what, "move") == 0) {
    move_locked(l);
  } else if (strcmp(what, "flip") == 0) {
    flip_money(l, 10);
  } else if (strcmp(what, "moves") == 0) {
    for (int i = 0; i < 3; ++i)
      move_locked(l);
  } else if (strcmp(what, "thread") == 0) {
    pthread_t other;
    pthread_create(&other, NULL, move_in_thread, l);
    pthread_join(other, NULL);
  } else if (strcmp(what, "exec") == 0) {
    char* words[] = {argv[0], argv[1], "move", NULL};
    pthread_t other;
    pthread_create(&other, NULL, exec_in_thread, words);
    for (;;)
      pause(); // ended by the exec
  } else if (strcmp(what, "daemon") == 0) {
    if (fork() == 0) {
      setsid();
      if (fork() != 0) _exit(0);
      for (;;)
        pause(); // ended by the audit
    }
    wait(NULL);
    move_locked(l);
  } else if (strcmp(what, "family") == 0) {
    child_moves(l);
    repair(l);
    for (;;)
      pause(); // ended by the audit
  } else if (strcmp(what, "heir") == 0) {
    if (WIFSIGNALED(child_moves(l))) abort();
  } else if (strcmp(what, "unlock") == 0) {
    pthread_mutex_lock(&l->mutex);
    pthread_mutex_unlock(&l->mutex);
  } else if (strcmp(what, "wait") == 0) {
    pthread_mutex_lock(&l->mutex);
    if (fork() == 0) _exit(take_turn(l));
    for (;;)
      pause(); // ended by the audit
  } else {
    return USAGE;
  }
  return 0;
}
