// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/audit/toy/toy.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace heirlock::lab {

// Where a module is mapped for execution.
struct address_range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;

  bool contains(std::uintptr_t address) const { return begin <= address && address < end; }
};

// A toy, loaded for as long as the object lives.
class toy_library {
 public:
  // Throws std::runtime_error that says what is missing.
  explicit toy_library(const std::string& path);
  ~toy_library();
  toy_library(const toy_library&) = delete;
  toy_library& operator=(const toy_library&) = delete;

  const heirlock_subject& subject() const { return *subject_; }
  const std::vector<toy_expectation>& expectations() const { return expectations_; }
  address_range text() const { return text_; }
  // Bytes from where the module is loaded: the same in every process.
  std::uint64_t module_offset(std::uintptr_t address) const;

 private:
  void* handle_;
  const heirlock_subject* subject_ = nullptr;
  std::vector<toy_expectation> expectations_;
  address_range text_;
};

} // namespace heirlock::lab
