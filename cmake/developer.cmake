# SPDX-License-Identifier: Apache-2.0
# What only those who work on royong itself need.
enable_testing()

set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND warnings -Wno-restrict) # false alarms inside std::string when optimised (GCC bug 105651)
endif()
target_compile_options(royong PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${warnings}>")

# Every public header compiles on its own (target all_verify_interface_header_sets).
set_target_properties(royong PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
foreach(component royong_asio royong_mpi)
  if(TARGET ${component})
    set_target_properties(${component} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
endforeach()
set_target_properties(royong PROPERTIES INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)
if(TARGET royong_mpi)
  target_compile_options(royong_mpi PRIVATE "${warnings}")
endif()

# What makes debug builds quick. The optimised ones go without: there a source that does not include what it uses is found.
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  foreach(library royong royong_mpi)
    if(TARGET ${library})
      target_precompile_headers(${library} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${PROJECT_SOURCE_DIR}/src/pch.hpp>")
    endif()
  endforeach()
  include(CheckLinkerFlag)
  check_linker_flag(CXX -fuse-ld=gold ROYONG_HAVE_GOLD)
  if(ROYONG_HAVE_GOLD)
    add_link_options(-fuse-ld=gold)
  endif()
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
