// SPDX-License-Identifier: Apache-2.0
// What the tests of lab/process have in common: the page shared with the tracee, and proofs that one is gone.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "lab/process/file_descriptor.hpp"
#include "lab/process/tracer.hpp"
#include "tests/lab/process/shared_page.hpp"

namespace heirlock::lab::process_test {

// A process known by a descriptor, so that another one with the same id is never taken for it.
class witness_of {
 public:
  explicit witness_of(thread_id process);
  // False when it is still there after `bound`; a zombie is gone: it runs no more.
  [[nodiscard]] bool sees_it_gone(std::chrono::milliseconds bound = std::chrono::seconds(20)) const;
  // For the end of a test that failed.
  void kill() const;

 private:
  file_descriptor process_;
};

class process_suite : public testing::Test {
 protected:
  process_suite();
  ~process_suite() override;

  shared_page& page() { return *page_; }
  // Where the page's file can be opened once more.
  [[nodiscard]] std::string page_path() const {
    return "/proc/self/fd/" + std::to_string(file_.get());
  }
  [[nodiscard]] launch_request request(const std::string& mode, unsigned count = 0) const;

  // Launches the tracee program and brings it to its first landmark.
  tracee& launch(tracer& t, const std::string& mode, unsigned count = 0);
  // The same for one that makes threads meanwhile: they are adopted and stopped at their first instruction.
  std::vector<tracee*> launch_with_threads(tracer& t, const std::string& mode, unsigned count);
  // Resumes a stopped thread (without the landmark's signal, which would end it) up to the next landmark.
  static void run_to_landmark(tracee& thread);

 private:
  file_descriptor file_;
  shared_page* page_;
};

} // namespace heirlock::lab::process_test
