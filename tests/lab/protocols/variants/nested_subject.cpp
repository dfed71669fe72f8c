// SPDX-License-Identifier: Apache-2.0
// Variants whose unlock gets a signal at a fixed place, and whose handler locks and unlocks another robust lock: a
// transaction within a transaction. As the signal belongs to the path, the kill points are in the handler too.
#include <cerrno>
#include <csignal>

#include "tests/lab/protocols/variants/subject_of.hpp"
#include "tests/lab/protocols/variants/used_thread.hpp"

extern "C" void heirlock_rseq_rl_unlock_interrupted(std::uint32_t* word, void* pending,
                                                    std::uint64_t* field)
    __attribute__((visibility("hidden")));

namespace {

using namespace heirlock::lab;

struct interrupted_release {
  static int thread_enter() noexcept { return enter_thread_area(); }
  static void release(std::uint32_t& word, robust::thread_list& list) noexcept {
    heirlock_rseq_rl_unlock_interrupted(&word, const_cast<robust::list_node**>(&list.head.pending),
                                        &this_thread_area().rseq_rl_cs);
  }
};

constexpr bool handler_saves = VARIANT_HANDLER_SAVES;

void on_signal(int) {
  auto* const pending = variants::this_thread_list().head.pending;
  const std::uint64_t descriptor = this_thread_area().rseq_rl_cs;
  variants::another.lock();
  variants::another.unlock();
  if (!handler_saves) return;
  // In the order of the steps 1 and 3.
  variants::this_thread_list().head.pending = pending;
  *const_cast<volatile std::uint64_t*>(&this_thread_area().rseq_rl_cs) = descriptor;
}

int thread_enter() {
  struct sigaction action = {};
  sigemptyset(&action.sa_mask);
  action.sa_handler = on_signal;
  if (sigaction(SIGWINCH, &action, nullptr) != 0) return errno;
  return variants::enter_and_use_another();
}

} // namespace

const heirlock_subject* heirlock_subject_entry() {
  using mutex = robust::robust_mutex<interrupted_release>;
  static const heirlock_subject subject = variants::subject_of<mutex>::named(
      VARIANT_NAME, "rseq-rl-cs, interrupted by a handler that unlocks another", thread_enter);
  return &subject;
}

const char* heirlock_subject_policy() {
  return "rseq-rl-cs";
}
