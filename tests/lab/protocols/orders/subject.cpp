// SPDX-License-Identifier: Apache-2.0
// A robust mutex whose unlock does its steps in an order of the build's choice (unlock_in_order.S). For that it is
// compiled with a robust_mutex.hpp that leaves steps 1 and 2 out (steps_elsewhere.sed).
#include "lab/protocols/robust_list/robust_mutex.hpp"
#include "lab/protocols/rseq_rl_cs/thread_area.hpp"
#include "lab/protocols/subject_table.hpp"

extern "C" void heirlock_unlock_in_order(std::uint32_t* word, void* head, std::uint64_t* field)
    __attribute__((visibility("hidden")));

namespace {

using namespace heirlock::lab;

struct ordered_release {
  static int thread_enter() noexcept { return enter_thread_area(); }
  static void release(std::uint32_t& word, robust::thread_list& list) noexcept {
    heirlock_unlock_in_order(&word, &list.head, &this_thread_area().rseq_rl_cs);
  }
};

// What the assembler knows of the layouts.
static_assert(offsetof(robust::list_head, pending) == 16);
static_assert(offsetof(robust::list_node, next) == 0 && offsetof(robust::list_node, back) == 8);

struct mutex : robust::robust_mutex<ordered_release> {
  static int thread_enter() noexcept {
    if (const int error = robust_mutex::thread_enter(); error != 0) return error;
    return robust::this_thread_list().head.futex_offset == -8 ? 0 : EINVAL;
  }
};

} // namespace

HEIRLOCK_PROTOCOL_SUBJECT_UNDER("rseq-rl-cs", in_order, mutex, "in-order",
                                "rseq-rl-cs, its steps in another order")
