// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <span>    // for std::span
#include <string>  // for std::string
#include <vector>  // for std::vector

#include "channel/handshake.hpp"
#include "channel/met.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"
#include "support/matchers.hpp"

namespace royong {
namespace {

using channel::Handshake;
using channel::Side;
using royong_test::connect;
using royong_test::meet;

TEST(Authentication, the_same_key_opens) {
  for (const std::string& key : {std::string("secret"), std::string(), std::string("\0zero", 5)}) {
    Listener listener({.authkey = key});
    const auto [a, b] = meet(listener, key);
    a.send(1);
    EXPECT_EQ(b.recv<int>(), 1);
  }
}

TEST(Authentication, a_wrong_key_is_an_AuthenticationError_on_both_sides_and_the_listener_goes_on) {
  Listener listener({.authkey = "right"});
  for (const std::string key : {"wrong", "", "right "}) {
    auto client = connect(listener.address(), key);
    EXPECT_THROW(listener.accept(), AuthenticationError);
    EXPECT_THROW(client.get(), AuthenticationError);
  }
  meet(listener, "right");
}

TEST(Authentication, a_client_with_a_key_is_not_satisfied_by_a_listener_without) {
  Listener listener;
  auto client = connect(listener.address(), "key");
  EXPECT_THROW_MESSAGE(listener.accept(), AuthenticationError, "this side has none");
  EXPECT_THROW_MESSAGE(client.get(), AuthenticationError, "has no authkey");
}

TEST(Authentication, a_client_without_the_key_learns_it_with_the_first_message) {
  Listener listener({.authkey = "key"});
  const Connection client = Client(listener.address());
  EXPECT_THROW_MESSAGE(listener.accept(), AuthenticationError, "without an authkey");
  EXPECT_THROW_MESSAGE(client.recv<int>(), AuthenticationError, "wants an authkey");
}

/// Carries what one side says to the other until both are still. @return whether both are done
bool converse(Handshake& client, Handshake& listener) {
  for (int i = 0; i < 10; ++i) {
    for (auto [from, to] : {std::pair{&client, &listener}, std::pair{&listener, &client}}) {
      while (!from->output().empty() && to->wanted() != 0) {
        const auto part = from->output().first(std::min(from->output().size(), to->wanted()));
        to->input(part);
        from->sent(part.size());
      }
    }
  }
  return client.done() && listener.done();
}

TEST(Handshake, ends_well_with_equal_keys_only) {
  rc::check([](const std::string& a, const std::string& b) {
    Handshake client(Side::client, a);
    Handshake same(Side::listener, a);
    RC_ASSERT(converse(client, same));
    if (a == b) return;
    Handshake again(Side::client, a);
    Handshake other(Side::listener, b);
    RC_ASSERT_THROWS_AS(converse(again, other), AuthenticationError);
  });
}

TEST(Handshake, whoever_repeats_what_was_said_proves_nothing) {
  // A listener's proof sent back to it: the role is part of what is hashed.
  Handshake listener(Side::listener, "key");
  Handshake client(Side::client, "key");
  std::vector<std::byte> hello(client.output().begin(), client.output().end());
  listener.input(std::span(hello).first(listener.wanted()));
  listener.input(std::span(hello).subspan(8));
  const auto answer = std::vector<std::byte>(listener.output().begin(), listener.output().end());
  listener.sent(answer.size());
  std::vector<std::byte> forged(answer.begin(), answer.begin() + 8);
  forged[7] = std::byte{33};
  forged.push_back(std::byte{2});
  forged.insert(forged.end(), answer.end() - 32, answer.end());
  listener.input(std::span(forged).first(8));
  EXPECT_THROW(listener.input(std::span(forged).subspan(8)), AuthenticationError);
}

TEST(Handshake, any_byte_that_is_changed_is_noticed) {
  Handshake model(Side::client, "key");
  const std::size_t length = model.output().size();
  EXPECT_LE(length, channel::longest_handshake);
  for (std::size_t at = 0; at < length; ++at) {
    Handshake client(Side::client, "key");
    Handshake listener(Side::listener, "key");
    std::vector<std::byte> hello(client.output().begin(), client.output().end());
    client.sent(hello.size());
    hello[at] ^= std::byte{1};
    bool noticed = false;
    try {
      for (std::size_t done = 0; done < hello.size() && listener.wanted() != 0;) {
        const auto part = std::min(listener.wanted(), hello.size() - done);
        listener.input(std::span(hello).subspan(done, part));
        done += part;
      }
      noticed = !converse(client, listener);
    } catch (const Error&) {
      noticed = true;
    }
    EXPECT_TRUE(noticed) << "byte " << at;
  }
}

TEST(Handshake, never_wants_more_than_its_limit) {
  Handshake listener(Side::listener, "key");
  const std::string head("royong\x01\xf9", 8);  // 249 + 8 > 256
  EXPECT_THROW(listener.input(std::as_bytes(std::span(head))), TransferError);
}

}  // namespace
}  // namespace royong
