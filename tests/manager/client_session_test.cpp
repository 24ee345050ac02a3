// SPDX-License-Identifier: Apache-2.0
// A client's end of a session whose server is gone before the client has said a word.
#include "manager/client_session.hpp"

#include <sys/socket.h>

#include <chrono>
#include <utility>

#include "channel/handshake.hpp"
#include "channel/stream.hpp"
#include "os/socket.hpp"
#include "royong/error.hpp"
#include "support/matchers.hpp"

namespace {

using namespace std::chrono_literals;
using royong::channel::Handshake;
using royong::channel::Side;
using royong::manager::ClientSession;

void greet_whom_is_gone(royong::os::Fd socket) {
  royong::detail::StateRef<ClientSession> session(
      new ClientSession(royong::channel::plain_stream(std::move(socket)), "here", 30s));
}

TEST(ClientSession, TellsWhyItWasRefusedThoughItsHelloCouldNotBeSent) {
  auto [mine, theirs] = royong::os::socket_pair(SOCK_STREAM);
  const Handshake client(Side::client, std::nullopt);
  Handshake listener(Side::listener, "key");
  EXPECT_THROW(listener.input(client.output()), royong::AuthenticationError);
  royong::os::send_message(theirs.get(), listener.output(), {});
  theirs = {};
  EXPECT_THROW_MESSAGE(greet_whom_is_gone(std::move(mine)), royong::AuthenticationError,
                       "it wants an authkey");
}

TEST(ClientSession, TellsThatTheServerIsGoneIfItSaidNothing) {
  auto [mine, theirs] = royong::os::socket_pair(SOCK_STREAM);
  theirs = {};
  EXPECT_THROW_MESSAGE(greet_whom_is_gone(std::move(mine)), royong::EndOfFile, "server is gone");
}

}  // namespace
