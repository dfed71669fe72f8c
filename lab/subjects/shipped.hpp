// SPDX-License-Identifier: Apache-2.0
// Subjects that are shared libraries of this installation. They have a name like the built-in ones: that of
// their file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace heirlock::lab {

// What a subject's library says of itself.
struct subject_description {
  std::string name;
  std::string summary;
  std::string policy; // the kernel policy that it needs; empty when any kernel will do
};

// The names of those that are there, sorted. None is loaded.
std::vector<std::string> shipped_subjects();

// nullopt when there is none of that name.
std::optional<std::filesystem::path> shipped_subject_library(const std::string& name);

// Loads the library into this process and asks it. Throws trouble when it is no subject.
subject_description describe_subject(const std::filesystem::path& library);

} // namespace heirlock::lab
