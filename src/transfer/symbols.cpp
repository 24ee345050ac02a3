// SPDX-License-Identifier: Apache-2.0
#include "transfer/symbols.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdint>      // for std::uintptr_t
#include <cstdlib>      // for std::free
#include <memory>       // for std::unique_ptr
#include <sstream>      // for std::ostringstream
#include <string_view>  // for std::string_view
#ifdef ROYONG_HAVE_BACKTRACE
#include <backtrace.h>
#endif

namespace royong::inline v0::transfer {
namespace {

/// "void parse(int)" for "_Z5parsei"; the name itself where it is none of C++.
std::string demangle(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return text ? text.get() : name;
}

/// Module and offset, and the function as far as the dynamic symbol table knows it.
struct Place {
  std::string module = "?";
  std::uintptr_t offset = 0;
  std::string function;
};

Place place_of(void* address) {
  Place place;
  place.offset = reinterpret_cast<std::uintptr_t>(address);
  Dl_info info{};
  if (::dladdr(address, &info) == 0) return place;
  if (info.dli_fname != nullptr) {
    const std::string_view path = info.dli_fname;
    place.module = path.substr(path.rfind('/') + 1);
  }
  place.offset -= reinterpret_cast<std::uintptr_t>(info.dli_fbase);
  if (info.dli_sname != nullptr) place.function = demangle(info.dli_sname);
  return place;
}

/// What one address stands for; several functions where some were inlined.
struct Lines {
  std::ostringstream& text;
  const Place& place;
  bool any = false;

  void add(const std::string& function, const char* file, int line) {
    text << "  at " << (function.empty() ? "?" : function);
    if (file != nullptr) text << " (" << file << ':' << line << ')';
    text << " [" << place.module << "+0x" << std::hex << place.offset << std::dec << "]\n";
    any = true;
  }
};

#ifdef ROYONG_HAVE_BACKTRACE
void ignore_error(void*, const char*, int) {}

int add_line(void* data, std::uintptr_t, const char* file, int line, const char* function) {
  auto& lines = *static_cast<Lines*>(data);
  if (file == nullptr && function == nullptr) return 0;
  lines.add(function != nullptr ? demangle(function) : lines.place.function, file, line);
  return 0;
}

void add_symbol(void* data, std::uintptr_t, const char* name, std::uintptr_t, std::uintptr_t) {
  if (name != nullptr) *static_cast<std::string*>(data) = demangle(name);
}

/// File and line from the debug information, else at least the name of a function that is not
/// exported.
void look_up(void* address, Place& place, Lines& lines) {
  static backtrace_state* const state =
      ::backtrace_create_state(nullptr, 1, &ignore_error, nullptr);
  if (state == nullptr) return;
  const auto pc = reinterpret_cast<std::uintptr_t>(address);
  ::backtrace_pcinfo(state, pc, &add_line, &ignore_error, &lines);
  if (!lines.any && place.function.empty()) {
    ::backtrace_syminfo(state, pc, &add_symbol, &ignore_error, &place.function);
  }
}
#else
void look_up(void*, Place&, Lines&) {}
#endif

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::string readable_name(const std::type_info& type) {
  constexpr std::string_view nested = "std::_Nested_exception<";
  std::string name = demangle(type.name());
  if (name.starts_with(nested) && name.ends_with('>')) {
    name = name.substr(nested.size(), name.size() - nested.size() - 1);
    while (name.ends_with(' ')) name.pop_back();
  }
  replace_all(name, "royong::v0::", "royong::");
  replace_all(name,
              "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
              "std::string");
  replace_all(name, "__cxx11::", "");
  return name;
}

std::string describe_frames(std::span<void* const> frames) {
  std::ostringstream text;
  for (void* const address : frames) {
    Place place = place_of(address);
    Lines lines{text, place};
    look_up(address, place, lines);
    if (!lines.any) lines.add(place.function, nullptr, 0);
  }
  return text.str();
}

}  // namespace royong::inline v0::transfer
