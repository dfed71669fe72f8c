// SPDX-License-Identifier: Apache-2.0
#include "lab/process/remote_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lab/process/file_descriptor.hpp"
#include "lab/process/mappings.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

using vector_call = ssize_t (*)(pid_t, const iovec*, unsigned long, const iovec*, unsigned long,
                                unsigned long);

enum class attempt { done, no_such_memory, refused };

// With EFAULT and ESRCH the kernel says that the memory, or the process, is not there. Anything else is said of the
// call: a filter or a security module has refused it, or it is unknown here.
attempt by_system_call(vector_call call, thread_id process, remote_address where, std::byte* here,
                       std::size_t bytes) {
  const iovec local = {here, bytes};
  const iovec remote = {reinterpret_cast<void*>(where.value), bytes};
  const ssize_t copied = call(process.value, &local, 1, &remote, 1, 0);
  if (copied == static_cast<ssize_t>(bytes)) return attempt::done;
  if (copied < 0 && errno != EFAULT && errno != ESRCH) return attempt::refused;
  if (copied >= 0) errno = EFAULT;
  return attempt::no_such_memory;
}

std::string memory_file_of(thread_id process) {
  return fmt::format("/proc/{}/mem", process.value);
}

file_descriptor open_memory(thread_id process, int access) {
  return file_descriptor(::open(memory_file_of(process).c_str(), access | O_CLOEXEC));
}

// A tracer reads and writes that file whatever the protection of the pages.
bool is_permitted(thread_id process, remote_address where, std::size_t bytes,
                  bool mapping::*access) {
  const remote_address end = where + bytes;
  for (const mapping& m : mappings_of(process)) { // in the order of their addresses
    if (where >= end) break;
    if (where >= m.start && where < m.end && m.*access) where = m.end;
  }
  return where >= end;
}

[[noreturn]] void neither_way(thread_id process, int call_error, int file_error) {
  const auto text = [](int error) { return std::generic_category().message(error); };
  throw trouble(fmt::format(
      "the memory of process {} cannot be looked at: process_vm_readv(2) or process_vm_writev(2) "
      "is refused ({}), and so is {} ({}). A seccomp filter or security module forbids both: run "
      "outside of it (in a container: docker run --cap-add=SYS_PTRACE --security-opt "
      "seccomp=unconfined); or the process has made itself unreadable (PR_SET_DUMPABLE), then run "
      "as root",
      process.value, text(call_error), memory_file_of(process), text(file_error)));
}

// Where the system call is refused, `access` does its part with the file. Errors are told as the call would tell them.
template <class Access>
bool by_file(thread_id process, remote_address where, std::size_t bytes, bool mapping::*permission,
             int how, const Access& access) {
  const int call_error = errno;
  const file_descriptor memory = open_memory(process, how);
  if (!memory) {
    const int error = errno;
    const bool is_gone =
        (error == ENOENT || error == ESRCH) && ::access("/proc/self/mem", F_OK) == 0;
    if (!is_gone) neither_way(process, call_error, error);
    errno = ESRCH;
    return false;
  }
  const ssize_t copied = is_permitted(process, where, bytes, permission) ? access(memory.get()) : 0;
  if (copied == static_cast<ssize_t>(bytes)) return true;
  if (copied < 0 && errno != EIO && errno != EFAULT) neither_way(process, call_error, errno);
  errno = EFAULT;
  return false;
}

} // namespace

bool try_read_memory(thread_id process, remote_address from, std::span<std::byte> into) {
  const attempt outcome = by_system_call(process_vm_readv, process, from, into.data(), into.size());
  if (outcome != attempt::refused) return outcome == attempt::done;
  return by_file(process, from, into.size(), &mapping::readable, O_RDONLY, [&](int memory) {
    return ::pread(memory, into.data(), into.size(), static_cast<off_t>(from.value));
  });
}

void read_memory(thread_id process, remote_address from, std::span<std::byte> into) {
  if (!try_read_memory(process, from, into))
    throw_errno(fmt::format("reading {} bytes at {:#x} of process {}", into.size(), from.value,
                            process.value));
}

bool try_write_memory(thread_id process, remote_address to, std::span<const std::byte> bytes) {
  const file_descriptor memory = open_memory(process, O_WRONLY);
  return memory && ::pwrite(memory.get(), bytes.data(), bytes.size(),
                            static_cast<off_t>(to.value)) == static_cast<ssize_t>(bytes.size());
}

void write_memory(thread_id process, remote_address to, std::span<const std::byte> bytes) {
  if (!try_write_memory(process, to, bytes))
    throw_errno(fmt::format("writing {} bytes at {:#x} of process {}", bytes.size(), to.value,
                            process.value));
}

bool try_write_where_permitted(thread_id process, remote_address to,
                               std::span<const std::byte> bytes) {
  const attempt outcome = by_system_call(process_vm_writev, process, to,
                                         const_cast<std::byte*>(bytes.data()), bytes.size());
  if (outcome != attempt::refused) return outcome == attempt::done;
  return by_file(process, to, bytes.size(), &mapping::writable, O_WRONLY, [&](int memory) {
    return ::pwrite(memory, bytes.data(), bytes.size(), static_cast<off_t>(to.value));
  });
}

} // namespace heirlock::lab
