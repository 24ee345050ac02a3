// SPDX-License-Identifier: Apache-2.0
#include "mpi/questions.hpp"

namespace royong::inline v0::mpi {

Answer Questions::ask(Cluster::Lock& lock, NodeId node, Ask ask, LocalNode* sleep_in) {
  ask.number = ++count_;
  Pending pending;
  pending.node = node;
  pending_[ask.number] = &pending;
  cluster_.send(node, make_message(Kind::ask, ask));
  lock.unlock();
  cluster_.wait(pending.there, sleep_in, Timeout::Clock::time_point::max());
  lock.lock();
  pending_.erase(ask.number);
  return pending.answer;
}

void Questions::answered(const Answer& answer) {
  const auto place = pending_.find(answer.number);
  if (place == pending_.end()) return;
  place->second->answer = answer;
  place->second->there.store(1, std::memory_order_release);
  cluster_.note_end();
}

void Questions::lose(NodeId node) {
  for (auto& [number, pending] : pending_) {
    if (pending->node == node) pending->there.store(1, std::memory_order_release);
  }
}

}  // namespace royong::inline v0::mpi
