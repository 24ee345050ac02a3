// SPDX-License-Identifier: Apache-2.0
#include "channel/address.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>         // for std::array
#include <charconv>      // for std::from_chars
#include <cstddef>       // for offsetof
#include <cstdint>       // for std::uint16_t
#include <cstring>       // for std::memcpy
#include <memory>        // for std::unique_ptr
#include <system_error>  // for std::system_error

#include "channel/secret.hpp"
#include "os/error.hpp"
#include "os/random.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::channel {
namespace {

using os::SocketAddress;

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

// The errors of getaddrinfo, which have texts of their own.
class LookupCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "getaddrinfo"; }
  std::string message(int code) const override { return ::gai_strerror(code); }
};

[[noreturn]] void refuse(std::string_view text, const char* why) {
  throw UsageError("cannot use the address \"" + std::string(text) + "\": " + why);
}

SocketAddress unix_address(std::string_view text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (text.size() >= sizeof address.sun_path) {
    refuse(text, "it is longer than 107 bytes, the most that a unix socket can have");
  }
  if (text.find('\0') != text.npos) refuse(text, "it holds a zero byte");
  std::memcpy(address.sun_path, text.data(), text.size());
  std::size_t size = offsetof(sockaddr_un, sun_path) + text.size();
  if (text.front() == '@') {
    address.sun_path[0] = '\0';
  } else {
    ++size;  // the zero behind a path
  }
  SocketAddress result;
  std::memcpy(&result.storage, &address, sizeof address);
  result.size = static_cast<socklen_t>(size);
  return result;
}

std::string_view port_of(std::string_view text) {
  const auto colon = text.rfind(':');
  return colon == text.npos ? std::string_view{} : text.substr(colon + 1);
}

bool is_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, port);
  return !text.empty() && result.ec == std::errc() && result.ptr == end;
}

}  // namespace

AddressKind kind_of_address(std::string_view text) noexcept {
  if (text.starts_with('@')) return AddressKind::abstract_name;
  if (text.find('/') != text.npos || text.find(':') == text.npos) return AddressKind::path;
  return AddressKind::inet;
}

std::string host_of(std::string_view text) {
  text = text.substr(0, text.rfind(':'));
  if (text.starts_with('[') && text.ends_with(']')) {
    text.remove_prefix(1);
    text.remove_suffix(1);
  }
  return std::string(text);
}

std::vector<SocketAddress> resolve(const std::string& text, bool passive) {
  if (text.empty()) refuse(text, "it is empty");
  if (kind_of_address(text) != AddressKind::inet) return {unix_address(text)};
  const std::string port(port_of(text));
  if (!is_port(port)) refuse(text, "behind the colon there is no port from 0 to 65535");
  const std::string host = host_of(text);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    static const LookupCategory category;
    if (error == EAI_SYSTEM) {
      throw std::system_error(errno, std::generic_category(), "cannot find the host " + host);
    }
    throw std::system_error(error, category, "cannot find the host " + host);
  }
  const std::unique_ptr<addrinfo, FreeAddresses> list(found);
  std::vector<SocketAddress> result;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    result.push_back(address);
  }
  return result;
}

std::string to_text(const SocketAddress& address) {
  if (address.family() == AF_UNIX) {
    sockaddr_un name{};
    std::memcpy(&name, &address.storage, sizeof name);
    const std::size_t size = address.size - offsetof(sockaddr_un, sun_path);
    if (address.size <= offsetof(sockaddr_un, sun_path)) return {};
    if (name.sun_path[0] != '\0') return {name.sun_path, ::strnlen(name.sun_path, size)};
    return "@" + std::string(name.sun_path + 1, size - 1);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.family() == AF_INET) {
    sockaddr_in inet{};
    std::memcpy(&inet, &address.storage, sizeof inet);
    ::inet_ntop(AF_INET, &inet.sin_addr, text.data(), text.size());
    return std::string(text.data()) + ":" + std::to_string(ntohs(inet.sin_port));
  }
  sockaddr_in6 inet{};
  std::memcpy(&inet, &address.storage, sizeof inet);
  ::inet_ntop(AF_INET6, &inet.sin6_addr, text.data(), text.size());
  return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(inet.sin6_port));
}

std::string public_address(const std::string& text) {
  if (kind_of_address(text) != AddressKind::inet) return text;
  const std::string host = host_of(text);
  if (host != "0.0.0.0" && host != "::") return text;
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0)
    os::throw_errno("cannot get", "the host name");
  return std::string(name.data()) + text.substr(text.rfind(':'));
}

std::string generate_address() {
  return "@royong-" + std::to_string(::getpid()) + "-" + hexadecimal(os::random_bytes<16>());
}

}  // namespace royong::inline v0::channel
