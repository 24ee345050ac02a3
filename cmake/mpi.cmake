# SPDX-License-Identifier: Apache-2.0
# The component mpi, royong::mpi: a library of its own over royong and an MPI (Open MPI, MPICH). It exists where one is
# installed; the core never needs it. What users see of it are headers of royong: only src/mpi/transport.cpp includes mpi.h.
set(MPI_CXX_SKIP_MPICXX ON) # the C interface alone: the C++ bindings are deprecated
find_package(MPI QUIET COMPONENTS CXX)
if(NOT MPI_CXX_FOUND)
  message(STATUS "royong::mpi is left out: no MPI is installed")
  return()
endif()

file(GLOB_RECURSE mpi_sources CONFIGURE_DEPENDS src/mpi/*.cpp)
file(GLOB_RECURSE mpi_headers CONFIGURE_DEPENDS include/royong/mpi.hpp include/royong/mpi/*.hpp)
add_library(royong_mpi ${mpi_sources})
add_library(royong::mpi ALIAS royong_mpi)
set_target_properties(
  royong_mpi
  PROPERTIES EXPORT_NAME mpi
             CXX_EXTENSIONS OFF
             CXX_VISIBILITY_PRESET hidden
             VISIBILITY_INLINES_HIDDEN ON
             POSITION_INDEPENDENT_CODE ON
             VERSION ${PROJECT_VERSION}
             SOVERSION ${PROJECT_VERSION_MAJOR})
target_sources(royong_mpi PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${mpi_headers})
target_include_directories(royong_mpi PRIVATE src)
target_link_libraries(
  royong_mpi
  PUBLIC royong
  PRIVATE MPI::MPI_CXX spdlog::spdlog)
