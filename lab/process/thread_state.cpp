// SPDX-License-Identifier: Apache-2.0
#include "lab/process/thread_state.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>

#include "lab/process/file_descriptor.hpp"
#include "lab/process/trouble.hpp"

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

// proc(5): a thread that is blocked outside a system call has -1 for the number of its call.
bool sleeps_in_a_system_call(thread_id thread) {
  if (!is_asleep(thread)) return false;
  char buffer[512];
  const std::string_view text = read_proc(thread, "syscall", buffer);
  return !text.empty() && !text.starts_with("-1 ") && !text.starts_with("running");
}

namespace {

struct pending_call {
  long number = -1;
  std::array<unsigned long, 4> argument = {};

  bool waits_for_a_futex() const {
    if (number == SYS_futex_waitv) return true;
    if (number != SYS_futex) return false;
    const auto operation = argument[1] & FUTEX_CMD_MASK;
    return operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET ||
           operation == FUTEX_LOCK_PI || operation == FUTEX_LOCK_PI2 ||
           operation == FUTEX_WAIT_REQUEUE_PI;
  }
};

// proc(5): number arguments stack-pointer instruction-pointer, or "running".
std::optional<pending_call> pending_call_in(std::string_view text) {
  std::istringstream values{std::string(text)};
  pending_call call;
  values >> call.number;
  for (unsigned long& each : call.argument) {
    std::string prefixed;
    values >> prefixed;
    if (!prefixed.starts_with("0x")) return std::nullopt;
    std::from_chars(prefixed.data() + 2, prefixed.data() + prefixed.size(), each, 16);
  }
  return call;
}

} // namespace

bool sleeps_with_a_timeout(thread_id thread) {
  char buffer[512];
  const std::string_view text = read_proc(thread, "syscall", buffer);
  if (text.empty())
    throw trouble(fmt::format("/proc/{}/syscall cannot be read, so that nobody can tell whether a "
                              "sleep ends by itself",
                              thread.value));
  const auto call = pending_call_in(text);
  if (!call) return false;
  return call->number == SYS_nanosleep || call->number == SYS_clock_nanosleep ||
         (call->waits_for_a_futex() && call->argument[3] != 0);
}

bool sleeps_until_woken(thread_id thread) {
  char buffer[512];
  const auto call = pending_call_in(read_proc(thread, "syscall", buffer));
  if (!call) return false;
  // What is restarted under that number has a timeout.
  return call->waits_for_a_futex() || call->number == SYS_nanosleep ||
         call->number == SYS_clock_nanosleep || call->number == SYS_restart_syscall;
}

unsigned long sleeps_of(thread_id thread) {
  constexpr std::string_view field = "\nvoluntary_ctxt_switches:\t";
  char buffer[4096];
  const std::string_view text = read_proc(thread, "status", buffer);
  const std::size_t found = text.find(field);
  unsigned long count = 0;
  if (found != std::string_view::npos)
    std::from_chars(text.data() + found + field.size(), text.data() + text.size(), count);
  return count;
}

std::chrono::nanoseconds cpu_time(thread_id thread) {
  char buffer[128];
  const std::string_view text = read_proc(thread, "schedstat", buffer);
  long long on_cpu = 0;
  std::from_chars(text.data(), text.data() + text.size(), on_cpu);
  return std::chrono::nanoseconds(on_cpu);
}

} // namespace heirlock::lab
