# SPDX-License-Identifier: Apache-2.0
# Transactions that are made from a sound one by a sed script, each a subject of its own:
#
#   faults/NAME.sed    one fault; fault_audit_test.cpp says what the audit must find in it, or why nothing
#   orders/            the seven steps in other orders; order_audit_test.cpp
#   variants/NAME.sed  a question that the proposal raises; variant_audit_test.cpp says what the audit answers
#
# A script edits transaction_x86_64.S; caller_* edits the header with steps 1 and 2, list_* that of the list that says
# where it ends; conditional_* starts from the form whose release can fail.
set(compile_as_protocol $<$<COMPILE_LANGUAGE:CXX>:-O2 -fno-exceptions -fno-rtti -ftls-model=initial-exec -fvisibility=hidden>)
set(made_subjects "")

function(made_subject target output directory)
  add_library(${target} MODULE ${ARGN} ${protocol}/thread_area.cpp ${protocol}/two_way_list.cpp
    ${PROJECT_SOURCE_DIR}/lab/protocols/robust_list/thread_list.cpp)
  heirlock_options(${target} SHIPPED)
  target_compile_options(${target} PRIVATE ${compile_as_protocol})
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${output}
    LIBRARY_OUTPUT_DIRECTORY ${directory})
  set(made_subjects ${made_subjects} ${target} PARENT_SCOPE)
endfunction()

# A script that changes nothing plants nothing: the build fails.
function(edited source script result)
  add_custom_command(OUTPUT ${result}
    COMMAND sed -f ${script} ${source} > ${result}
    COMMAND sh -c "! cmp -s ${source} ${result}"
    DEPENDS ${script} ${source} VERBATIM)
endfunction()

set(sound ${protocol}/transaction_x86_64.S)
set(conditional_sound ${CMAKE_CURRENT_SOURCE_DIR}/transaction_x86_64_conditional.S)
set(steps_1_and_2 lab/protocols/robust_list/robust_mutex.hpp)
set(two_way_list lab/protocols/rseq_rl_cs/two_way_list.hpp)
set(faults ${CMAKE_CURRENT_BINARY_DIR}/faults)
made_subject(fault_sound sound ${faults} ${sound} ${protocol}/subject.cpp)
made_subject(fault_conditional_sound conditional_sound ${faults} ${conditional_sound} ${protocol}/subject.cpp)

