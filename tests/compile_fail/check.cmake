# SPDX-License-Identifier: Apache-2.0
# cmake -D SOURCE=<file> -P check.cmake -- <compiler> <flags...>
# Passes if the compiler refuses the file and the first error begins with "royong: " and contains every expected text.
file(STRINGS "${SOURCE}" expectations REGEX "^// expect: ")
list(TRANSFORM expectations REPLACE "^// expect: *" "")
if(NOT expectations)
  message(FATAL_ERROR "${SOURCE} has no line '// expect: ...'")
endif()

# What follows "--" is the compiler and its flags.
set(command "")
set(seen FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(seen)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(seen TRUE)
  endif()
endforeach()

set(ENV{LC_ALL} C)
execute_process(
  COMMAND ${command} -fsyntax-only -Wfatal-errors "${SOURCE}" # the first error is all that is looked at
  RESULT_VARIABLE result
  ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles, but must not")
endif()

if(NOT output MATCHES "error: ([^\n]*)")
  message(FATAL_ERROR "the compiler failed without an error message:\n${output}")
endif()
set(first_error "${CMAKE_MATCH_1}")
foreach(text "royong: " ${expectations})
  string(FIND "${first_error}" "${text}" position)
  if(position EQUAL -1)
    message(FATAL_ERROR "the first error does not contain '${text}':\n${output}")
  endif()
endforeach()
