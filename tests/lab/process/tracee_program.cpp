// SPDX-License-Identifier: Apache-2.0
//
// The program that the tests of lab/process trace:  tracee_program PAGE_FD MODE [COUNT]
// It comes to a landmark (a signal) wherever a test looks at it.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "tests/lab/process/shared_page.hpp"

using heirlock::lab::process_test::landmark;
using heirlock::lab::process_test::shared_page;
using heirlock::lab::process_test::unknown_system_call;

extern "C" void straight_line();

namespace {

shared_page* page = nullptr;
int page_fd = -1;
unsigned count = 0;

std::uint64_t address_of(const volatile void* object) {
  return reinterpret_cast<std::uint64_t>(object);
}

[[noreturn]] void rest_for_ever() {
  for (;;)
    pause();
}

// Called count times by each thread that counts; the number of the visit is the argument.
[[gnu::noinline]] void visited(std::uint64_t number) {
  asm volatile("" : : "r"(number) : "memory");
}

void* count_visits(void*) {
  raise(landmark);
  for (std::uint64_t number = 1; number <= count; ++number)
    visited(number);
  raise(landmark);
  rest_for_ever();
}

void* rest(void*) {
  rest_for_ever();
}

void make_threads(void* (*body)(void*), unsigned how_many) {
  for (unsigned i = 0; i < how_many; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, body, nullptr) != 0) abort();
  }
}

void hold_a_robust_mutex() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  if (pthread_mutex_init(&page->mutex, &attributes) != 0) abort();
  if (pthread_mutex_lock(&page->mutex) != 0) abort();
}

// A list of its own in place of the C library's: empty, with an operation pending on a lock with priority
// inheritance, which the kernel marks in bit 0 of the entry.
struct pending_list {
  robust_list entry;
  robust_list_head head;
} pending;

void have_an_operation_pending() {
  pending.head.list.next = &pending.head.list;
  pending.head.list_op_pending =
      reinterpret_cast<robust_list*>(reinterpret_cast<std::uintptr_t>(&pending.entry) | 1);
  if (syscall(SYS_set_robust_list, &pending.head, sizeof pending.head) != 0) abort();
  page->addresses[0] = address_of(&pending.head);
  page->addresses[1] = address_of(&pending.entry);
}

// On a description of its own: the one that it has inherited shares the locks of the test.
void lock_a_file() {
  const int own = open(("/proc/self/fd/" + std::to_string(page_fd)).c_str(), O_RDWR | O_CLOEXEC);
  if (own < 0) abort();
  raise(landmark);
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(own, F_OFD_SETLKW, &lock) != 0) abort();
  raise(landmark);
  rest_for_ever();
}

char unused_room[256];

const volatile std::uint64_t constant_in_read_only_memory = 1;
volatile std::uint64_t variable = 2;

std::optional<int> number_in(const char* text) {
  int number = 0;
  const char* const end = text + std::strlen(text);
  const auto [last, error] = std::from_chars(text, end, number);
  if (error != std::errc() || last != end || number < 0) return std::nullopt;
  return number;
}

int serve(std::string_view mode) {
  if (mode == "rest") {
    raise(landmark);
    rest_for_ever();
  } else if (mode == "exit") {
    return static_cast<int>(count);
  } else if (mode == "straight") {
    page->addresses[0] = reinterpret_cast<std::uint64_t>(&straight_line);
    raise(landmark);
    rest_for_ever();
  } else if (mode == "sleep") {
    raise(landmark);
    std::uint32_t word = 0;
    for (;;)
      syscall(SYS_futex, &word, FUTEX_WAIT, 0, nullptr, nullptr, 0);
  } else if (mode == "file-lock") {
    lock_a_file();
  } else if (mode == "spin") {
    raise(landmark);
    for (;;)
      page->value.fetch_add(1, std::memory_order_relaxed);
  } else if (mode == "fork") {
    if (fork() < 0) abort();
    rest_for_ever();
  } else if (mode == "fork-and-tell") {
    page->addresses[0] = address_of(&unused_room);
    raise(landmark);
    const pid_t child = fork();
    if (child == 0) {
      page->addresses[1] = static_cast<std::uint64_t>(gettid());
      raise(landmark);
      rest_for_ever();
    }
    page->value = static_cast<std::uint64_t>(child > 0 ? child : -errno);
    raise(landmark);
    rest_for_ever();
  } else if (mode == "threads") {
    make_threads(rest, count);
    raise(landmark);
    rest_for_ever();
  } else if (mode == "visits") {
    page->addresses[0] = reinterpret_cast<std::uint64_t>(&visited);
    make_threads(count_visits, 1);
    count_visits(nullptr);
  } else if (mode == "hold") {
    hold_a_robust_mutex();
    raise(landmark);
    rest_for_ever();
  } else if (mode == "pending") {
    have_an_operation_pending();
    raise(landmark);
    rest_for_ever();
  } else if (mode == "no-list") {
    if (syscall(SYS_set_robust_list, nullptr, sizeof(robust_list_head)) != 0) abort();
    raise(landmark);
    rest_for_ever();
  } else if (mode == "unknown-call") {
    raise(landmark);
    page->value = static_cast<std::uint64_t>(syscall(unknown_system_call, 7, 9));
    raise(landmark);
    rest_for_ever();
  } else if (mode == "data") {
    page->addresses[0] = address_of(&constant_in_read_only_memory);
    page->addresses[1] = address_of(&variable);
    raise(landmark);
    page->value = constant_in_read_only_memory + variable;
    raise(landmark);
    rest_for_ever();
  }
  return 2;
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const auto descriptor = number_in(argv[1]);
  const auto wanted = argc > 3 ? number_in(argv[3]) : 0;
  if (!descriptor || !wanted) return 2;
  page_fd = *descriptor;
  void* const mapped =
      mmap(nullptr, sizeof(shared_page), PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
  if (mapped == MAP_FAILED) return 2;
  page = static_cast<shared_page*>(mapped);
  count = static_cast<unsigned>(*wanted);
  return serve(argv[2]);
}
