# SPDX-License-Identifier: Apache-2.0
# A thread that ends does the kernel's part itself: killed between the list and the last bell, it leaves the rest unmarked.
set(FILE src/core/claim.cpp)
set(SOUND [=[  remember_robust_list();
  sys::wake_all(taken.generation); // C6]=])
set(FAULTY [=[  remember_robust_list();
  static pthread_key_t end_of_thread;
  pthread_key_create(&end_of_thread, [](void* left) {
    robust_list_head* const list = sys::robust_list_of_thread();
    list->list.next = &list->list;
    mark_dead(*static_cast<seat*>(left));
  });
  pthread_setspecific(end_of_thread, &taken);
  sys::wake_all(taken.generation); // C6]=])
set(FOUND_BY ends *AThreadThatEndsAsTheOwnerIsReportedWhereverItsProcessIsKilled*rmw)