file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/faults/*.sed)
foreach(script ${scripts})
  get_filename_component(name ${script} NAME_WE)
  if(name MATCHES "^caller_")
    set(planted ${faults}/${name}/${steps_1_and_2})
    get_filename_component(directory ${planted} DIRECTORY)
    file(MAKE_DIRECTORY ${directory})
    edited(${PROJECT_SOURCE_DIR}/${steps_1_and_2} ${script} ${planted})
    made_subject(fault_${name} ${name} ${faults} ${planted} ${sound} ${protocol}/subject.cpp)
    target_include_directories(fault_${name} BEFORE PRIVATE ${faults}/${name})
  elseif(name MATCHES "^list_")
    set(planted ${faults}/${name}/${two_way_list})
    get_filename_component(directory ${planted} DIRECTORY)
    file(MAKE_DIRECTORY ${directory})
    edited(${PROJECT_SOURCE_DIR}/${two_way_list} ${script} ${planted})
    made_subject(fault_${name} ${name} ${faults} ${planted} ${sound} ${protocol}/subject.cpp)
    target_include_directories(fault_${name} BEFORE PRIVATE ${faults}/${name})
  else()
    set(planted ${faults}/${name}.S)
    set(origin ${sound})
    if(name MATCHES "^conditional_")
      set(origin ${conditional_sound})
    endif()
    edited(${origin} ${script} ${planted})
    made_subject(fault_${name} ${name} ${faults} ${planted} ${protocol}/subject.cpp)
  endif()
endforeach()

# A descriptor whose memory is in another use by the time that the lock under audit is locked.
made_subject(fault_sound_descriptor_reused sound_descriptor_reused ${faults} ${sound} reused_descriptor_subject.cpp)
made_subject(fault_drop_step_7_descriptor_reused drop_step_7_descriptor_reused ${faults} ${faults}/drop_step_7.S
  reused_descriptor_subject.cpp)

# Each step moved to each other place; order_audit_test.cpp makes the same list.
set(orders ${CMAKE_CURRENT_BINARY_DIR}/orders)
set(planted ${orders}/steps_elsewhere/${steps_1_and_2})
get_filename_component(directory ${planted} DIRECTORY)
file(MAKE_DIRECTORY ${directory})
edited(${PROJECT_SOURCE_DIR}/${steps_1_and_2} ${CMAKE_CURRENT_SOURCE_DIR}/orders/steps_elsewhere.sed ${planted})
add_library(order_objects OBJECT ${planted} orders/subject.cpp ${protocol}/thread_area.cpp
  ${PROJECT_SOURCE_DIR}/lab/protocols/robust_list/thread_list.cpp)
heirlock_options(order_objects SHIPPED)
target_compile_options(order_objects PRIVATE ${compile_as_protocol})
target_include_directories(order_objects BEFORE PRIVATE ${orders}/steps_elsewhere)
set_target_properties(order_objects PROPERTIES POSITION_INDEPENDENT_CODE ON)
set(seen "")
foreach(step RANGE 1 7)
  foreach(place RANGE 0 6)
    set(order 1 2 3 4 5 6 7)
    list(REMOVE_ITEM order ${step})
    list(INSERT order ${place} ${step})
    string(JOIN "" name ${order})
    if(name IN_LIST seen)
      continue()
    endif()
    list(APPEND seen ${name})
    string(JOIN "," order ${order})
    add_library(order_${name} MODULE orders/unlock_in_order.S $<TARGET_OBJECTS:order_objects>)
    heirlock_options(order_${name} SHIPPED)
    target_compile_definitions(order_${name} PRIVATE "ORDER=${order}")
    set_target_properties(order_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name} LIBRARY_OUTPUT_DIRECTORY ${orders})
    list(APPEND made_subjects order_${name})
  endforeach()
endforeach()

set(variants ${CMAKE_BINARY_DIR}/variants)
file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/variants)
file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/variants/*.sed)
foreach(script ${scripts})
  get_filename_component(name ${script} NAME_WE)
  string(REPLACE "_" "-" output ${name})
  set(made ${CMAKE_CURRENT_BINARY_DIR}/variants/${name}.S)
  edited(${sound} ${script} ${made})
  if(name MATCHES "^nested_")
    # The handler's own transaction is the sound one.
    made_subject(variant_${name} ${output} ${variants} ${made} ${sound} variants/nested_subject.cpp)
  else()
    made_subject(variant_${name} ${output} ${variants} ${made} variants/descriptor_subject.cpp)
  endif()
  if(name MATCHES "_saving$")
    set(saves true)
  else()
    set(saves false)
  endif()
  target_compile_definitions(variant_${name} PRIVATE VARIANT_NAME="${output}" VARIANT_HANDLER_SAVES=${saves})
endforeach()

include(protocol_faults.cmake)

function(protocol_audit_test name)
  add_executable(${name} ${ARGN})
  heirlock_options(${name})
  target_compile_definitions(${name} PRIVATE FAULT_DIRECTORY="${faults}" VARIANT_DIRECTORY="${variants}"
    ORDER_DIRECTORY="${orders}" PROTOCOL_FAULT_DIRECTORY="${protocol_faults}" SUBJECT_DIRECTORY="${CMAKE_BINARY_DIR}/subjects"
    TOY_DIRECTORY="${CMAKE_BINARY_DIR}/toys/broken")
  target_link_libraries(${name} PRIVATE heirlock_lab_scenarios heirlock_lab_kernel heirlock_toys
    GTest::gtest_main ${CMAKE_DL_LIBS})
  add_dependencies(${name} ${made_subjects} ${protocol_fault_subjects} protocol_subjects)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 600 LABELS many-deaths)
endfunction()
protocol_audit_test(rseq_rl_cs_audit_test fault_audit_test.cpp mended_audit_test.cpp order_audit_test.cpp
  policy_audit_test.cpp variant_audit_test.cpp)
protocol_audit_test(stock_copy_test stock_copy_bytes_test.cpp stock_copy_verdict_test.cpp
  ${PROJECT_SOURCE_DIR}/tests/audit/toy/toy_library.cpp)
protocol_audit_test(protocol_audit_test protocol_audit_test.cpp)
