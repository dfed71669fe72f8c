// SPDX-License-Identifier: Apache-2.0
#include "lab/process/robust_list.hpp"

#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "lab/process/remote_memory.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {

std::optional<remote_address> robust_list_head_of(thread_id thread) {
  robust_list_head* head = nullptr;
  std::size_t length = 0;
  if (syscall(SYS_get_robust_list, thread.value, &head, &length) != 0) {
    if (errno == ESRCH) return std::nullopt; // it has ended
    throw trouble(fmt::format(
        "the robust list of thread {} cannot be found: get_robust_list(2) is refused ({}), and "
        "nothing else tells what the kernel would do when the thread dies. A seccomp filter or "
        "security module forbids it: run outside of it (in a container: docker run "
        "--cap-add=SYS_PTRACE "
        "--security-opt seccomp=unconfined); or the process has made itself unreadable "
        "(PR_SET_DUMPABLE), then run as root",
        thread.value, std::generic_category().message(errno)));
  }
  if (head == nullptr || length != sizeof(robust_list_head)) return std::nullopt;
  return remote_address{reinterpret_cast<std::uint64_t>(head)};
}

std::size_t registered_list::head_bytes() const {
  return narrow ? sizeof(narrow_list_head) : sizeof(robust_list_head);
}

remote_address pending_operation_of(thread_id thread) {
  const auto head = robust_list_head_of(thread);
  return head ? pending_operation_of(thread, {*head}) : remote_address{};
}

remote_address pending_operation_of(thread_id thread, const registered_list& list) {
  const auto read = [&](auto pending, std::size_t in_head) -> std::uint64_t {
    try_read_memory(thread, list.head + in_head, std::as_writable_bytes(std::span(&pending, 1)));
    return pending;
  };
  const std::uint64_t pending =
      list.narrow ? read(std::uint32_t{0}, offsetof(narrow_list_head, list_op_pending))
                  : read(std::uint64_t{0}, offsetof(robust_list_head, list_op_pending));
  // Bit 0 of an entry says that the lock is a priority-inheritance one.
  return {pending & ~std::uint64_t{1}};
}

std::optional<remote_address> pending_word_of(thread_id thread) {
  const remote_address entry = pending_operation_of(thread);
  if (entry.value == 0) return std::nullopt;
  long distance = 0;
  const auto head = robust_list_head_of(thread);
  if (!head || !try_read_memory(thread, *head + offsetof(robust_list_head, futex_offset),
                                std::as_writable_bytes(std::span(&distance, 1))))
    return std::nullopt;
  return entry + static_cast<std::uint64_t>(distance);
}

} // namespace heirlock::lab
