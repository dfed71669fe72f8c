// SPDX-License-Identifier: Apache-2.0
// Whether a way of widening works here, and if not, why.
#include "lab/race/race.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "lab/race/trap.hpp"

namespace heirlock::lab::race {
namespace {

class scratch_page {
 public:
  scratch_page()
      : size_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))),
        page_(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (page_ == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    std::memset(page_, 1, size_);
  }
  scratch_page(const scratch_page&) = delete;
  scratch_page& operator=(const scratch_page&) = delete;
  ~scratch_page() { ::munmap(page_, size_); }
  [[nodiscard]] void* data() const { return page_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::size_t size_;
  void* page_;
};

std::string setting(const char* path) {
  std::ifstream file(path);
  std::string value;
  return file >> value ? value : "unknown";
}

std::string advice(widening way, int error) {
  if (way == widening::protect)
    return error == EPERM || error == EACCES ? "a seccomp filter or security module forbids it"
                                             : "";
  switch (error) {
  case ENOSYS:
    return "the kernel is built without CONFIG_USERFAULTFD, or a seccomp filter hides the call";
  case EPERM:
    return fmt::format(
        "a seccomp filter (as of most containers) or the kernel's settings forbid it: run "
        "outside of the filter, or, before Linux 5.11, set vm.unprivileged_userfaultfd to 1 "
        "(it is {})",
        setting("/proc/sys/vm/unprivileged_userfaultfd"));
  case EINVAL:
    return "write protection needs Linux 5.7 and an architecture that has it";
  default:
    return "";
  }
}

} // namespace

std::unique_ptr<trap> make_trap(widening way, void* page, std::size_t size) {
  return way == widening::protect ? make_protect_trap(page, size)
                                  : make_userfaultfd_trap(page, size);
}

availability probe(widening way) {
  if (way == widening::best) {
    availability first = probe(widening::userfaultfd);
    if (first.works) return first;
    availability second = probe(widening::protect);
    if (second.works) return second;
    return {false, first.reason + "; " + second.reason};
  }
  try {
    const scratch_page page;
    const auto one = make_trap(way, page.data(), page.size());
    one->arm();
    one->release();
    return {true, ""};
  } catch (const std::system_error& refusal) {
    const int error = refusal.code().value();
    const std::string hint = advice(way, error);
    return {false, fmt::format("{} (errno {}){}{}", refusal.what(), error, hint.empty() ? "" : ": ",
                               hint)};
  }
}

} // namespace heirlock::lab::race
