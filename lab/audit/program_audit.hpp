// SPDX-License-Identifier: Apache-2.0
// The exhaustive kill for a program that is not ours: one call of one of its functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lab/audit/program.hpp"
#include "lab/audit/symbols.hpp"
#include "lab/audit/verdict.hpp"

namespace heirlock::lab {

// What the kernel finds of the victim's pending operation, and what it makes of the word that it names.
struct pending_look {
  remote_address word_at;
  std::uint32_t before = 0;
  std::optional<std::uint32_t> after; // nullopt: it ended with the process, or cannot be read
  bool is_private = false;            // only the victim's process has mapped it
  bool is_victims = false;            // before the death the word held the victim's TID
};

// One kill point of the call.
struct program_kill_point {
  unsigned step = 0;
  bool asleep = false; // killed inside this instruction, a system call that sleeps
  code_location where;
  std::string instruction;
  std::optional<pending_look> pending;
  std::optional<verdict> what; // nullopt: not judged
  std::string note;
};

enum class call_end_kind {
  returned, // to its caller
  left,     // the thread ended, or its process became another program
  waits,    // it sleeps on, longer than anybody wants to wait
};

struct program_report {
  std::string kernel;
  std::string libc; // of the program
  program_call what;
  std::string check;                           // empty: none
  std::vector<program_kill_point> kill_points; // in the order of the call's way
  call_end_kind end = call_end_kind::returned;
  std::map<verdict, unsigned> verdicts;
  std::vector<unsigned>
      other_way; // kill points that were not reached: the program went another way
  double seconds = 0;
};

struct program_audit_options {
  std::string check; // empty: none
  std::chrono::milliseconds check_timeout{10'000};
  std::optional<unsigned> kill_point;                             // only this one
  std::function<void(std::size_t done, std::size_t of)> progress; // may throw
};

// 1. Run the program to the call and step through it: its stops are the kill points.
// 2. For each kill point: run the program afresh, bring it there, kill the victim's process, let the
//    check command judge while the program's other processes run on, and end those.
// Children that this process gets meanwhile by other means are taken for the program's.
program_report audit_program(const program_call& what, const program_audit_options& options);

} // namespace heirlock::lab
