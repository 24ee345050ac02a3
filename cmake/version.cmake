# SPDX-License-Identifier: Apache-2.0
# The version lives in one place, the header; this reads it from there into ROYONG_VERSION.
set(header "${CMAKE_CURRENT_LIST_DIR}/../include/royong/version.hpp")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${header}")
file(READ "${header}" text)

set(numbers "")
foreach(part MAJOR MINOR PATCH)
  if(NOT text MATCHES "#define ROYONG_VERSION_${part} ([0-9]+)")
    message(FATAL_ERROR "${header} does not define ROYONG_VERSION_${part}")
  endif()
  list(APPEND numbers ${CMAKE_MATCH_1})
endforeach()
list(JOIN numbers . ROYONG_VERSION)
