// SPDX-License-Identifier: Apache-2.0
#include "channel/descriptor_exchange.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>  // for std::ranges::find_if
#include <chrono>     // for std::chrono::seconds
#include <exception>  // for std::exception
#include <mutex>      // for std::mutex
#include <optional>   // for std::optional
#include <string>     // for std::string
#include <thread>     // for std::thread
#include <vector>     // for std::vector

#include "channel/address.hpp"
#include "channel/secret.hpp"
#include "logging/log.hpp"
#include "memory/objects.hpp"
#include "memory/robust_mutex.hpp"
#include "os/error.hpp"
#include "os/poll.hpp"
#include "os/quiet_thread.hpp"
#include "os/random.hpp"
#include "os/stream_socket.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::channel {
namespace {

using detail::ObjectName;
using detail::ObjectRecord;
using detail::ObjectRef;
using os::Deadline;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// How long one side waits for the other's part: both are on this machine.
constexpr std::chrono::seconds patience{10};
/// Between two looks for objects that are gone.
constexpr std::chrono::milliseconds look_pause{100};

enum class Wish : unsigned char { fetch = 1, decline = 2 };

struct Request {
  Token token;
  Wish wish;
};
constexpr std::size_t request_size = sizeof(Token) + 1;

std::string name_of(const Token& keeper) { return "@royong-fd-" + hexadecimal(keeper); }

struct Entry {
  ObjectName object;
  const ObjectRecord* record;
  Token token;
  os::Fd descriptor;
  int copies;  ///< still to be fetched

  bool is_over() const noexcept { return copies <= 0 || record->serial.load() != object.serial; }
};

/** @brief What this process has on offer, and the thread that hands it out.
 *
 *  Order of locks: `mutex_`, then those of the floors below. The thread ends, and its socket with it, when nothing is on offer.
 */
class Keeper {
 public:
  static Keeper& instance() {
    static auto& keeper = *new Keeper;  // never destroyed: the thread may run to the very end
    return keeper;
  }

  void offer(const ObjectRef& object, Offer& offer, int descriptor) {
    const std::lock_guard lock(mutex_);
    auto* entry = find(object.name());
    if (entry == nullptr) {
      entries_.push_back({object.name(), &object.record(), os::random_bytes<sizeof(Token)>(),
                          os::duplicate(descriptor), 0});
      entry = &entries_.back();
    }
    if (!listener_) {
      try {
        start();
      } catch (...) {
        entries_.clear();
        throw;
      }
    }
    ++entry->copies;
    const memory::RobustGuard guard(object.record().inner);
    offer = {name_, entry->token, static_cast<std::uint32_t>(::getpid())};
  }

  /// A copy of what this process has on offer itself; an entry fewer to fetch.
  std::optional<os::Fd> take_own(const ObjectRef& object) {
    const std::lock_guard lock(mutex_);
    Entry* entry = find(object.name());
    if (entry == nullptr) return std::nullopt;
    os::Fd copy = os::duplicate(entry->descriptor.get());
    --entry->copies;
    bell_->signal();
    return copy;
  }

 private:
  Keeper() {
    const int error =
        ::pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                         [] {
                           instance().forget();
                           instance().mutex_.unlock();
                         });
    if (error != 0) os::throw_error(error, "cannot register", "fork handlers");
  }

  // In a fork: what is on offer is the parent's, and its copies would keep sockets open.
  void forget() noexcept {
    entries_.clear();
    listener_.reset();
    bell_.reset();
  }

  Entry* find(const ObjectName& object) noexcept {
    const auto found = std::ranges::find_if(
        entries_, [&](const Entry& entry) { return entry.object == object && !entry.is_over(); });
    return found == entries_.end() ? nullptr : &*found;
  }

  void start() {
    name_ = os::random_bytes<sizeof(Token)>();
    const std::string name = name_of(name_);
    os::Fd listener = os::listen_at(resolve(name, true).front(), 64, name);
    bell_.emplace();
    os::start_quiet_thread([this, socket = listener.get(), bell = bell_->fd()] {
      serve(socket, bell);
    }).detach();
    listener_ = std::move(listener);
  }

  void serve(int listener, int bell) noexcept {
    while (!is_idle()) {
      try {
        std::array<pollfd, 2> fds{{{listener, POLLIN, 0}, {bell, POLLIN, 0}}};
        os::poll(fds, Clock::now() + look_pause);
        os::SocketAddress from;
        while (auto client = os::accept_next(listener, from)) answer(*client);
      } catch (const std::exception& error) {
        detail::warn("cannot hand out a descriptor: {}", error.what());
      }
    }
  }

