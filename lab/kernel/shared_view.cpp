// SPDX-License-Identifier: Apache-2.0
#include "lab/kernel/shared_view.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "lab/process/file_descriptor.hpp"
#include "lab/process/mappings.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab::kernel {

std::vector<memory_area> areas_of(pid_t process) {
  std::vector<memory_area> areas;
  for (const mapping& m : mappings_of({process}))
    areas.push_back(
        {m.start.value, m.end.value, m.writable, m.shared, m.file_offset, m.device, m.inode});
  return areas;
}

namespace {

// Where the byte `in_file` of the file is in one of the areas; 0 when it is in none.
std::uint64_t find(const std::vector<memory_area>& areas, const memory_area& file,
                   std::uint64_t in_file) {
  for (const memory_area& area : areas) {
    if (area.writable && area.shows(file, in_file)) return area.begin + (in_file - area.offset);
  }
  return 0;
}

void* map_file(int descriptor, const memory_area& theirs) {
  return mmap(nullptr, theirs.end - theirs.begin, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor,
              static_cast<off_t>(theirs.offset));
}

// A file that this process has open itself takes no privilege to map. Which one it is shows when it is mapped: some
// file systems give fstat(2) other numbers than stand in /proc/PID/maps.
void* map_own_file(const memory_area& theirs) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int descriptor = std::stoi(entry.path().filename());
    struct stat about = {};
    if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) continue;
    void* const mapped = map_file(descriptor, theirs);
    if (mapped == MAP_FAILED) continue; // open for reading only
    const auto ours = areas_of(getpid());
    const auto at = reinterpret_cast<std::uint64_t>(mapped);
    const auto here = std::ranges::find_if(
        ours, [at](const memory_area& area) { return at >= area.begin && at < area.end; });
    if (here != ours.end() && here->same_file(theirs)) return mapped;
    munmap(mapped, theirs.end - theirs.begin);
  }
  return nullptr;
}

void* map_through_proc(thread_id process, const memory_area& theirs) {
  const auto link =
      fmt::format("/proc/{}/map_files/{:x}-{:x}", process.value, theirs.begin, theirs.end);
  const file_descriptor file(::open(link.c_str(), O_RDWR | O_CLOEXEC));
  if (!file)
    throw trouble(fmt::format("the shared memory at {:#x} of process {} is not mapped here and {} "
                              "cannot be opened ({}): run as root, or use the policy stock",
                              theirs.begin, process.value, link,
                              std::generic_category().message(errno)));
  void* const mapped = map_file(file.get(), theirs);
  if (mapped == MAP_FAILED) throw_errno(fmt::format("mapping {}", link));
  return mapped;
}

} // namespace

shared_view::~shared_view() {
  for (const memory_area& area : mapped_here_)
    munmap(reinterpret_cast<void*>(area.begin), area.end - area.begin);
}

void shared_view::read_areas() {
  if (known_) return;
  theirs_ = areas_of(process_.value);
  ours_ = areas_of(getpid());
  known_ = true;
}

const memory_area* shared_view::area_with(remote_address address) {
  read_areas();
  const auto found = std::ranges::find_if(theirs_, [&](const memory_area& area) {
    return address.value >= area.begin && address.value < area.end;
  });
  return found == theirs_.end() ? nullptr : &*found;
}

std::uint32_t* shared_view::word(remote_address address) {
  const memory_area* const theirs = area_with(address);
  if (theirs == nullptr || !theirs->shared) return nullptr;
  const std::uint64_t in_file = theirs->offset + (address.value - theirs->begin);
  std::uint64_t here = find(ours_, *theirs, in_file);
  if (here == 0) here = find(mapped_here_, *theirs, in_file);
  if (here == 0) {
    const memory_area& mapped = map(*theirs);
    here = mapped.begin + (in_file - mapped.offset);
  }
  return reinterpret_cast<std::uint32_t*>(here);
}

const memory_area& shared_view::map(const memory_area& theirs) {
  void* mapped = map_own_file(theirs);
  if (mapped == nullptr) mapped = map_through_proc(process_, theirs);
  memory_area here = theirs;
  here.begin = reinterpret_cast<std::uint64_t>(mapped);
  here.end = here.begin + (theirs.end - theirs.begin);
  return mapped_here_.emplace_back(here);
}

} // namespace heirlock::lab::kernel
