// SPDX-License-Identifier: Apache-2.0
#include "lab/process/thread_state.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <charconv>
#include <span>
#include <string_view>

#include "lab/process/file_descriptor.hpp"

namespace heirlock::lab {
namespace {

// The text of /proc/TID/NAME; empty when the thread is gone.
std::string_view read_proc(thread_id thread, const char* name, std::span<char> buffer) {
  char path[64];
  *fmt::format_to_n(path, sizeof path - 1, "/proc/{}/{}", thread.value, name).out = '\0';
  const file_descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  const ssize_t length = ::read(file.get(), buffer.data(), buffer.size());
  return length > 0 ? std::string_view(buffer.data(), static_cast<std::size_t>(length))
                    : std::string_view();
}

} // namespace

bool is_asleep(thread_id thread) {
  // proc(5): pid (comm) state ...; comm may hold any character, so the last ')' counts.
  char buffer[512];
  const std::string_view text = read_proc(thread, "stat", buffer);
  const std::size_t close = text.rfind(')');
  return close != std::string_view::npos && close + 2 < text.size() && text[close + 2] == 'S';
}

std::chrono::nanoseconds cpu_time(thread_id thread) {
  char buffer[128];
  const std::string_view text = read_proc(thread, "schedstat", buffer);
  long long on_cpu = 0;
  std::from_chars(text.data(), text.data() + text.size(), on_cpu);
  return std::chrono::nanoseconds(on_cpu);
}

} // namespace heirlock::lab
