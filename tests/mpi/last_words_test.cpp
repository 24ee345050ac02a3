// SPDX-License-Identifier: Apache-2.0
// Rank 0 at its end, with a rank that leaves while something is on its way to it.
#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "mpi/agent.hpp"
#include "mpi/cluster.hpp"
#include "mpi/messages.hpp"
#include "mpi/transport.hpp"

namespace {

using royong::mpi::Cluster;
using royong::mpi::FrameHead;
using royong::mpi::Kind;
using royong::mpi::make_message;
using royong::mpi::MessagePtr;
using royong::mpi::Receiver;
using royong::mpi::Transport;

/// Two ranks. Rank 1 says hello, and good-bye when it is told to stop. Of what it is sent nothing ever leaves.
class OneThatLeaves final : public Transport {
 public:
  OneThatLeaves() { says_.push_back(make_message(Kind::hello, royong::mpi::introduce())); }

  int rank() const noexcept override { return 0; }
  int size() const noexcept override { return 2; }
  void send(int, MessagePtr message) override {
    if (kind_of(*message) == Kind::stop) says_.push_back(make_message(Kind::bye));
  }
  bool poll(Receiver& receiver) override {
    if (says_.empty()) return false;
    for (const auto& message : std::exchange(says_, {})) {
      std::vector<std::byte> bytes(message->bytes().begin() + sizeof(FrameHead),
                                   message->bytes().end());
      receiver.received(1, bytes);
    }
    return true;
  }
  void give_up(int) override { is_given_up_ = true; }
  void take_up(int) override { is_given_up_ = false; }
  bool is_flushed() const noexcept override { return is_given_up_; }
  void finalize() override {}

 private:
  static Kind kind_of(const auto& message) {
    return static_cast<Kind>(std::to_integer<int>(message.bytes()[sizeof(FrameHead)]));
  }

  std::vector<MessagePtr> says_;
  bool is_given_up_ = false;
};

TEST(LastWords, of_rank_0_to_a_rank_that_has_said_good_bye_are_not_waited_for) {
  Cluster::create(std::make_unique<OneThatLeaves>());
  Cluster::instance().end();
}

}  // namespace
