// SPDX-License-Identifier: Apache-2.0
#include "royong/mpi/init.hpp"

#include <spdlog/spdlog.h>

#include <cstdlib>  // for std::atexit, std::exit
#include <new>      // for std::bad_alloc

#include "mpi/agent.hpp"
#include "mpi/cluster.hpp"
#include "royong/error.hpp"
#include "royong/logging.hpp"
#include "royong/process.hpp"

namespace royong::inline v0::mpi {
namespace {

[[noreturn]] void become_agent(Transport& transport) {
  int code = 1;
  try {
    code = serve(transport);
  } catch (const std::exception& error) {
    get_logger()->error("rank {} cannot serve: {}", transport.rank(), error.what());
  }
  std::exit(code);
}

}  // namespace

void init(int argc, char** argv) {
  if (argc > 0 && argv == nullptr)
    throw UsageError("royong::mpi::init takes the argc and argv of main");
  if (Cluster::exists()) throw UsageError("royong::mpi::init was called before");
  // Its workers are clones of it: without MPI, its threads and its devices.
  royong::detail::start_forkserver();
  std::unique_ptr<Transport> transport;
  if (is_launched()) transport = make_transport();
  if (transport && transport->rank() != 0) become_agent(*transport.release());
  Cluster::create(std::move(transport));
  // Before what royong::init registered: the pools are ended by whom they belong to.
  if (std::atexit([] { Cluster::instance().end(); }) != 0) throw std::bad_alloc();
}

}  // namespace royong::inline v0::mpi
