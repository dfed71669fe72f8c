#include "cli/verbs.hpp"
namespace heirlock::cli {
void add_demo(CLI::App&, action&) {}
void add_reproduce(CLI::App&, action&) {}
} // namespace heirlock::cli
