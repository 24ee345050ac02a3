// SPDX-License-Identifier: Apache-2.0
#include "fake_mpi.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <set>

#include "mpi.h"

namespace {

struct Piece {
  int from;
  int tag;
  std::vector<std::byte> bytes;
};

struct World {
  int size = 1;
  std::deque<Piece> mail;
  std::map<int, Piece> matched;  // by message
  std::set<int> dead;
  std::set<int> acknowledged;
  std::map<int, std::vector<int>> groups;
  std::map<int, std::size_t> sent;
  std::map<int, int> receivers;  // of sends under way, by request
  int next = 1;
  bool fail_probe = false;
};

World world;

}  // namespace

namespace fake_mpi {

void reset(int ranks) {
  world = {};
  world.size = ranks;
}
void send_from(int rank, int tag, std::vector<std::byte> piece) {
  world.mail.push_back({rank, tag, std::move(piece)});
}
void kill(int rank) { world.dead.insert(rank); }
void fail_next_probe() { world.fail_probe = true; }
std::size_t sent_to(int rank) { return world.sent[rank]; }
int open_groups() { return static_cast<int>(world.groups.size()); }

}  // namespace fake_mpi

int MPI_Initialized(int* flag) {
  *flag = 0;
  return MPI_SUCCESS;
}
int MPI_Query_thread(int* provided) {
  *provided = MPI_THREAD_MULTIPLE;
  return MPI_SUCCESS;
}
int MPI_Init_thread(int*, char***, int required, int* provided) {
  *provided = required;
  return MPI_SUCCESS;
}
int MPI_Finalize() { return MPI_SUCCESS; }
int MPI_Comm_set_errhandler(MPI_Comm, MPI_Errhandler) { return MPI_SUCCESS; }
int MPI_Comm_rank(MPI_Comm, int* rank) {
  *rank = 0;
  return MPI_SUCCESS;
}
int MPI_Comm_size(MPI_Comm, int* size) {
  *size = world.size;
  return MPI_SUCCESS;
}
int MPI_Comm_group(MPI_Comm, MPI_Group* group) {
  *group = world.next++;
  for (int rank = 0; rank < world.size; ++rank) world.groups[*group].push_back(rank);
  return MPI_SUCCESS;
}
int MPI_Group_size(MPI_Group group, int* size) {
  *size = static_cast<int>(world.groups.at(group).size());
  return MPI_SUCCESS;
}
int MPI_Group_translate_ranks(MPI_Group from, int n, const int ranks[], MPI_Group to,
                              int result[]) {
  const auto& there = world.groups.at(to);
  for (int i = 0; i < n; ++i) {
    const int rank = world.groups.at(from).at(static_cast<std::size_t>(ranks[i]));
    result[i] = static_cast<int>(std::find(there.begin(), there.end(), rank) - there.begin());
  }
  return MPI_SUCCESS;
}
int MPI_Group_free(MPI_Group* group) {
  world.groups.erase(*group);
  *group = MPI_GROUP_NULL;
  return MPI_SUCCESS;
}
int MPI_Error_string(int code, char* text, int* length) {
  *length = std::snprintf(text, MPI_MAX_ERROR_STRING, "error %d of the fake", code);
  return MPI_SUCCESS;
}
int MPI_Error_class(int code, int* error_class) {
  *error_class = code % 100;  // codes of one class differ
  return MPI_SUCCESS;
}
int MPI_Isend(const void*, int, MPI_Datatype, int to, int, MPI_Comm, MPI_Request* request) {
  *request = world.next++;
  world.receivers[*request] = to;
  if (world.dead.count(to) == 0) ++world.sent[to];
  return MPI_SUCCESS;
}
/// Messages of those that live are found first, as a real one may do. A death that is not acknowledged is an error then.
int MPI_Improbe(int, int, MPI_Comm, int* flag, MPI_Message* message, MPI_Status* status) {
  *flag = 0;
  if (world.fail_probe) {
    world.fail_probe = false;
    return 100 + MPI_ERR_OTHER;
  }
  if (!std::includes(world.acknowledged.begin(), world.acknowledged.end(), world.dead.begin(),
                     world.dead.end()))
    return 100 + MPIX_ERR_PROC_FAILED_PENDING;
  if (world.mail.empty()) return MPI_SUCCESS;
  *flag = 1;
  *message = world.next++;
  status->MPI_SOURCE = world.mail.front().from;
  status->MPI_TAG = world.mail.front().tag;
  status->count = static_cast<int>(world.mail.front().bytes.size());
  world.matched[*message] = std::move(world.mail.front());
  world.mail.pop_front();
  return MPI_SUCCESS;
}
int MPI_Imrecv(void* buffer, int count, MPI_Datatype, MPI_Message* message, MPI_Request* request) {
  const Piece piece = std::move(world.matched.at(*message));
  world.matched.erase(*message);
  std::memcpy(buffer, piece.bytes.data(), static_cast<std::size_t>(count));
  *message = MPI_MESSAGE_NULL;
  *request = world.next++;
  return MPI_SUCCESS;
}
int MPI_Get_count(const MPI_Status* status, MPI_Datatype, int* count) {
  *count = status->count;
  return MPI_SUCCESS;
}
/// A send to a dead rank fails when it is asked for.
int MPI_Test(MPI_Request* request, int* flag, MPI_Status*) {
  *flag = 1;
  const auto sending = world.receivers.find(*request);
  const bool fails = sending != world.receivers.end() && world.dead.count(sending->second) != 0;
  if (sending != world.receivers.end()) world.receivers.erase(sending);
  *request = MPI_REQUEST_NULL;
  return fails ? 200 + MPIX_ERR_PROC_FAILED : MPI_SUCCESS;
}

int MPIX_Comm_failure_ack(MPI_Comm) {
  world.acknowledged = world.dead;
  return MPI_SUCCESS;
}
int MPIX_Comm_failure_get_acked(MPI_Comm, MPI_Group* group) {
  *group = world.next++;
  world.groups[*group].assign(world.acknowledged.begin(), world.acknowledged.end());
  return MPI_SUCCESS;
}
