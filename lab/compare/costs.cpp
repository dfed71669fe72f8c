// SPDX-License-Identifier: Apache-2.0
#include "lab/compare/costs.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include "lab/process/interrupt.hpp"
#include "lab/process/permitted_calls.hpp"
#include "lab/process/trouble.hpp"
#include "lab/subjects/loaded_subject.hpp"

namespace heirlock::lab {
namespace {

constexpr unsigned many = 100'000;
constexpr unsigned some = 5'000;
constexpr unsigned few = 100;

struct sample {
  double lock_unlock, destroy, map_unmap, thread_exit;
  bool complete; // written last: a child that failed has left it false
};

// Shared memory; gone with the object.
class shared_page {
 public:
  shared_page()
      : memory_(mmap(nullptr, HEIRLOCK_SUBJECT_MAX_SIZE, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) throw_errno("mapping memory for a measurement");
  }
  ~shared_page() { munmap(memory_, HEIRLOCK_SUBJECT_MAX_SIZE); }
  shared_page(const shared_page&) = delete;
  shared_page& operator=(const shared_page&) = delete;
  void* get() const { return memory_; }

 private:
  void* memory_;
};

double now() {
  timespec t = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

template <class Work>
double each(unsigned times, Work work) {
  const double start = now();
  for (unsigned i = 0; i < times; ++i)
    work();
  return (now() - start) / times;
}

void must(int error) {
  if (error != 0) std::_Exit(1);
}

// In a child: a subject may register a robust list or an rseq area of its own in place of libc's.
void measure(const char* library, sample& into) {
  const loaded_subject loaded = load_subject(library);
  const heirlock_subject* const subject = loaded.subject;
  if (subject == nullptr) std::_Exit(1);
  // As users have it: what an audit forbids it would be paid for in every system call. Where preparing fails a lock goes
  // without, and the next call says whether it can.
  const auto prepare =
      loaded.prepare_with_backstop != nullptr ? loaded.prepare_with_backstop : loaded.prepare;
  if (prepare != nullptr) prepare();
  const auto enter = [&] {
    if (subject->thread_enter != nullptr) must(subject->thread_enter());
  };
  enter();
  const shared_page memory;
  void* const lock = memory.get();
  must(subject->init(lock));
  const auto use = [&] {
    must(subject->lock(lock));
    must(subject->unlock(lock));
  };
  each(some, use); // warm
  into.lock_unlock = each(many, use);
  const auto map = subject->mmap != nullptr ? subject->mmap : ::mmap;
  const auto unmap = subject->munmap != nullptr ? subject->munmap : ::munmap;
  into.map_unmap = each(some, [&] {
    void* const page = map(nullptr, HEIRLOCK_SUBJECT_MAX_SIZE, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(page == MAP_FAILED ? ENOMEM : 0);
    must(unmap(page, HEIRLOCK_SUBJECT_MAX_SIZE));
  });
  into.thread_exit = each(few, [&] {
    std::thread([&] {
      enter();
      use();
    }).join();
  });
  into.destroy = each(some, [&] {
    if (subject->destroy != nullptr) must(subject->destroy(lock));
    must(subject->init(lock));
  });
  into.complete = true;
}

sample measured_in_a_child(const costed_subject& subject) {
  const shared_page result;
  auto& into = *static_cast<sample*>(result.get());
  require_control_of_children();
  const pid_t child = fork();
  if (child < 0) throw_errno("fork");
  if (child == 0) {
    measure(subject.library.c_str(), into);
    std::_Exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw_errno("waiting for a measurement");
  check_interrupt();
  if (!into.complete)
    throw trouble(
        fmt::format("the cost of {} cannot be measured: an operation of it failed", subject.name));
  return into;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

} // namespace

std::vector<subject_costs> measure_costs(const std::vector<costed_subject>& subjects,
                                         unsigned rounds) {
  std::vector<std::vector<sample>> samples(subjects.size());
  for (unsigned round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < subjects.size(); ++i)
      samples[i].push_back(measured_in_a_child(subjects[i]));
  std::vector<subject_costs> costs;
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    const auto of = [&](double sample::*field) {
      std::vector<double> values;
      for (const sample& s : samples[i])
        values.push_back(s.*field);
      return median(values);
    };
    costs.push_back({subjects[i].name, of(&sample::lock_unlock), of(&sample::destroy),
                     of(&sample::map_unmap), of(&sample::thread_exit)});
  }
  return costs;
}

} // namespace heirlock::lab
