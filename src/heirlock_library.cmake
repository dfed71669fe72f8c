# SPDX-License-Identifier: Apache-2.0
# heirlock_library(ROOT SUFFIX [SANITIZED]): targets heirlock_objects<SUFFIX> and heirlock_static<SUFFIX> of the sources
# under ROOT, which has include/ and src/. SANITIZED: with the sanitizers of the preset, for the library's own tests;
# what is shipped, and what is killed, has none.
set(HEIRLOCK_SOURCES
  src/sys/file.cpp
  src/sys/futex.cpp
  src/sys/membarrier.cpp
  src/sys/robust_word.cpp
  src/core/claim.cpp
  src/core/claim_lock.cpp
  src/core/domain.cpp
  src/core/domain_check.cpp
  src/core/domain_inspect.cpp
  src/core/domain_make.cpp
  src/core/domain_open.cpp
  src/core/entry.cpp
  src/core/mutex_lock.cpp
  src/core/mutex_ops.cpp
  src/core/process.cpp
  src/core/queue_place.cpp
  src/capi/domain.cpp
  src/capi/mutex.cpp
  CACHE INTERNAL "")

function(heirlock_library root suffix)
  cmake_parse_arguments(arg "SANITIZED" "" "" ${ARGN})
  set(shipped SHIPPED)
  if(arg_SANITIZED)
    set(shipped "")
  endif()
  list(TRANSFORM HEIRLOCK_SOURCES PREPEND ${root}/ OUTPUT_VARIABLE sources)
  add_library(heirlock_objects${suffix} OBJECT ${sources})
  heirlock_options(heirlock_objects${suffix} ${shipped})
  target_include_directories(heirlock_objects${suffix} BEFORE PRIVATE
    ${root} ${root}/include
    ${root}/src/sys/libc/${HEIRLOCK_LIBC} ${root}/src/sys/arch/${HEIRLOCK_ARCH})
  target_compile_definitions(heirlock_objects${suffix} PRIVATE _GNU_SOURCE)
  target_compile_options(heirlock_objects${suffix} PRIVATE
    -fno-exceptions -fno-rtti -fno-threadsafe-statics -fvisibility=hidden -fvisibility-inlines-hidden)
  set_target_properties(heirlock_objects${suffix} PROPERTIES POSITION_INDEPENDENT_CODE ON)

  add_library(heirlock_static${suffix} STATIC)
  target_link_libraries(heirlock_static${suffix} PRIVATE heirlock_objects${suffix} PUBLIC Threads::Threads)
  target_include_directories(heirlock_static${suffix} PUBLIC ${root}/include)
  set_target_properties(heirlock_static${suffix} PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME heirlock${suffix})
endfunction()
