// SPDX-License-Identifier: Apache-2.0
#include "lab/subjects/shipped.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>

#include "lab/process/trouble.hpp"
#include "lab/subjects/subject.h"

namespace heirlock::lab {
namespace {

namespace fs = std::filesystem;

// Beside the programs as they are built, then as they are installed.
std::optional<fs::path> directory() {
  const fs::path programs = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& candidate :
       {programs / "../subjects", programs / "../libexec/heirlock/subjects"})
    if (fs::is_directory(candidate)) return fs::canonical(candidate);
  return std::nullopt;
}

} // namespace

std::vector<std::string> shipped_subjects() {
  std::vector<std::string> names;
  const auto where = directory();
  if (!where) return names;
  for (const auto& entry : fs::directory_iterator(*where))
    if (entry.path().extension() == ".so") names.push_back(entry.path().stem());
  std::ranges::sort(names);
  return names;
}

std::optional<fs::path> shipped_subject_library(const std::string& name) {
  const auto where = directory();
  if (!where || name.empty() || name.find('/') != std::string::npos) return std::nullopt;
  const fs::path library = *where / (name + ".so");
  return fs::exists(library) ? std::optional(library) : std::nullopt;
}

subject_description describe_subject(const fs::path& library) {
  // Never closed: what it returns lies in it.
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw trouble(fmt::format("cannot load a subject: {}", dlerror()));
  const auto entry =
      reinterpret_cast<const heirlock_subject* (*)()>(dlsym(handle, "heirlock_subject"));
  const auto policy = reinterpret_cast<const char* (*)()>(dlsym(handle, "heirlock_subject_policy"));
  const auto* const subject = entry != nullptr ? entry() : nullptr;
  if (subject == nullptr || subject->abi != HEIRLOCK_SUBJECT_ABI)
    throw trouble(fmt::format(
        "{} implements no subject, or one of another version of lab/subjects/subject.h: build it "
        "again",
        library.string()));
  return {subject->name, subject->summary != nullptr ? subject->summary : "",
          policy != nullptr ? policy() : ""};
}

} // namespace heirlock::lab
