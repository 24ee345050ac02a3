// SPDX-License-Identifier: Apache-2.0
// stranger <what>: a rank that speaks the messages of royong::mpi, but not as it should. It prints what rank 0 answers.
//
//     version    it says hello as another version of royong
//     nonsense   it says what is no hello
#include <sched.h>
#include <royong/init.hpp>

#include <cstdio>
#include <cstring>
#include <string>

#include "mpi/agent.hpp"
#include "mpi/messages.hpp"
#include "mpi/transport.hpp"

namespace {

using namespace royong::mpi;

class Listener final : public Receiver {
 public:
  void received(int, std::span<std::byte> message) override {
    royong::detail::Reader in(message);
    Kind kind{};
    in.read_plain(kind);
    if (kind == Kind::refuse) std::printf("refused: %s\n", in.read<Refuse>().reason.c_str());
    if (kind == Kind::fence) std::printf("fenced\n");
    answered |= kind == Kind::refuse || kind == Kind::fence;
  }
  void failed(int, const std::string&) override { answered = true; }
  bool answered = false;
};

}  // namespace

int main(int argc, char** argv) {
  royong::init(argc, argv);
  const auto transport = make_transport();
  if (std::strcmp(argv[1], "version") == 0) {
    Hello hello = introduce();
    ++hello.version;
    transport->send(0, make_message(Kind::hello, hello));
  } else {
    transport->send(0, make_message(Kind::hello, std::string("good day")));
  }
  Listener listener;
  while (!listener.answered) {
    if (!transport->poll(listener)) {
      // Whoever is lost hears so when it speaks again.
      if (transport->is_flushed()) transport->send(0, make_message(Kind::heartbeat));
      ::sched_yield();
    }
  }
  while (!transport->is_flushed()) transport->poll(listener);
  std::fflush(stdout);
  if (std::strcmp(argv[1], "version") == 0) transport->finalize();
  std::_Exit(0);
}
