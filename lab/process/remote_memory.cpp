// SPDX-License-Identifier: Apache-2.0
#include "lab/process/remote_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>

#include "lab/process/file_descriptor.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {

bool try_read_memory(thread_id process, remote_address from, std::span<std::byte> into) {
  const iovec local = {into.data(), into.size()};
  const iovec remote = {reinterpret_cast<void*>(from.value), into.size()};
  return process_vm_readv(process.value, &local, 1, &remote, 1, 0) ==
         static_cast<ssize_t>(into.size());
}

void read_memory(thread_id process, remote_address from, std::span<std::byte> into) {
  if (!try_read_memory(process, from, into))
    throw_errno(fmt::format("reading {} bytes at {:#x} of process {}", into.size(), from.value,
                            process.value));
}

bool try_write_memory(thread_id process, remote_address to, std::span<const std::byte> bytes) {
  const file_descriptor memory(
      ::open(fmt::format("/proc/{}/mem", process.value).c_str(), O_WRONLY | O_CLOEXEC));
  return memory && ::pwrite(memory.get(), bytes.data(), bytes.size(),
                            static_cast<off_t>(to.value)) == static_cast<ssize_t>(bytes.size());
}

void write_memory(thread_id process, remote_address to, std::span<const std::byte> bytes) {
  if (!try_write_memory(process, to, bytes))
    throw_errno(fmt::format("writing {} bytes at {:#x} of process {}", bytes.size(), to.value,
                            process.value));
}

} // namespace heirlock::lab
