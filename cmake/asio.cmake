# SPDX-License-Identifier: Apache-2.0
# The component asio, royong::asio: headers over royong and Boost.Asio. It exists where the headers of Boost are; the core
# never needs them.
set(ROYONG_BOOST_VERSION 1.81)
find_package(Boost ${ROYONG_BOOST_VERSION} QUIET)
if(NOT Boost_FOUND OR NOT EXISTS "${Boost_INCLUDE_DIRS}/boost/asio.hpp")
  message(STATUS "royong::asio is left out: no headers of Boost.Asio ${ROYONG_BOOST_VERSION}")
  return()
endif()

file(GLOB_RECURSE asio_headers CONFIGURE_DEPENDS include/royong/asio.hpp include/royong/asio/*.hpp)
add_library(royong_asio INTERFACE)
add_library(royong::asio ALIAS royong_asio)
set_target_properties(royong_asio PROPERTIES EXPORT_NAME asio)
target_sources(royong_asio INTERFACE FILE_SET HEADERS BASE_DIRS include FILES ${asio_headers})
target_link_libraries(royong_asio INTERFACE royong Boost::headers)
