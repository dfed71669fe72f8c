# SPDX-License-Identifier: Apache-2.0
# Compile options shared by every target of this project.
#
#   heirlock_options(TARGET)             warnings, and the sanitizers of the preset
#   heirlock_options(TARGET SHIPPED)     warnings only: code that is itself under audit, single-stepped
#                                        or killed, must be the code that users get
function(heirlock_options target)
  cmake_parse_arguments(arg "SHIPPED" "" "" ${ARGN})
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual
    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual>
    $<$<BOOL:${HEIRLOCK_WERROR}>:-Werror>)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
  if(HEIRLOCK_SANITIZE AND NOT arg_SHIPPED)
    # What is found ends the program: a test must not pass over it.
    target_compile_options(${target} PRIVATE -fsanitize=${HEIRLOCK_SANITIZE} -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${HEIRLOCK_SANITIZE})
  endif()
endfunction()
