// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/command.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <ostream>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

#include <gtest/gtest.h>

namespace heirlock::cli::test {
namespace {

constexpr std::chrono::seconds hang{240};
constexpr int could_not_become = 121;
constexpr uid_t nobody = 65534;

int check(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

std::string content_of(int fd) {
  std::string content;
  std::array<char, 4096> part{};
  for (ssize_t n = 0;
       (n = ::pread(fd, part.data(), part.size(), static_cast<off_t>(content.size()))) > 0;)
    content.append(part.data(), static_cast<std::size_t>(n));
  return content;
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (auto& word : words)
    pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

} // namespace

bool outcome::out_has(const std::string& text) const {
  return out.find(text) != std::string::npos;
}
bool outcome::err_has(const std::string& text) const {
  return err.find(text) != std::string::npos;
}
nlohmann::json outcome::json() const {
  return nlohmann::json::parse(out, nullptr, false);
}

std::ostream& operator<<(std::ostream& out, const outcome& what) {
  return out << "\n$ " << what.line << "\nstatus " << what.status << ", signal " << what.signal
             << "\n--- standard output\n"
             << what.out << "\n--- standard error\n"
             << what.err << "\n---\n";
}

scratch_directory::scratch_directory() : path_(testing::TempDir() + "heirlock-cli-XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) check(-1, "mkdtemp");
}
scratch_directory::~scratch_directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}
bool scratch_directory::empty() const {
  return std::filesystem::is_empty(path_);
}

command::command(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {
  arguments_.insert(arguments_.begin(), HEIRLOCK_PROGRAM);
}

command::~command() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  mark_.kill_bearers();
  for (int* fd : {&process_fd_, &out_fd_, &err_fd_})
    close_fd(*fd);
}

command& command::with(std::function<void()> preparation) {
  preparations_.push_back(std::move(preparation));
  return *this;
}

command& command::on_a_terminal() {
  terminal_ = true;
  return *this;
}

void command::become() const {
  try {
    for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE})
      std::signal(signal_number, SIG_DFL);
    ::setenv("TMPDIR", temporary_.path().c_str(), 1);
    for (const auto& preparation : preparations_)
      preparation();
    check(::prctl(PR_SET_PDEATHSIG, SIGKILL), "PR_SET_PDEATHSIG");
    std::vector<std::string> environment;
    for (char** each = environ; *each != nullptr; ++each)
      environment.emplace_back(*each);
    environment.push_back(mark_.definition());
    auto words = arguments_;
    ::execve(HEIRLOCK_PROGRAM, pointers_to(words).data(), pointers_to(environment).data());
    check(-1, HEIRLOCK_PROGRAM);
  } catch (const std::exception& error) {
    ::dprintf(STDERR_FILENO, "before the command: %s\n", error.what());
  }
  ::_exit(could_not_become);
}

command& command::start() {
  out_fd_ = check(::memfd_create("heirlock-out", MFD_CLOEXEC), "memfd_create");
  int terminal_side = -1;
  if (terminal_) {
    check(::openpty(&err_fd_, &terminal_side, nullptr, nullptr, nullptr), "openpty");
    ::fcntl(err_fd_, F_SETFD, FD_CLOEXEC);
    ::fcntl(terminal_side, F_SETFD, FD_CLOEXEC);
  } else {
    err_fd_ = check(::memfd_create("heirlock-err", MFD_CLOEXEC), "memfd_create");
  }
  process_ = check(::fork(), "fork");
  if (process_ == 0) {
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO);
    ::dup2(out_fd_, STDOUT_FILENO);
    ::dup2(terminal_ ? terminal_side : err_fd_, STDERR_FILENO);
    ::setsid();
    if (terminal_) ::ioctl(STDERR_FILENO, TIOCSCTTY, 0);
    become();
  }
  close_fd(terminal_side);
  process_fd_ = check(static_cast<int>(::syscall(SYS_pidfd_open, process_, 0)), "pidfd_open");
  return *this;
}

bool command::has_started_processes(std::size_t number) const {
  return mark_.at_least(number + 1);
}

void command::send(int signal_number) const {
  ::kill(process_, signal_number);
}

void command::type(const std::string& keys) const {
  EXPECT_EQ(::write(err_fd_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
}

void command::read_terminal() {
  std::array<char, 4096> part{};
  const ssize_t n = ::read(err_fd_, part.data(), part.size());
  if (n > 0) on_terminal_.append(part.data(), static_cast<std::size_t>(n));
}

bool command::ends_or(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + hang;
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    std::array<pollfd, 2> sources = {
        {{process_fd_, POLLIN, 0}, {terminal_ ? err_fd_ : -1, POLLIN, 0}}};
    if (::poll(sources.data(), sources.size(), 1000) <= 0) continue;
    if ((sources[1].revents & POLLIN) != 0) {
      read_terminal();
    } else if (sources[0].revents != 0) {
      return true;
    }
  }
  return false;
}

bool command::has_shown(const std::string& text) {
  const auto shown = [&] { return on_terminal_.find(text) != std::string::npos; };
  return ends_or(shown) && shown();
}

bool command::has_entered(long system_call) {
  const std::string number = std::to_string(system_call) + " ";
  const auto deadline = std::chrono::steady_clock::now() + hang;
  while (std::chrono::steady_clock::now() < deadline) {
    std::ifstream file("/proc/" + std::to_string(process_) + "/syscall");
    std::string line;
    std::getline(file, line);
    if (line.starts_with(number)) return true;
    pollfd ended = {process_fd_, POLLIN, 0};
    if (::poll(&ended, 1, 1) > 0) return false;
  }
  return false;
}

outcome command::finish() {
  outcome result;
  for (const auto& word : arguments_)
    result.line += word + " ";
  const bool ended = ends_or([] { return false; });
  EXPECT_TRUE(ended) << "it hangs: " << result.line;
  if (!ended) ::kill(process_, SIGKILL);
  int raw = 0;
  ::waitpid(process_, &raw, 0);
  process_ = -1;
  if (WIFEXITED(raw)) result.status = WEXITSTATUS(raw);
  if (WIFSIGNALED(raw)) result.signal = WTERMSIG(raw);
  result.out = content_of(out_fd_);
  result.err = terminal_ ? on_terminal_ : content_of(err_fd_);
  EXPECT_NE(result.status, could_not_become) << result;
  EXPECT_TRUE(mark_.none()) << "it left a process behind" << result;
  EXPECT_TRUE(temporary_.empty()) << "it left a file behind" << result;
  return result;
}

outcome run(std::vector<std::string> arguments) {
  return command(std::move(arguments)).start().finish();
}

void become_nobody() {
  check(::setgroups(0, nullptr), "setgroups");
  check(::setgid(nobody), "setgid");
  check(::setuid(nobody), "setuid");
}

void refuse_ptrace(int error) {
  refuse_system_call(SYS_ptrace, error);
  // The leak checker of a sanitised build needs ptrace itself.
  ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
}

} // namespace heirlock::cli::test
