# SPDX-License-Identifier: Apache-2.0
# Each faults/NAME.sed plants one fault into a sound transaction; the result is a subject of its own, and
# fault_audit_test.cpp says what the audit must find in it. conditional* starts from the form whose release can fail.
file(GLOB fault_scripts CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/faults/*.sed)
set(fault_subjects "")

function(transaction_subject name source)
  add_library(fault_${name} MODULE ${source} ${protocol}/subject.cpp ${protocol}/thread_area.cpp
    ${PROJECT_SOURCE_DIR}/lab/protocols/robust_list/thread_list.cpp)
  heirlock_options(fault_${name} SHIPPED)
  target_compile_options(fault_${name} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-O2 -fno-exceptions -fno-rtti -ftls-model=initial-exec -fvisibility=hidden>)
  set_target_properties(fault_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/faults)
  set(fault_subjects ${fault_subjects} fault_${name} PARENT_SCOPE)
endfunction()

transaction_subject(sound ${protocol}/transaction_x86_64.S)
transaction_subject(conditional_sound ${CMAKE_CURRENT_SOURCE_DIR}/transaction_x86_64_conditional.S)
foreach(script ${fault_scripts})
  get_filename_component(name ${script} NAME_WE)
  set(sound ${protocol}/transaction_x86_64.S)
  if(name MATCHES "^conditional")
    set(sound ${CMAKE_CURRENT_SOURCE_DIR}/transaction_x86_64_conditional.S)
  endif()
  set(planted ${CMAKE_CURRENT_BINARY_DIR}/faults/${name}.S)
  # A script that changes nothing plants nothing: the build fails.
  add_custom_command(OUTPUT ${planted}
    COMMAND sed -f ${script} ${sound} > ${planted}
    COMMAND sh -c "! cmp -s ${sound} ${planted}"
    DEPENDS ${script} ${sound} VERBATIM)
  transaction_subject(${name} ${planted})
endforeach()

add_executable(rseq_rl_cs_audit_test fault_audit_test.cpp policy_audit_test.cpp
  stock_copy_bytes_test.cpp stock_copy_verdict_test.cpp ${PROJECT_SOURCE_DIR}/tests/audit/toy/toy_library.cpp)
heirlock_options(rseq_rl_cs_audit_test)
target_compile_definitions(rseq_rl_cs_audit_test PRIVATE FAULT_DIRECTORY="${CMAKE_CURRENT_BINARY_DIR}/faults"
  SUBJECT_DIRECTORY="${CMAKE_BINARY_DIR}/subjects" TOY_DIRECTORY="${CMAKE_BINARY_DIR}/toys/broken")
target_link_libraries(rseq_rl_cs_audit_test PRIVATE heirlock_lab_scenarios heirlock_lab_subjects
  heirlock_lab_kernel heirlock_toys GTest::gtest_main ${CMAKE_DL_LIBS})
add_dependencies(rseq_rl_cs_audit_test ${fault_subjects} subject_robust_list subject_rseq_rl_cs)
gtest_discover_tests(rseq_rl_cs_audit_test DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
