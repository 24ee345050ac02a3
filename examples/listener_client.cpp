// SPDX-License-Identifier: Apache-2.0
// A listener and its clients: any programs that know the address and the key, here two processes of one program.
#include <royong/connection.hpp>
#include <royong/error.hpp>
#include <royong/init.hpp>
#include <royong/process.hpp>

#include <iostream>
#include <map>
#include <string>

namespace mp = royong;

struct Question {
  std::string country;
};

void ask(std::string address, std::string country) {
  const mp::Connection connection = mp::Client(address, "the shared secret");
  connection.send(Question{country});
  std::cout << country << ": " << connection.recv<std::string>() << std::endl;
}

void intrude(std::string address) {
  try {
    mp::Client(address, "a guess");
  } catch (const mp::AuthenticationError&) {
    std::cout << "the intruder is not let in" << std::endl;
  }
}

int main(int argc, char** argv) {
  mp::init(argc, argv);
  const std::map<std::string, std::string> capitals{{"Indonesia", "Jakarta"}, {"Peru", "Lima"}};

  // No address: a fresh one. "127.0.0.1:0" would be TCP with a free port, "/run/capitals.sock" a file.
  mp::Listener listener({.authkey = "the shared secret"});
  for (const auto& [country, capital] : capitals) {
    mp::Process client(ask, listener.address(), country);
    client.start();
    const mp::Connection connection = listener.accept();
    const auto question = connection.recv<Question>();
    connection.send(capitals.at(question.country));
    client.join();
  }

  mp::Process intruder(intrude, listener.address());
  intruder.start();
  try {
    listener.accept();
  } catch (const mp::AuthenticationError&) {
    intruder.join();
    std::cout << "and the listener goes on" << std::endl;
  }
}
