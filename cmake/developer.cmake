# SPDX-License-Identifier: Apache-2.0
# What only those who work on royong itself need.
enable_testing()

set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND warnings -Wno-restrict) # false alarms inside std::string when optimised (GCC bug 105651)
endif()
target_compile_options(royong PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${warnings}>")

# Every header compiles on its own (target all_verify_interface_header_sets): the public ones everywhere, all where sources are compiled one by one.
set_target_properties(royong PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
foreach(component royong_asio royong_mpi)
  if(TARGET ${component})
    set_target_properties(${component} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
endforeach()
if(CMAKE_UNITY_BUILD)
  set_target_properties(royong PROPERTIES INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)
endif()
if(TARGET royong_mpi)
  target_compile_options(royong_mpi PRIVATE "${warnings}")
endif()

# Where sources are compiled together (CMAKE_UNITY_BUILD), those of one floor are: a program that uses the lower floors is not linked with the others.
# Optimised builds compile each alone: there one that does not include what it uses is found.
set_target_properties(royong PROPERTIES UNITY_BUILD_MODE GROUP)
foreach(source ${sources})
  string(REGEX REPLACE ".*/src/([^/]+)/.*" "\\1" floor "${source}")
  set_source_files_properties("${source}" PROPERTIES UNITY_GROUP ${floor})
endforeach()
# Alone everywhere: their private names are those of others.
set_source_files_properties(
  src/channel/pipe_end.cpp
  src/channel/queue_ends.cpp
  src/manager/server_state.cpp
  src/sync/barrier.cpp
  src/sync/cells.cpp
  src/sync/condition.cpp
  src/sync/event.cpp
  src/sync/kept_files.cpp
  src/sync/lock.cpp
  src/sync/semaphore.cpp
  src/transfer/modules.cpp
  src/transfer/shared_exceptions.cpp
  PROPERTIES UNITY_GROUP "" SKIP_UNITY_BUILD_INCLUSION ON)
if(CMAKE_UNITY_BUILD)
  target_compile_options(royong PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>") # no source is a header there
endif()

# A compiler cache, where there is one. The sloppiness is what it needs to cache precompiled headers.
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(launcher "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${CCACHE}")
  set_target_properties(royong PROPERTIES CXX_COMPILER_LAUNCHER "${launcher}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${launcher}")
endif()

# An executable of ours: the warnings and the language of the library.
function(royong_add_executable name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE royong::royong)
  target_compile_options(${name} PRIVATE ${warnings})
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF)
endfunction()

add_subdirectory(tests)
add_subdirectory(examples)
add_subdirectory(bench)
add_subdirectory(fuzz)
