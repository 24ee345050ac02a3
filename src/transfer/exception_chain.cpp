// SPDX-License-Identifier: Apache-2.0
// Exceptions as chains of links: the outermost first, then what is nested in it, and so on.
#include <cxxabi.h>
#include <unistd.h>

#include <atomic>       // for std::atomic
#include <ranges>       // for std::views::reverse
#include <string_view>  // for std::string_view
#include <typeinfo>     // for std::type_info

#include "royong/detail/exception.hpp"
#include "royong/error.hpp"
#include "transfer/exception_types.hpp"
#include "transfer/shared_exceptions.hpp"
#include "transfer/symbols.hpp"

namespace royong::inline v0::transfer {
namespace {

/// Longer chains are cut here, and refused there.
constexpr std::size_t longest_chain = 64;

std::atomic<detail::RegisteredException*> registered{nullptr};

/// Bytes of a Writer as a string, which is how they lie in a link.
std::string as_string(const detail::Writer& writer) {
  const auto bytes = writer.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void save_registered(const std::exception* known, const std::exception_ptr& error,
                     ErrorLink& link) {
  install_shared_exceptions();
  for (auto* entry = registered.load(std::memory_order_acquire); entry != nullptr;
       entry = entry->next) {
    detail::Writer state;
    if (entry->save(*entry, known, error, state)) {
      link.registered = entry->name;
      link.state = as_string(state);
      return;
    }
  }
}

/// The exception that is nested in a caught one. Looks for the base class by catching it, which
/// finds it in any type.
std::exception_ptr nested_in(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::nested_exception& nested) {
    return nested.nested_ptr();
  } catch (...) {
    return nullptr;
  }
}

/// Describes one exception. @return what is nested in it
std::exception_ptr save_link(const std::exception_ptr& error, ErrorLink& link) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    link.type = readable_name(typeid(known));
    link.text = known.what();
    save_known_type(known, link);
    save_registered(&known, error, link);
    const auto* nested = dynamic_cast<const std::nested_exception*>(&known);
    return nested != nullptr ? nested->nested_ptr() : nullptr;
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    link.type = type != nullptr ? readable_name(*type) : "an exception of another language";
    save_unknown(error, link);
    save_registered(nullptr, error, link);
  }
  return nested_in(error);
}

/** @brief If a RemoteError is nested, the exception came from a third process already: the type and
 *  the traceback it
 *  had there are taken over, and the RemoteError is no link of its own.
 *  @return what is nested in the RemoteError; else `nested`
 */
std::exception_ptr merge_remote(const std::exception_ptr& nested, ErrorLink& link) {
  if (!nested || is_remote_error(link)) return nested;
  try {
    std::rethrow_exception(nested);
  } catch (const RemoteError& remote) {
    link.type = remote.type_name();
    link.traceback = remote.remote_traceback();
    const auto* inner = dynamic_cast<const std::nested_exception*>(&remote);
    return inner != nullptr ? inner->nested_ptr() : nullptr;
  } catch (...) {
    return nested;
  }
}

std::vector<ErrorLink> save_chain(std::exception_ptr error, std::string_view traceback,
                                  std::string_view process) {
  std::vector<ErrorLink> chain;
  while (error && chain.size() < longest_chain) {
    ErrorLink& link = chain.emplace_back();
    link.process = process;
    link.pid = ::getpid();
    std::exception_ptr nested = save_link(error, link);
    error = merge_remote(nested, link);
    if (chain.size() == 1 && link.traceback.empty()) link.traceback = traceback;
  }
  return chain;
}

/// "std::out_of_range: no such key [process loader, pid 7]"
std::string describe(const ErrorLink& link) {
  std::string text = link.type;
  if (!link.text.empty()) text += ": " + link.text;
  text += " [process ";
  if (!link.process.empty()) text += link.process + ", ";
  return text + "pid " + std::to_string(link.pid) + ']';
}

std::exception_ptr load_registered(const ErrorLink& link, const std::exception_ptr& cause) {
  install_shared_exceptions();
  for (auto* entry = registered.load(std::memory_order_acquire); entry != nullptr;
       entry = entry->next) {
    if (link.registered != entry->name) continue;
    try {
      detail::Reader state(
          {reinterpret_cast<const std::byte*>(link.state.data()), link.state.size()});
      return entry->load(*entry, state, cause);
    } catch (const std::exception&) {
      return nullptr;  // the nearest standard base is better than an exception about an exception
    }
  }
  return nullptr;
}

std::exception_ptr load_link(const ErrorLink& link, const std::exception_ptr& cause) {
  if (is_remote_error(link)) return make_known_type(link, cause);
  const std::exception_ptr remote =
      detail::attach_cause(RemoteError(describe(link), link.type, link.traceback), cause);
  if (!link.registered.empty()) {
    if (auto error = load_registered(link, remote)) return error;
  }
  return link.kind == 0 ? remote : make_known_type(link, remote);
}

}  // namespace
}  // namespace royong::inline v0::transfer

namespace royong::inline v0::detail {

void add_registered_exception(RegisteredException& entry) noexcept {
  entry.next = transfer::registered.load(std::memory_order_acquire);
  while (!transfer::registered.compare_exchange_weak(entry.next, &entry)) {
  }
}

void write_exception(Writer& out, const std::exception_ptr& error, std::string_view traceback,
                     std::string_view process) {
  out(transfer::save_chain(error, traceback, process));
}

std::exception_ptr read_exception(Reader& in) {
  const auto chain = in.read<std::vector<transfer::ErrorLink>>();
  if (chain.empty() || chain.size() > transfer::longest_chain) in.fail("exception");
  std::exception_ptr error;
  for (const auto& link : chain | std::views::reverse) error = transfer::load_link(link, error);
  return error;
}

void rethrow_exception_from(Reader& in) { std::rethrow_exception(read_exception(in)); }

}  // namespace royong::inline v0::detail
