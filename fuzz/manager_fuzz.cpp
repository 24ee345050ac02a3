// SPDX-License-Identifier: Apache-2.0
// What a client of another program may say to a manager, with any bytes whatever: an answer, an error as the answer, or the end of the session; and the objects work as before.
//
// The input is a row of messages: two bytes of length, and then so many. If its first byte is odd, a hello comes before them; if its second bit is set, the client
// has found all that is published before them, so that it may use it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "logging/log.hpp"
#include "manager/protocol.hpp"
#include "manager/server.hpp"
#include "manager/server_session.hpp"
#include "manager/types.hpp"
#include "os/limits.hpp"
#include "royong/error.hpp"
#include "royong/init.hpp"
#include "royong/manager/dict.hpp"
#include "royong/manager/list.hpp"
#include "royong/manager/lock.hpp"
#include "royong/manager/queue.hpp"

namespace {

namespace manager = royong::manager;
namespace detail = royong::detail;
using Table = royong::ManagerDict<std::string, int>;

/// A socket's end that has received the input already, and takes all answers.
class InputLine final : public manager::Line {
 public:
  explicit InputLine(std::vector<std::vector<std::byte>> messages)
      : messages_(std::move(messages)) {}

  detail::Writer writer() override { return detail::Writer(detail::Transit::foreign); }
  void post(std::span<const std::byte>, std::span<const std::byte>) override {}
  bool flush() override { return true; }
  std::size_t unsent() const noexcept override { return 0; }
  bool withdraw(std::uint64_t) noexcept override { return false; }
  std::size_t receive(std::size_t most, Receiver& receiver) override {
    const auto count = std::min(most, messages_.size() - next_);
    if (count == 0) throw royong::EndOfFile("the end of the input");
    for (std::size_t i = 0; i < count; ++i) receiver.message(messages_[next_++]);
    return count;
  }
  bool may_receive() noexcept override { return true; }
  void wait(const std::atomic<std::uint32_t>&, royong::Timeout::Clock::time_point) override {}
  void wake() noexcept override {}
  void abandon() noexcept override {}

 private:
  std::vector<std::vector<std::byte>> messages_;
  std::size_t next_ = 0;
};

/// A server without a loop, with a few published objects.
struct World {
  World() {
    static char name[] = "manager_fuzz";
    static char* arguments[] = {name, nullptr};
    royong::init(1, arguments);
    detail::set_log_level(royong::LogLevel::error);
    auto [first, other] = royong::Pipe();
    owner.emplace(std::move(other));
    server = std::make_unique<manager::Server>(
        manager::ServerPlan{.options = {.limits = {.objects = 1000,
                                                   .waiting_calls = 100,
                                                   .memory = royong::os::own_memory() +
                                                             (std::uint64_t{64} << 20)}}},
        std::move(first));
    table = Table(detail::create<Table::ServedClass>(server->session()));
    publish("table", table);
    publish("list", royong::ManagerList<int>(
                        detail::create<royong::ManagerList<int>::ServedClass>(server->session())));
    publish("lock", royong::ManagerLock(
                        detail::Kind<royong::ManagerLock::ServedClass>::make(server->session())));
    using Queue = royong::ManagerQueue<int>;
    publish("queue", Queue(detail::create<Queue::ServedClass>(server->session(), 2)));
  }

  template <class P>
  void publish(const std::string& name, const P& proxy) {
    detail::OutgoingCall call(server->session(),
                              static_cast<std::uint32_t>(manager::Verb::publish));
    call.writer()(name, proxy.target()->id());
    detail::Reply reply;
    call.perform(reply);
  }

  std::optional<royong::Connection> owner;
  std::unique_ptr<manager::Server> server;
  Table table;
  detail::SessionId last = 1000;
};

std::vector<std::byte> request(manager::Verb verb, std::span<const std::byte> body) {
  const manager::RequestHead head{.call = 1, .verb = static_cast<std::uint32_t>(verb)};
  const auto head_bytes = std::as_bytes(std::span(&head, 1));
  std::vector<std::byte> bytes(head_bytes.begin(), head_bytes.end());
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

std::vector<std::byte> hello() {
  const manager::Hello body;
  return request(manager::Verb::hello, std::as_bytes(std::span(&body, 1)));
}

template <class P>
std::vector<std::byte> find(std::string name) {
  const auto& type = detail::Kind<typename P::ServedClass>::type();
  detail::Writer body;
  detail::encode(body, manager::Wanted{
                           std::move(name), std::string(type.name), type.hash, type.signature, {}});
  return request(manager::Verb::find, body.bytes());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto& world = *new World;
  auto rest = std::as_bytes(std::span(data, size));
  std::vector<std::vector<std::byte>> messages;
  if (!rest.empty() && (data[0] & 1) != 0) messages.push_back(hello());
  if (!rest.empty() && (data[0] & 2) != 0) {
    messages.push_back(find<Table>("table"));
    messages.push_back(find<royong::ManagerList<int>>("list"));
    messages.push_back(find<royong::ManagerLock>("lock"));
    messages.push_back(find<royong::ManagerQueue<int>>("queue"));
  }
  if (!rest.empty()) rest = rest.subspan(1);
  while (rest.size() >= 2) {
    std::uint16_t length = 0;
    std::memcpy(&length, rest.data(), sizeof length);
    const auto bytes = rest.subspan(2).first(std::min<std::size_t>(length, rest.size() - 2));
    messages.emplace_back(bytes.begin(), bytes.end());
    rest = rest.subspan(2 + bytes.size());
  }
  const auto session = std::make_shared<manager::ServerSession>(
      *world.server, ++world.last, std::make_unique<InputLine>(std::move(messages)), true);
  while (!session->has_ended()) session->serve();
  world.server->forget(*session);
  // Nobody ended or replaced what is published, and it works.
  world.table.clear();
  world.table.set("key", 1);
  if (world.table.at("key") != 1) std::abort();
  return 0;
}
