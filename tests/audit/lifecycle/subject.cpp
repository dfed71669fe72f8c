// SPDX-License-Identifier: Apache-2.0
// The parts of a lock's life that heirlock's ordinary subjects have behind them when an audit begins: making and
// attaching to a domain, taking and giving back a seat; and the uncommon ways to lock. Each is put inside the
// operation in which the victim is killed. The environment says which: HEIRLOCK_LIFE, and HEIRLOCK_LIFE_MODE.
#include <heirlock/heirlock.h>

#include "lab/protocols/subject_entry.hpp"
#include "lab/subjects/untimed_waits.hpp"
#include "src/core/domain.hpp"
#include "src/core/spin.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using heirlock::detail::mutex_cells;

//   life        what is inside lock and trylock           inside unlock
//   claim       the thread's seat is claimed              -
//   leave       -                                         its seat is given back
//   attach      the process attaches to the domain, and claims
//   make        the process makes the domain in an empty memory file if nobody has, and claims
//   make-named  the same, at a path
//   make-other  the same in a memory file, in which each process wants another number of seats than the first one did
//   timed       the lock has a deadline: far in lock, past in trylock
//   recursive   it is locked twice                        it is unlocked twice
//   heir        told of a death, the heir makes the lock consistent
//   backstop    the domain has a backstop of a second, against the rule of this audit
enum class life {
  claim,
  leave,
  attach,
  make,
  make_named,
  make_other,
  timed,
  recursive,
  heir,
  backstop
};

constexpr const char* names[] = {"claim",      "leave", "attach",    "make", "make-named",
                                 "make-other", "timed", "recursive", "heir", "backstop"};

// As many as the instrument has survivors, so that all can be seated only if the victim's seat is found again.
constexpr std::uint32_t seats = 6;
constexpr int few_spin_pauses = 3;
constexpr std::uint32_t backstop_ms = 1000;

life chosen = life::claim;
bool asymmetric = false;
int file = -1;              // the memory file; the path's processes open it by name
const char* path = nullptr; // of make-named
heirlock_domain_t* domain = nullptr;

bool process_opens() {
  return chosen == life::attach || chosen == life::make || chosen == life::make_named ||
         chosen == life::make_other;
}

bool is_begun(int descriptor) {
  struct stat status = {};
  return fstat(descriptor, &status) == 0 && status.st_size != 0;
}

int open_domain() {
  if (domain != nullptr) return 0;
  heirlock_domain_options_t options = HEIRLOCK_DOMAIN_OPTIONS_INIT;
  if (chosen == life::make_named)
    options.name = path;
  else
    options.descriptor = file;
  options.threads = seats;
  // Where there is a domain, it is taken as it is; where it is not finished, it becomes a larger one.
  if (chosen == life::make_other && is_begun(file)) options.threads = 0;
  options.unlock_mode = asymmetric ? HEIRLOCK_UNLOCK_ASYMMETRIC : HEIRLOCK_UNLOCK_RMW;
  options.flags = HEIRLOCK_DOMAIN_BACKSTOP;
  options.backstop_ms = chosen == life::backstop ? backstop_ms : 0;
  if (const int error = heirlock_domain_open(&options, &domain, nullptr)) return error;
  heirlock::core::spin_pauses = few_spin_pauses;
  heirlock::core::starving_after_ns = 0;
  return 0;
}

int prepare() {
  // What the first process opened for the run before.
  if (domain != nullptr) {
    if (const int error = heirlock_domain_close(domain)) return error;
    domain = nullptr;
  }
  if (file >= 0) close(file);
  file = -1;
  if (chosen == life::make_named) {
    path = getenv("HEIRLOCK_LIFE_PATH");
    if (path == nullptr) return EINVAL;
    if (unlink(path) != 0 && errno != ENOENT) return errno;
  } else {
    file = heirlock_domain_memfd(nullptr);
    if (file < 0) return ENOTSUP;
  }
  if (chosen == life::attach || !process_opens()) {
    if (const int error = open_domain()) return error;
  }
  if (chosen == life::attach) {
    if (const int error = heirlock_domain_close(domain)) return error;
    domain = nullptr;
  }
  return heirlock::lab::refuse_timed_waits();
}

int enter_thread() {
  // The first lock claims.
  if (chosen == life::claim || chosen == life::leave || process_opens()) return 0;
  return heirlock_thread_attach(domain);
}

heirlock_mutex_t* mutex_at(void* lock) {
  return static_cast<heirlock_mutex_t*>(lock);
}
mutex_cells& cells_at(void* lock) {
  return *static_cast<mutex_cells*>(lock);
}

int init_it(void* lock) {
  if (process_opens()) {
    memset(lock, 0, sizeof(heirlock_mutex_t)); // free; whose, is written by whoever opens first
    return 0;
  }
  heirlock_mutexattr_t attributes;
  int error = heirlock_mutexattr_init(&attributes);
  if (error == 0 && chosen == life::recursive)
    error = heirlock_mutexattr_settype(&attributes, HEIRLOCK_MUTEX_RECURSIVE);
  if (error == 0) error = heirlock_mutexattr_setdomain(&attributes, domain);
  if (error == 0) error = heirlock_mutex_init(mutex_at(lock), &attributes);
  return error;
}

