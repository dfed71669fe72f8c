# SPDX-License-Identifier: Apache-2.0
# The protocols that wait instead of asking for a changed kernel, each with one of its steps dropped or out of its place:
# protocol_faults/NAME.sed edits FILE, whose edited copy stands before the sound one on the include path and among the
# sources. protocol_audit_test.cpp says what the audit must find.
set(protocol_faults ${CMAKE_CURRENT_BINARY_DIR}/protocol_faults)
set(protocol_fault_subjects "")

# planted(NAME FILE SOURCE...), all paths from lab/protocols.
function(planted name file)
  set(copy ${protocol_faults}/${name}/lab/protocols/${file})
  get_filename_component(directory ${copy} DIRECTORY)
  file(MAKE_DIRECTORY ${directory})
  edited(${PROJECT_SOURCE_DIR}/lab/protocols/${file} ${CMAKE_CURRENT_SOURCE_DIR}/protocol_faults/${name}.sed ${copy})
  set(sources ${copy}) # a header among them makes the copy a dependency
  foreach(source ${ARGN})
    if(NOT source STREQUAL file)
      list(APPEND sources ${PROJECT_SOURCE_DIR}/lab/protocols/${source})
    endif()
  endforeach()
  set(target protocol_fault_${name})
  add_library(${target} MODULE ${sources})
  heirlock_options(${target} SHIPPED)
  target_include_directories(${target} BEFORE PRIVATE ${protocol_faults}/${name})
  target_compile_options(${target} PRIVATE ${compile_as_protocol})
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${name} LIBRARY_OUTPUT_DIRECTORY ${protocol_faults})
  set(protocol_fault_subjects ${protocol_fault_subjects} ${target} PARENT_SCOPE)
endfunction()

set(list robust_list/thread_list.cpp)
planted(destroy_scan_without_d2 destroy_scan/subject.cpp destroy_scan/subject.cpp)
planted(destroy_scan_skips_the_first_thread guarded/thread_table.hpp destroy_scan/subject.cpp)
planted(hazard_thread_without_0 hazard_pointer/subject_thread.cpp hazard_pointer/subject_thread.cpp ${list})
planted(hazard_cpu_7_before_1 guarded/guarded_mutex.hpp hazard_pointer/subject_cpu.cpp ${list})
planted(hazard_mm_cid_skips_the_first_slot hazard_pointer/hazard_lines.hpp hazard_pointer/subject_mm_cid.cpp ${list})
planted(refcount_without_d2 guarded/guarded_mutex.hpp refcount/subject.cpp ${list})
planted(refcount_munmap_skips_the_first_page refcount_munmap/subject.cpp refcount_munmap/subject.cpp ${list})
planted(serialize_mmap_without_0 serialize_mmap/unlock_count.hpp serialize_mmap/subject.cpp ${list})
planted(serialize_mmap_musl_without_d2 serialize_mmap/subject_musl.cpp serialize_mmap/subject_musl.cpp ${list})

planted(robust_list_6_before_4 robust_list/classic_release.hpp robust_list/subject.cpp ${list})
planted(robust_list_without_l1 robust_list/robust_mutex.hpp robust_list/subject.cpp ${list})
planted(multi_list_without_1 robust_list/robust_mutex.hpp multi_list/subject.cpp multi_list/thread_list.cpp)
planted(list_32_without_1 robust_list/robust_mutex.hpp multi_list/narrow_subject.cpp multi_list/narrow_list.cpp)
planted(unmatchable_tid_without_l1 robust_list/robust_mutex.hpp unmatchable_tid/subject_recursive.cpp ${list})
planted(unmatchable_tid_errorcheck_without_l1 robust_list/robust_mutex.hpp unmatchable_tid/subject_errorcheck.cpp ${list})

set(user_cleanup cleanup_robust_list/subject_user.cpp cleanup_robust_list/wait_everywhere.cpp
  cleanup_robust_list/proc_files.cpp ${list})
planted(cleanup_user_looks_at_itself cleanup_robust_list/wait_everywhere.cpp ${user_cleanup})
planted(cleanup_user_without_the_distance cleanup_robust_list/wait_everywhere.cpp ${user_cleanup})
planted(cleanup_call_without_d2 cleanup_robust_list/cleaning_mutex.hpp cleanup_robust_list/subject_call.cpp ${list})

set(robust_unlock futex_robust_unlock/subject.cpp futex_robust_unlock/robust_unlock_release.cpp
  futex_robust_unlock/try_unlock_x86_64.S ${list})
foreach(fault without_4 4_before_3 begins_early begins_late ends_early)
  planted(try_unlock_${fault} futex_robust_unlock/try_unlock_x86_64.S ${robust_unlock})
endforeach()
planted(robust_unlock_in_three_calls futex_robust_unlock/robust_unlock_release.cpp ${robust_unlock})
