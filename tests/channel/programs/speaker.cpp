// SPDX-License-Identifier: Apache-2.0
// One side of a conversation between two programs without a common ancestor.
// speaker listen|call ADDRESS KEY TLS...  KEY "-": none. TLS: nothing, "psk", or certificate key (listen) / authority (call)
#include <royong/connection.hpp>
#include <royong/error.hpp>
#include <royong/init.hpp>

#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mp = royong;

using Table = std::map<std::string, std::vector<double>>;

int main(int argc, char** argv) {
  mp::init(argc, argv);
  const std::string role = argv[1];
  const std::optional<std::string> key =
      std::string(argv[3]) == "-" ? std::nullopt : std::optional<std::string>(argv[3]);
  mp::Tls tls;
  if (argc == 5) {
    if (std::string(argv[4]) == "psk") {
      tls.psk = true;
    } else {
      tls.authority = argv[4];
    }
  } else if (argc == 6) {
    tls.certificate = argv[4];
    tls.key = argv[5];
  }
  try {
    if (role == "listen") {
      mp::Listener listener({.address = argv[2], .authkey = key, .tls = tls});
      std::cout << listener.address() << std::endl;
      const mp::Connection connection = listener.accept();
      auto table = connection.recv<Table>();
      table["answer"] = {42};
      connection.send(table);
      connection.send_bytes(std::string(1'000'000, 'x'));
      try {
        connection.recv<int>();
      } catch (const mp::EndOfFile&) {
        std::cout << "the end" << std::endl;
      }
    } else {
      const mp::Connection connection = mp::Client(argv[2], key, tls);
      connection.send(Table{{"numbers", {1, 2, 3}}});
      const auto table = connection.recv<Table>();
      std::cout << table.size() << " " << table.at("answer").at(0) << " "
                << connection.recv_bytes().size() << std::endl;
    }
  } catch (const mp::AuthenticationError& error) {
    std::cout << "refused" << std::endl;
    return 3;
  }
}