  /// Drops what is over. @return whether nothing is left: then the thread is as good as gone
  bool is_idle() noexcept {
    const std::lock_guard lock(mutex_);
    bell_->drain();
    std::erase_if(entries_, [](const Entry& entry) { return entry.is_over(); });
    if (!entries_.empty()) return false;
    listener_.reset();
    bell_.reset();
    return true;
  }

  void answer(const os::Fd& client) {
    // The same user: then it is no stranger who can hold us up.
    if (os::peer_of(client.get()).uid != ::geteuid()) return;
    std::array<std::byte, request_size> bytes{};
    std::size_t have = 0;
    const auto deadline = Clock::now() + patience;
    while (have < bytes.size()) {
      const auto got = os::receive_some(client.get(), std::span(bytes).subspan(have));
      if (got.ended) return;
      have += got.bytes;
      pollfd event{client.get(), POLLIN, 0};
      if (got.bytes == 0 && os::poll({&event, 1}, deadline) == 0) return;
    }
    const std::lock_guard lock(mutex_);
    for (Entry& entry : entries_) {
      if (!equal_secrets(entry.token, std::span(bytes).first(sizeof(Token)))) continue;
      if (entry.copies > 0) --entry.copies;
      if (bytes.back() == std::byte{static_cast<unsigned char>(Wish::fetch)}) {
        std::byte one{1};
        iovec part{&one, 1};
        os::send_some(client.get(), {&part, 1}, entry.descriptor.get());
      }
      return;
    }
  }

  std::mutex mutex_;
  std::vector<Entry> entries_;
  Token name_{};
  os::Fd listener_;  ///< open while the thread runs
  std::optional<os::EventFd> bell_;
};

/// What the object says, read as one.
Offer offer_in(const ObjectRef& object, const Offer& offer) {
  const memory::RobustGuard guard(object.record().inner);
  return offer;
}

/// A connection to the keeper on which the request has been sent. Nothing: there is no such keeper any more.
std::optional<os::Fd> ask(const Offer& offer, Wish wish) {
  try {
    const std::string name = name_of(offer.keeper);
    auto socket = os::connect_to(resolve(name, false).front(), Clock::now() + patience, name);
    if (!socket) return std::nullopt;
    // An abstract name can be taken by anybody once its owner is gone: the token is for our user's eyes only.
    if (os::peer_of(socket->get()).uid != ::geteuid()) return std::nullopt;
    std::array<std::byte, request_size> bytes{};
    std::ranges::copy(offer.token, bytes.begin());
    bytes.back() = std::byte{static_cast<unsigned char>(wish)};
    iovec part{bytes.data(), bytes.size()};
    if (os::send_some(socket->get(), {&part, 1}).bytes != bytes.size()) return std::nullopt;
    return socket;
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

}  // namespace

void offer_descriptor(const ObjectRef& object, Offer& offer, int descriptor) {
  Keeper::instance().offer(object, offer, descriptor);
}

os::Fd fetch_descriptor(const ObjectRef& object, Offer& offer) {
  if (auto own = Keeper::instance().take_own(object)) return std::move(*own);
  const Offer place = offer_in(object, offer);
  const auto keeper = "process " + std::to_string(place.pid);
  const auto socket = ask(place, Wish::fetch);
  if (!socket) {
    throw TransferError("a descriptor was lost: " + keeper +
                        ", which sent it, ended before it was received");
  }
  os::Fd descriptor;
  std::byte one{};
  const auto deadline = Clock::now() + patience;
  for (;;) {
    const auto got = os::receive_some(socket->get(), {&one, 1}, &descriptor);
    if (got.bytes != 0 && descriptor) return descriptor;
    pollfd event{socket->get(), POLLIN, 0};
    if (got.ended || got.bytes != 0 || os::poll({&event, 1}, deadline) == 0) {
      throw TransferError("a descriptor was lost: " + keeper + " does not hand it out");
    }
  }
}

void decline_descriptor(const ObjectRef& object, Offer& offer) noexcept {
  try {
    if (Keeper::instance().take_own(object)) return;
    const Offer place = offer_in(object, offer);
    if (place.pid != 0) ask(place, Wish::decline);
  } catch (const std::exception&) {
    // Then the copy is kept as long as the object lives.
  }
}

}  // namespace royong::inline v0::channel
