// SPDX-License-Identifier: Apache-2.0
// The transport over an MPI with fault tolerance that is within this process: what it makes of the deaths that such an MPI reports.
#include "mpi/transport.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "fake_mpi.hpp"
#include "royong/error.hpp"

namespace {

using namespace royong::mpi;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int first_tag = 0x726f;  // of a piece that begins a message

class Heard final : public Receiver {
 public:
  void received(int from, std::span<std::byte>) override { messages.push_back(from); }
  void failed(int rank, const std::string& why) override {
    dead.push_back(rank);
    reasons.push_back(why);
  }
  std::vector<int> messages;
  std::vector<int> dead;
  std::vector<std::string> reasons;
};

std::vector<std::byte> heartbeat() {
  const MessagePtr message = make_message(Kind::heartbeat);
  FrameHead head;
  head.length = message->size();
  std::vector<std::byte> bytes(message->bytes().begin(), message->bytes().end());
  std::memcpy(bytes.data(), &head, sizeof head);
  return bytes;
}

TEST(TransportWithFaultTolerance, TellsOfADeadRankOnceAndGoesOn) {
  fake_mpi::reset(4);
  const auto transport = make_transport();
  Heard heard;
  fake_mpi::kill(2);
  fake_mpi::send_from(1, first_tag, heartbeat());
  for (int i = 0; i < 5; ++i) transport->poll(heard);
  EXPECT_THAT(heard.dead, ElementsAre(2));
  EXPECT_THAT(heard.reasons, ElementsAre(HasSubstr("of the fake")));
  EXPECT_THAT(heard.messages, ElementsAre(1));

  fake_mpi::kill(3);
  fake_mpi::send_from(1, first_tag, heartbeat());
  for (int i = 0; i < 5; ++i) transport->poll(heard);
  EXPECT_THAT(heard.dead, ElementsAre(2, 3));  // 2 is among the acknowledged still
  EXPECT_THAT(heard.messages, ElementsAre(1, 1));
  EXPECT_EQ(fake_mpi::open_groups(), 0);
}

TEST(TransportWithFaultTolerance, TakesWhatADeadRankHadSent) {
  fake_mpi::reset(2);
  const auto transport = make_transport();
  Heard heard;
  fake_mpi::send_from(1, first_tag, heartbeat());
  fake_mpi::kill(1);
  for (int i = 0; i < 3; ++i) transport->poll(heard);
  EXPECT_THAT(heard.dead, ElementsAre(1));
  EXPECT_THAT(heard.messages, ElementsAre(1));
}

TEST(TransportWithFaultTolerance, ASendToADeadRankFailsThatRankAlone) {
  fake_mpi::reset(3);
  const auto transport = make_transport();
  Heard heard;
  transport->send(1, make_message(Kind::heartbeat));
  transport->send(2, make_message(Kind::heartbeat));
  fake_mpi::kill(1);
  for (int i = 0; i < 3; ++i) transport->poll(heard);
  EXPECT_THAT(heard.dead, ElementsAre(1));
  transport->give_up(1);
  EXPECT_TRUE(transport->is_flushed());
  transport->send(2, make_message(Kind::heartbeat));
  transport->poll(heard);
  EXPECT_EQ(fake_mpi::sent_to(2), 2U);
}

TEST(TransportWithFaultTolerance, AnErrorThatIsNoDeathIsAnError) {
  fake_mpi::reset(2);
  const auto transport = make_transport();
  Heard heard;
  fake_mpi::fail_next_probe();
  EXPECT_THROW(transport->poll(heard), royong::Error);
  EXPECT_THAT(heard.dead, IsEmpty());
}

}  // namespace
