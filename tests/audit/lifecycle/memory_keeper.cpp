// SPDX-License-Identifier: Apache-2.0
#include "tests/audit/lifecycle/memory_keeper.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lab/process/thread_state.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

constexpr std::size_t page_size = 4096;
constexpr timespec pause_between_looks = {0, 100'000};

bool somebody_waits_for_a_file_lock() {
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);)
    if (line.find("->") != std::string::npos) return true;
  return false;
}

} // namespace

std::unique_ptr<memory_keeper> memory_keeper::make() {
  file_descriptor faults(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)));
  if (!faults) return nullptr;
  return std::unique_ptr<memory_keeper>(new memory_keeper(std::move(faults)));
}

memory_keeper::memory_keeper(file_descriptor faults)
    : faults_(std::move(faults)), halting_page_(::mmap(nullptr, page_size, PROT_READ | PROT_WRITE,
                                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
  uffdio_api api = {};
  api.api = UFFD_API;
  uffdio_register range = {};
  range.range = {reinterpret_cast<std::uint64_t>(halting_page_), page_size};
  range.mode = UFFDIO_REGISTER_MODE_MISSING;
  if (halting_page_ == MAP_FAILED || ::ioctl(faults_.get(), UFFDIO_API, &api) != 0 ||
      ::ioctl(faults_.get(), UFFDIO_REGISTER, &range) != 0)
    throw_errno("userfaultfd");
}

memory_keeper::~memory_keeper() {
  let_go();
  ::munmap(halting_page_, page_size);
}

void memory_keeper::keep(thread_id process) {
  let_go();
  ::madvise(halting_page_, page_size, MADV_DONTNEED);
  enough_ = false;
  const thread_id tracer = {static_cast<pid_t>(::syscall(SYS_gettid))};
  reader_ = std::thread([=, this] { read_of(process); });
  pollfd halted = {faults_.get(), POLLIN, 0};
  if (::poll(&halted, 1, 20'000) != 1) throw trouble("the reader of /proc did not come to a halt");
  watcher_ = std::thread([=, this] { wait_for_a_waiter(tracer); });
}

void memory_keeper::read_of(thread_id process) const {
  const file_descriptor about(
      ::open(fmt::format("/proc/{}/environ", process.value).c_str(), O_RDONLY | O_CLOEXEC));
  static_cast<void>(::read(about.get(), halting_page_, page_size));
}

void memory_keeper::wait_for_a_waiter(thread_id tracer) {
  const auto wait_until = [&](const auto& condition) {
    while (!enough_ && !condition())
      ::nanosleep(&pause_between_looks, nullptr);
  };
  wait_until(somebody_waits_for_a_file_lock);
  const unsigned long slept_before = sleeps_of(tracer);
  wait_until([&] { return sleeps_of(tracer) >= slept_before + 3; });
  if (!enough_) ++awaited_;
  let_the_reader_go_on();
}

void memory_keeper::let_the_reader_go_on() const {
  uffdio_zeropage page = {};
  page.range = {reinterpret_cast<std::uint64_t>(halting_page_), page_size};
  ::ioctl(faults_.get(), UFFDIO_ZEROPAGE, &page); // fails where it has been done
}

void memory_keeper::let_go() {
  enough_ = true;
  if (watcher_.joinable()) watcher_.join();
  if (!reader_.joinable()) return;
  let_the_reader_go_on();
  reader_.join();
}

} // namespace heirlock::lab
