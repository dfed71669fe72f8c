// SPDX-License-Identifier: Apache-2.0
#include "lab/kernel/tracee_task.hpp"

#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "lab/kernel/kept_memory.hpp"
#include "lab/kernel/thread_records.hpp"
#include "lab/kernel/tracee_cpu.hpp"
#include "lab/process/remote_memory.hpp"
#include "lab/process/robust_list.hpp"
#include "lab/process/thread_state.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab::kernel {
namespace {

template <class T>
std::optional<T> read_word(thread_id thread, remote_address from) {
  T value = 0;
  if (!try_read_memory(thread, from, std::as_writable_bytes(std::span(&value, 1))))
    return std::nullopt;
  return value;
}

template <class T>
bool write_word(thread_id thread, remote_address to, T value) {
  return try_write_where_permitted(thread, to, std::as_bytes(std::span(&value, 1)));
}

// The TID in the innermost PID namespace of the thread: the one that its locks are marked with.
std::uint32_t own_tid_of(thread_id thread) {
  std::ifstream status(fmt::format("/proc/{}/status", thread.value));
  for (std::string line; std::getline(status, line);) {
    std::istringstream fields(line);
    std::string name;
    fields >> name;
    if (name != "NSpid:") continue;
    std::uint32_t id = 0;
    while (fields >> id) {
    }
    return id;
  }
  throw trouble(fmt::format("/proc/{}/status has no NSpid line", thread.value));
}

} // namespace

std::optional<std::uint32_t> tracee_memory::read32(remote_address from) {
  return read_word<std::uint32_t>(thread_, from);
}

std::optional<std::uint64_t> tracee_memory::read64(remote_address from) {
  return read_word<std::uint64_t>(thread_, from);
}

exchange_outcome tracee_memory::compare_exchange32(remote_address at, std::uint32_t expected,
                                                   std::uint32_t desired) {
  const memory_area* const area = view_.area_with(at);
  if (area == nullptr || !area->writable) return exchange_outcome::fault;
  if (std::uint32_t* const word = view_.word(at)) {
    const bool stored =
        std::atomic_ref<std::uint32_t>(*word).compare_exchange_strong(expected, desired);
    return stored ? exchange_outcome::stored : exchange_outcome::changed;
  }
  const auto seen = read32(at);
  if (!seen) return exchange_outcome::fault;
  if (*seen != expected) return exchange_outcome::changed;
  return write_word(thread_, at, desired) ? exchange_outcome::stored : exchange_outcome::fault;
}

bool tracee_memory::write64(remote_address to, std::uint64_t value) {
  return write_word(thread_, to, value);
}

void tracee_memory::wake_one(remote_address word) {
  if (std::uint32_t* const here = view_.word(word))
    syscall(SYS_futex, here, FUTEX_WAKE, 1, nullptr, nullptr, 0);
  if (after_wake_) after_wake_();
}

task task_of(thread_id thread, task_memory& memory) {
  task t = {memory, 0, {}, {}, {}, 0};
  t.tid = own_tid_of(thread);
  t.cpu = cpu_state_of(registers::of(thread));
  t.list_head = robust_list_head_of(thread);
  __ptrace_rseq_configuration rseq = {};
  // A kernel without rseq, or a thread without an area: then there is none.
  if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, thread.value, reinterpret_cast<void*>(sizeof rseq),
             &rseq) > 0 &&
      rseq.rseq_abi_pointer != 0) {
    t.rseq_area = remote_address{rseq.rseq_abi_pointer};
    t.rseq_area_size = rseq.rseq_abi_size;
  }
  return t;
}

namespace {

template <class Visit>
void for_each_number_in(const std::string& directory, Visit visit) {
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator(directory, gone)) {
    const std::string name = entry.path().filename();
    if (std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c) != 0; }))
      visit(std::stoi(name));
  }
}

// Those that end meanwhile have no list any more.
std::vector<sibling_state> siblings_of(const tracee& caller) {
  std::vector<sibling_state> found;
  for_each_number_in(fmt::format("/proc/{}/task", caller.process().value), [&](pid_t id) {
    const thread_id thread = {id};
    if (thread == caller.id()) return;
    tracee_memory memory(thread);
    task t = {memory, 0, {}, robust_list_head_of(thread), {}, 0};
    found.push_back({pending_operation_of(t), sleeps_in_a_system_call(thread)});
  });
  return found;
}

// ptrace(2) binds a tracee to one thread of the tracer.
thread_records<registered_lists>& lists_beside() {
  static thread_local thread_records<registered_lists> all;
  return all;
}

// Between the reaping of a process and the walks of its threads.
thread_records<kept_pages>& kept_from_the_reaper() {
  static thread_local thread_records<kept_pages> all;
  return all;
}

// Of the processes of the caller's group, which are all that a stage has made and that its shared memory can be
// mapped by. A kernel finds them from the page.
class tracee_pages final : public reverse_mapping {
 public:
  explicit tracee_pages(thread_id caller) : caller_(caller) {}

