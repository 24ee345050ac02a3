// SPDX-License-Identifier: Apache-2.0
#include "transfer/exception_types.hpp"

#include <any>           // for std::bad_any_cast
#include <array>         // for std::array
#include <charconv>      // for std::from_chars
#include <filesystem>    // for std::filesystem::filesystem_error
#include <functional>    // for std::bad_function_call
#include <future>        // for std::future_error
#include <ios>           // for std::ios_base::failure
#include <memory>        // for std::bad_weak_ptr
#include <new>           // for std::bad_alloc
#include <regex>         // for std::regex_error
#include <string_view>   // for std::string_view
#include <system_error>  // for std::system_error
#include <typeinfo>      // for std::bad_cast
#include <variant>       // for std::bad_variant_access

#include "royong/error.hpp"
#include "transfer/error_categories.hpp"

namespace royong::inline v0::transfer {
namespace {

/// An `E` whose text is not what its constructors would make it.
template <class E>
class WithText : public E {
 public:
  WithText(const E& error, std::string text) : E(error), text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

template <class E>
std::exception_ptr finish(const E& error, const ErrorLink& link, const std::exception_ptr& cause) {
  if (link.text == error.what()) return detail::attach_cause(error, cause);
  return detail::attach_cause(WithText<E>(error, link.text), cause);
}

const std::string& field(const ErrorLink& link, std::size_t number) {
  if (number >= link.fields.size()) {
    throw TransferError("malformed message: an exception of type " + link.type + " lacks a part");
  }
  return link.fields[number];
}

int number_in(const std::string& text) {
  int value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size()) {
    throw TransferError("malformed message: '" + text + "' in an exception is not a number");
  }
  return value;
}

/// The text that a constructor put before the message of a code.
std::string prefix_of(const ErrorLink& link, const std::error_code& code) {
  std::string_view text = link.text;
  const std::string message = code.message();
  if (text.ends_with(message)) text.remove_suffix(message.size());
  if (text.ends_with(": ")) text.remove_suffix(2);
  return std::string(text);
}

std::error_code code_of(const ErrorLink& link) {
  return {link.code, category_named(link.category)};
}

// For each type: what it keeps beside its text, and how it is made again.

template <class E>
struct Codec {
  static void save(const E&, ErrorLink&) {}
  static E make(const ErrorLink& link) {
    if constexpr (std::is_constructible_v<E, const std::string&>) {
      return E(link.text);
    } else {
      return E();
    }
  }
};

template <class E>
struct CodeCodec {
  static void save(const E& error, ErrorLink& link) {
    link.code = error.code().value();
    link.category = error.code().category().name();
  }
};
template <>
struct Codec<std::system_error> : CodeCodec<std::system_error> {
  static std::system_error make(const ErrorLink& link) {
    const std::error_code code = code_of(link);
    const std::string prefix = prefix_of(link, code);
    return prefix.empty() ? std::system_error(code) : std::system_error(code, prefix);
  }
};
template <>
struct Codec<std::ios_base::failure> : CodeCodec<std::ios_base::failure> {
  static std::ios_base::failure make(const ErrorLink& link) {
    const std::error_code code = code_of(link);
    return std::ios_base::failure(prefix_of(link, code), code);
  }
};
template <>
struct Codec<std::future_error> : CodeCodec<std::future_error> {
  static std::future_error make(const ErrorLink& link) {
    return std::future_error(static_cast<std::future_errc>(link.code));
  }
};
template <>
struct Codec<std::filesystem::filesystem_error> {
  static void save(const std::filesystem::filesystem_error& error, ErrorLink& link) {
    CodeCodec<std::system_error>::save(error, link);
    link.fields = {error.path1().native(), error.path2().native()};
  }
  static std::filesystem::filesystem_error make(const ErrorLink& link) {
    return {link.text, field(link, 0), field(link, 1), code_of(link)};
  }
};
template <>
struct Codec<std::regex_error> {
  static void save(const std::regex_error& error, ErrorLink& link) {
    link.code = static_cast<std::int32_t>(error.code());
  }
  static std::regex_error make(const ErrorLink& link) {
    return std::regex_error(static_cast<std::regex_constants::error_type>(link.code));
  }
};
template <>
struct Codec<WorkerDied> {
  static void save(const WorkerDied& error, ErrorLink& link) {
    link.fields = {std::to_string(error.pid()),
                   error.exitcode() ? std::to_string(*error.exitcode()) : "", error.task(),
                   error.node()};
  }
  static WorkerDied make(const ErrorLink& link) {
    std::optional<int> exitcode;
    if (!field(link, 1).empty()) exitcode = number_in(field(link, 1));
    return {link.text, number_in(field(link, 0)), exitcode, field(link, 2), field(link, 3)};
  }
};
template <>
struct Codec<BufferTooShort> {
  static void save(const BufferTooShort& error, ErrorLink& link) {
    link.fields = {error.message()};
  }
  static BufferTooShort make(const ErrorLink& link) { return {link.text, field(link, 0)}; }
};
template <>
struct Codec<RemoteError> {
  static void save(const RemoteError& error, ErrorLink& link) {
    link.type = error.type_name();
    link.traceback = error.remote_traceback();
  }
  static RemoteError make(const ErrorLink& link) { return {link.text, link.type, link.traceback}; }
};

/// What the table knows of a type.
struct KnownType {
  bool (*save)(const std::exception&, ErrorLink&);
  bool (*save_caught)(const std::exception_ptr&, ErrorLink&);
  std::exception_ptr (*make)(const ErrorLink&, const std::exception_ptr& cause);
};

template <class E>
constexpr KnownType known{[](const std::exception& error, ErrorLink& link) {
                            const auto* exact = dynamic_cast<const E*>(&error);
                            if (exact == nullptr) return false;
                            Codec<E>::save(*exact, link);
                            return true;
                          },
                          [](const std::exception_ptr& error, ErrorLink& link) {
                            try {
                              std::rethrow_exception(error);
                            } catch (const E& exact) {
                              link.text = exact.what();
                              Codec<E>::save(exact, link);
                              return true;
                            } catch (...) {
                              return false;
                            }
                          },
                          [](const ErrorLink& link, const std::exception_ptr& cause) {
                            return finish(Codec<E>::make(link), link, cause);
                          }};

template <class... E>
constexpr std::array<KnownType, sizeof...(E)> table_of{known<E>...};

/// A type stands before its bases: the first that fits is the nearest.
constexpr auto& table = table_of<
    // royong
    RemoteError, WorkerDied, BufferTooShort, TimeoutError, AuthenticationError, ProcessError,
    UsageError, EndOfFile, BrokenPipe, Empty, Full, ShutDown, BrokenBarrierError, CancelledError,
    InvalidStateError, NodeLost, BrokenProcessPool, TransferError, ArenaFull, Error,
    // std
    std::filesystem::filesystem_error, std::ios_base::failure, std::system_error, std::regex_error,
    std::range_error, std::overflow_error, std::underflow_error, std::runtime_error,
    std::future_error, std::invalid_argument, std::domain_error, std::length_error,
    std::out_of_range, std::logic_error, std::bad_array_new_length, std::bad_alloc,
    std::bad_any_cast, std::bad_cast, std::bad_typeid, std::bad_exception, std::bad_function_call,
    std::bad_weak_ptr, std::bad_optional_access, std::bad_variant_access, std::exception>;

/// Text of the exceptions that are no std::exception. @return whether it was one of type T
template <class T>
bool save_plain(const std::exception_ptr& error, std::string& text) {
  try {
    std::rethrow_exception(error);
    // Not by reference: clang finds a rethrown pointer at the wrong place then.
    // NOLINTNEXTLINE(misc-throw-by-value-catch-by-reference)
  } catch (T value) {
    if constexpr (std::is_arithmetic_v<T>) {
      text = std::to_string(value);
    } else {
      text = value;
    }
    return true;
  } catch (...) {
    return false;
  }
}

template <class... T>
void save_any_plain(const std::exception_ptr& error, std::string& text) {
  static_cast<void>((save_plain<T>(error, text) || ...));
}

}  // namespace

void save_known_type(const std::exception& error, ErrorLink& link) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].save(error, link)) {
      link.kind = static_cast<std::uint32_t>(i + 1);
      return;
    }
  }
}

void save_unknown(const std::exception_ptr& error, ErrorLink& link) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].save_caught(error, link)) {
      link.kind = static_cast<std::uint32_t>(i + 1);
      return;
    }
  }
  save_any_plain<std::string, const char*, std::string_view, int, unsigned, long, unsigned long,
                 double>(error, link.text);
}

std::exception_ptr make_known_type(const ErrorLink& link, const std::exception_ptr& cause) {
  if (link.kind == 0 || link.kind > table.size()) {
    throw TransferError("malformed message: no exception type has the number " +
                        std::to_string(link.kind));
  }
  return table[link.kind - 1].make(link, cause);
}

bool is_remote_error(const ErrorLink& link) { return link.kind == 1; }

}  // namespace royong::inline v0::transfer
