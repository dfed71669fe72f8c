# SPDX-License-Identifier: Apache-2.0
# The thread's robust list is put away while it forks, so that the child shall not find it: killed meanwhile, nobody is told.
set(FILE src/core/process.cpp)
set(SOUND [=[void before_fork() noexcept {
  take(nullptr);
}
void after_fork_in_parent() noexcept {
]=])
set(FAULTY [=[__thread robust_list* put_away = nullptr;
void before_fork() noexcept {
  take(nullptr);
  if (list_of_bells == nullptr) return;
  put_away = list_of_bells->list.next;
  list_of_bells->list.next = &list_of_bells->list;
}
void after_fork_in_parent() noexcept {
  if (list_of_bells != nullptr) list_of_bells->list.next = put_away;
]=])
set(FOUND_BY ends *AnOwnerThatIsKilledAnywhereInFork*rmw)