int opened(mutex_cells& cells) {
  if (const int error = open_domain()) return error;
  std::uint32_t nobody = 0;
  cells.domain_id.compare_exchange_strong(nobody, domain->id);
  return 0;
}

int then_lock_again(void* lock, int result) {
  if (result != 0 && result != EOWNERDEAD) return result;
  const int again = heirlock_mutex_lock(mutex_at(lock));
  return again == 0 ? result : again;
}
int then_repair(void* lock, int result) {
  if (result != EOWNERDEAD) return result;
  const int repaired = heirlock_mutex_consistent(mutex_at(lock));
  return repaired == 0 ? EOWNERDEAD : repaired;
}

// What lock and trylock differ in.
struct way_to_lock {
  int (*slow)(mutex_cells*);
  int (*plain)(heirlock_mutex_t*);
  timespec until; // of a lock with a deadline
};

int lock_by(const way_to_lock& way, void* lock) {
  switch (chosen) {
  case life::attach:
  case life::make:
  case life::make_named:
  case life::make_other: {
    mutex_cells& cells = cells_at(lock);
    if (const int error = opened(cells)) return error;
    return heirlock::detail::lock_fast(cells) ? 0 : way.slow(&cells);
  }
  case life::timed:
    return heirlock_mutex_timedlock(mutex_at(lock), &way.until);
  case life::recursive:
    return then_lock_again(lock, way.plain(mutex_at(lock)));
  case life::heir:
    return then_repair(lock, way.plain(mutex_at(lock)));
  case life::claim:
  case life::leave:
  case life::backstop:
    break;
  }
  return way.plain(mutex_at(lock));
}

int lock_it(void* lock) {
  constexpr std::time_t year_2100 = 4102444800;
  return lock_by({[](mutex_cells* cells) {
                    return heirlock_lock_slow(cells, heirlock::detail::no_clock, nullptr,
                                              heirlock_inherit);
                  },
                  heirlock_mutex_lock,
                  {year_2100, 0}},
                 lock);
}

int trylock_it(void* lock) {
  constexpr timespec past = {1, 0};
  const int result =
      lock_by({[](mutex_cells* cells) { return heirlock_trylock_slow(cells, heirlock_inherit); },
               heirlock_mutex_trylock, past},
              lock);
  return result == ETIMEDOUT ? EBUSY : result;
}

int unlock_it(void* lock) {
  if (process_opens()) return heirlock::detail::unlock_fast(cells_at(lock));
  if (chosen == life::recursive) {
    if (const int error = heirlock_mutex_unlock(mutex_at(lock))) return error;
  }
  if (const int error = heirlock_mutex_unlock(mutex_at(lock))) return error;
  return chosen == life::leave ? heirlock_thread_detach(domain) : 0;
}

int consistent_it(void* lock) {
  if (chosen == life::heir) return 0; // it is already
  return heirlock_mark_consistent(&cells_at(lock));
}

int destroy_it(void* lock) {
  if (process_opens()) {
    memset(lock, 0, sizeof(heirlock_mutex_t));
    return 0;
  }
  return heirlock_mutex_destroy(mutex_at(lock));
}

// Looks at the domain without attaching to it, which would change it or wait for the victim.
pid_t owner_of(const void* lock) {
  const std::uint64_t word = static_cast<const mutex_cells*>(lock)->word.load();
  if ((word & heirlock::detail::seat_mask) == 0) return 0;
  const int descriptor = path != nullptr ? open(path, O_RDONLY | O_CLOEXEC) : file;
  const std::size_t size = heirlock::core::domain_size(seats);
  void* const seen = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  if (path != nullptr && descriptor >= 0) close(descriptor);
  if (seen == MAP_FAILED) return -1;
  const auto* const table = reinterpret_cast<const heirlock::core::seat*>(
      static_cast<const unsigned char*>(seen) + heirlock::core::header_size);
  const heirlock::core::seat& holder = table[heirlock::detail::seat_of(word) - 1];
  const bool still = holder.generation.load() == heirlock::detail::generation_of(word);
  const pid_t tid = still ? static_cast<pid_t>(holder.thread.load()) : -1;
  munmap(seen, size);
  return tid;
}

const heirlock_subject* describe() {
  static heirlock_subject subject = {};
  const char* const wanted = getenv("HEIRLOCK_LIFE");
  const char* const mode = getenv("HEIRLOCK_LIFE_MODE");
  if (wanted == nullptr) return nullptr;
  bool known = false;
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; ++i)
    if (strcmp(names[i], wanted) == 0) {
      chosen = static_cast<life>(i);
      known = true;
    }
  if (!known) return nullptr;
  asymmetric = mode != nullptr && strcmp(mode, "asymmetric") == 0;
  subject.abi = HEIRLOCK_SUBJECT_ABI;
  subject.size = sizeof(heirlock_mutex_t);
  subject.name = wanted;
  subject.summary = "a part of the life of heirlock's mutex";
  subject.thread_enter = enter_thread;
  subject.init = init_it;
  subject.lock = lock_it;
  subject.trylock = trylock_it;
  subject.unlock = unlock_it;
  subject.consistent = consistent_it;
  subject.destroy = destroy_it;
  subject.owner = owner_of;
  return &subject;
}

} // namespace

const heirlock_subject* heirlock_subject_entry() {
  return describe();
}
extern "C" [[gnu::visibility("default")]] int heirlock_subject_prepare() {
  return prepare();
}
