// SPDX-License-Identifier: Apache-2.0
// One side of a conversation between two programs without a common ancestor.
// speaker listen|massacre|root|call ADDRESS KEY TLS...  KEY "-": none. TLS: nothing, "psk", or certificate key (listen) / authority (call)
#include <signal.h>
#include <unistd.h>
#include <royong/connection.hpp>
#include <royong/error.hpp>
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/sync.hpp>

#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mp = royong;

namespace {

void wait_for_death(mp::Event ready) {
  ready.set();
  for (;;) ::pause();
}

/// Listens, and dies by SIGKILL: alone, or with its workers at one stroke.
[[noreturn]] void listen_and_die(const std::string& path, bool all) {
  ::setpgid(0, 0);
  // By a path that means nothing to whoever stands elsewhere.
  std::filesystem::current_path(std::filesystem::path(path).parent_path());
  const mp::Listener listener({.address = "./" + std::filesystem::path(path).filename().string()});
  std::vector<mp::Process> family;
  for (const auto method : mp::get_all_start_methods()) {
    const mp::Event ready;
    family.push_back(mp::get_context(method).process(wait_for_death, ready));
    family.back().start();
    ready.wait();
  }
  std::cout << std::filesystem::exists(path) << std::endl;
  ::kill(all ? 0 : ::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace

using Table = std::map<std::string, std::vector<double>>;

int main(int argc, char** argv) {
  mp::init(argc, argv);
  const std::string role = argv[1];
  if (role == "massacre" || role == "root") listen_and_die(argv[2], role == "massacre");
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
