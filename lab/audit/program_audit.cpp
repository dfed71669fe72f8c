// SPDX-License-Identifier: Apache-2.0
#include "lab/audit/program_audit.hpp"

#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>

#include "lab/audit/instruction.hpp"
#include "lab/process/command.hpp"
#include "lab/process/mappings.hpp"
#include "lab/process/orphans.hpp"
#include "lab/process/remote_memory.hpp"
#include "lab/process/robust_list.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

using clock = std::chrono::steady_clock;

// Somebody who sleeps between two things that he does is not at rest: so long nobody may have run.
constexpr std::chrono::milliseconds rest_shown_by{50};
// A call with more instructions is not audited: each of them is a run.
constexpr std::size_t longest_call = 100'000;
// A program whose way depends on chance gets so many chances to come to a kill point.
constexpr unsigned attempts = 3;

// What sh(1) exits with when it cannot run what it was told.
constexpr int shell_not_executable = 126;
constexpr int shell_not_found = 127;

// The stops of the call, as the first run saw them.
struct call_stop {
  remote_address pc;
  bool asleep = false;
};

machine_code code_at(thread_id process, remote_address pc) {
  machine_code code;
  for (std::size_t length = longest_instruction; length > 0; --length)
    if (try_read_memory(process, pc, std::span(code.bytes).first(length))) break;
  return code;
}