  bool visit_sharers(remote_address word, const visitor& visit) override {
    shared_view view(caller_);
    const memory_area* const area = view.area_with(word);
    if (area == nullptr || !area->shared) return false;
    const std::uint64_t in_file = area->offset + (word.value - area->begin);
    const pid_t group = getpgid(caller_.value);
    for_each_number_in("/proc", [&](pid_t process) {
      if (getpgid(process) != group) return;
      for (const memory_area& there : areas_of(process))
        if (there.shows(*area, in_file))
          for_each_number_in(fmt::format("/proc/{}/task", process), [&](pid_t id) {
            tracee_memory memory(thread_id{id});
            task of = {memory, 0, {}, robust_list_head_of({id}), {}, 0};
            visit(of, {there.begin + (in_file - there.offset)});
          });
    });
    return true;
  }

 private:
  thread_id caller_;
};

} // namespace

system_calls_in_force::system_calls_in_force(const policy& rules) {
  if (!rules.has_system_calls()) return;
  made_here_.emplace([&rules](thread_id caller, const system_call& call) {
    tracee_memory memory(caller);
    task t = {memory, 0, {}, {}, {}, 0};
    t.more_lists = lists_beside().of(caller);
    const registered_lists before = t.more_lists;
    tracee_pages pages(caller);
    const auto result = rules.make_system_call(t, call, pages);
    if (t.more_lists != before) lists_beside().keep(caller, t.more_lists);
    return result;
  });
}

exit_hook exit_hook_of(const policy& rules) {
  if (!rules.replaces_the_kernel()) return {};
  return [&rules](tracee& dying) {
    // As where there are CPUs enough: whom the walk wakes does not wait for its end.
    tracee_memory real(dying.id(), [&dying] { dying.let_others_go_on(); });
    kept_memory memory(real, kept_from_the_reaper().take(dying.id()));
    task t = task_of(dying.id(), memory);
    t.more_lists = lists_beside().take(dying.id());
    rules.thread_exits(t);
    task as_it_is = {real, t.tid, t.cpu, t.list_head, {}, 0};
    // A head that cannot be read (its page has been reaped, say) leads the kernel nowhere.
    if (!empty_robust_list(as_it_is) && real.read64(*t.list_head))
      throw trouble(fmt::format(
          "policy {}: the robust list of thread {} cannot be taken from the kernel: its "
          "head at {:#x} is not writable",
          rules.name(), dying.id().value, t.list_head->value));
  };
}

std::function<bool(tracee&)> reaping_hook_of(const policy& rules) {
  if (!rules.spares_from_the_reaper()) return {};
  return [&rules](tracee& dying) {
    tracee_memory real(dying.id());
    watched_memory watched(real);
    task t = task_of(dying.id(), watched);
    rules.before_reaping(t);
    shared_view areas(dying.id());
    kept_pages kept;
    for (const std::uint64_t page : watched.pages()) {
      const memory_area* const area = areas.area_with({page});
      if (area == nullptr || area->shared)
        continue; // nothing there, or nothing that a reaper takes
      std::vector<std::byte> bytes(page_bytes());
      if (try_read_memory(dying.id(), {page}, bytes)) kept.emplace(page, std::move(bytes));
    }
    const bool any = !kept.empty();
    kept_from_the_reaper().keep(dying.id(), std::move(kept));
    return any;
  };
}

std::function<exit_state(thread_id)> exit_state_of(const policy& rules) {
  if (!rules.replaces_the_kernel()) return {};
  return [&rules](thread_id thread) {
    exit_state found;
    for (const auto& [index, list] : lists_beside().of(thread))
      found.lists.push_back(list);
    tracee_memory memory(thread);
    task t = task_of(thread, memory);
    found.standing = rules.standing(t);
    return found;
  };
}

exit_hook signal_hook_of(const policy& rules) {
  if (!rules.replaces_the_kernel()) return {};
  return [&rules](tracee& interrupted) {
    tracee_memory memory(interrupted.id());
    task t = task_of(interrupted.id(), memory);
    rules.signal_arrives(t);
  };
}

delay_hook delay_hook_of(const policy& rules) {
  if (rules.serialised_calls().empty()) return {};
  return [&rules](tracee& caller) {
    __ptrace_syscall_info info = {};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, caller.id().value, reinterpret_cast<void*>(sizeof info),
               &info) <= 0) {
      if (errno == ESRCH) return false; // killed meanwhile
      throw_errno("PTRACE_GET_SYSCALL_INFO");
    }
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY ||
        std::ranges::find(rules.serialised_calls(), static_cast<long>(info.entry.nr)) ==
            rules.serialised_calls().end())
      return false;
    return rules.must_wait(siblings_of(caller));
  };
}

} // namespace heirlock::lab::kernel