// "glibc 2.36" for a glibc, which says so in its data; else the file that looks like the C library.
std::string libc_of(thread_id process) {
  for (const mapping& m : mappings_of(process)) {
    const std::string name = std::filesystem::path(m.path).filename();
    if (name.starts_with("ld-musl")) return "musl (" + m.path + ")";
    if (!name.starts_with("libc.so") && !name.starts_with("libc-")) continue;
    std::ifstream file(m.path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    constexpr std::string_view mark = "stable release version ";
    const std::size_t at = text.find(mark);
    if (at == std::string::npos) return m.path;
    const std::size_t from = at + mark.size();
    std::size_t to = text.find_first_not_of("0123456789.", from);
    while (to != std::string::npos && to > from && text[to - 1] == '.')
      --to;
    return "glibc " + text.substr(from, to - from);
  }
  return "no shared C library";
}

class program_audit {
 public:
  program_audit(const program_call& what, const program_audit_options& options)
      : what_(what), options_(options), places_(what.function) {}

  program_report perform();

 private:
  void trace();
  void judge(program_kill_point& point);
  bool walk_to(program& run, std::size_t target);
  void judge_aftermath(program& run, thread_id victim, program_kill_point& point);
  void watch_survivors(program& run);
  [[noreturn]] void fail_to_arrive(program& run, program::arrival how);

  const orphan_collector orphans_;
  const program_call& what_;
  const program_audit_options& options_;
  function_places places_;
  disassembler decoder_;
  std::vector<call_stop> way_;
  program_report report_;
};

void program_audit::fail_to_arrive(program& run, program::arrival how) {
  const std::string limit =
      fmt::format("{} s (--timeout)", std::chrono::duration<double>(what_.patience).count());
  const std::string end = how == program::arrival::program_ended
                              ? fmt::format("it {}", run.first_end().describe())
                              : fmt::format("it was still running after {}", limit);
  if (!places_.was_found())
    throw trouble(fmt::format(
        "no function {} in {} ({}). Searched when the program was at its entry point: {}. A "
        "library "
        "that is loaded later (dlopen) is not searched; a static or inlined function has no symbol "
        "in a stripped file",
        what_.function, what_.command[0], end, places_.searched()));
  if (run.calls_seen() == 0)
    throw trouble(fmt::format("{} never called {}: {}", what_.command[0], what_.function, end));
  throw trouble(fmt::format("{} called {} {} time{} only, not {}: {}", what_.command[0],
                            what_.function, run.calls_seen(), run.calls_seen() == 1 ? "" : "s",
                            what_.number, end));
}

void program_audit::trace() {
  program run(what_, places_);
  if (const auto how = run.run_to_call(); how != program::arrival::at_call)
    fail_to_arrive(run, how);
  tracee& victim = run.victim();
  const call_frame frame = frame_at_entry(victim.id());
  // Symbols are read while the process is there.
  const symbol_table symbols(victim.process());
  report_.libc = libc_of(victim.process());
  const auto add = [&](remote_address pc, bool asleep) {
    program_kill_point point;
    point.step = static_cast<unsigned>(way_.size());
    point.asleep = asleep;
    point.where = symbols.locate(pc);
    point.instruction = decoder_.decode(pc, code_at(victim.process(), pc)).text;
    report_.kill_points.push_back(std::move(point));
    way_.push_back({pc, asleep});
  };
  for (;;) {
    const remote_address pc = victim.regs().pc();
    add(pc, false);
    if (way_.size() > longest_call)
      throw trouble(fmt::format("call {} of {} has not returned after {} instructions: name a "
                                "function that does less",
                                what_.number, what_.function, longest_call));
    step_end end = run.step();
    if (end == step_end::asleep) {
      add(pc, true);
      end = run.await_step(what_.patience);
    }
    if (end == step_end::asleep) report_.end = call_end_kind::waits;
    if (end == step_end::left) report_.end = call_end_kind::left;
    if (end != step_end::at_instruction || frame.has_returned(victim.regs())) return;
  }
}

bool program_audit::walk_to(program& run, std::size_t target) {
  tracee& victim = run.victim();
  std::size_t at = 0;
  while (victim.regs().pc() == way_[at].pc) {
    if (at == target) return true;
    // The stop inside a system call comes after the one before it, at the same place.
    const bool may_sleep = at + 1 < way_.size() && way_[at + 1].asleep;
    step_end end = run.step();
    if (may_sleep) ++at;
    if (may_sleep && at == target) return end == step_end::asleep;
    if (end == step_end::asleep) end = run.await_step(what_.patience);
    if (end != step_end::at_instruction || ++at >= way_.size()) return false;
  }
  return false;
}

void program_audit::watch_survivors(program& run) {
  const auto deadline = clock::now() + options_.check_timeout;
  auto at_rest_since = clock::now();
  for (unsigned round = 0; clock::now() < deadline; ++round) {
    run.serve_and_rest(round);
    if (run.is_everybody_gone()) return;
    if (!run.is_at_rest()) at_rest_since = clock::now();
    if (clock::now() - at_rest_since > rest_shown_by) return;
  }
}

void program_audit::judge_aftermath(program& run, thread_id victim, program_kill_point& point) {
  point.what = verdict::ok;
  if (options_.check.empty()) {
    watch_survivors(run);
  } else {
    shell_command check(options_.check, {{"HEIRLOCK_KILL_POINT", std::to_string(point.step)},
                                         {"HEIRLOCK_VICTIM_PID", std::to_string(victim.value)}});
    const auto deadline = clock::now() + options_.check_timeout;
    unsigned round = 0;
    while (!check.poll() && clock::now() < deadline)
      run.serve_and_rest(round++);
    const std::string said =
        check.output().empty() ? std::string() : fmt::format("; it said:\n{}", check.output());
    if (!check.poll()) {
      point.what = verdict::stuck;
      point.note = fmt::format("the check did not end within {} s{}",
                               std::chrono::duration<double>(options_.check_timeout).count(), said);
    } else if (check.status() == shell_not_found || check.status() == shell_not_executable) {
      throw trouble(fmt::format("the check command could not be run (/bin/sh -c '{}' {}){}",
                                options_.check, check.describe_end(), said));
    } else if (!check.succeeded()) {
      point.what = verdict::check_failed;
      point.note = fmt::format("the check {}{}", check.describe_end(), said);
    }
    run.serve();
  }
  if (const auto crash = run.crash()) {
    point.what = verdict::crashed;
    point.note = *crash + (point.note.empty() ? "" : "; " + point.note);
  }
}

void program_audit::judge(program_kill_point& point) {
  for (unsigned attempt = 0; attempt < attempts; ++attempt) {
    program run(what_, places_);
    if (run.run_to_call() != program::arrival::at_call || !walk_to(run, point.step)) continue;
    const thread_id thread = run.victim().id();
    const thread_id process = run.victim().process();
    std::optional<remote_word> word;
    if (const auto where = pending_word_of(thread)) {
      word.emplace(process, *where);
      pending_look look;
      look.word_at = *where;
      look.before = word->read().value_or(0);
      look.is_private = word->is_private();
      look.is_victims = (look.before & FUTEX_TID_MASK) == static_cast<std::uint32_t>(thread.value);
      point.pending = look;
    }
    run.kill_victim();
    if (word) point.pending->after = word->read();
    judge_aftermath(run, process, point);
    ++report_.verdicts[*point.what];
    return;
  }
  report_.other_way.push_back(point.step);
  point.note = "not reached: the program went another way than in the first run";
}

program_report program_audit::perform() {
  const auto start = clock::now();
  utsname kernel = {};
  uname(&kernel);
  report_.kernel = kernel.release;
  report_.what = what_;
  report_.check = options_.check;
  trace();
  const std::size_t count = report_.kill_points.size();
  if (options_.kill_point && *options_.kill_point >= count)
    throw trouble(
        fmt::format("kill point {} is out of range: call {} of {} has kill points 0 to {}",
                    *options_.kill_point, what_.number, what_.function, count - 1));
  for (program_kill_point& point : report_.kill_points) {
    if (options_.progress) options_.progress(point.step, count);
    if (!options_.kill_point || *options_.kill_point == point.step) judge(point);
    orphans_.end_all();
  }
  // Silence here would pass for a good verdict.
  if (count > 0 && report_.verdicts.empty())
    throw trouble(fmt::format(
        "nothing was judged: in no run after the first did the program go the same way to "
        "call {} of {}, which took {} instructions; it must set up its files and processes "
        "afresh in each run",
        what_.number, what_.function, count));
  report_.seconds = std::chrono::duration<double>(clock::now() - start).count();
  return std::move(report_);
}

} // namespace

program_report audit_program(const program_call& what, const program_audit_options& options) {
  return program_audit(what, options).perform();
}

} // namespace heirlock::lab
