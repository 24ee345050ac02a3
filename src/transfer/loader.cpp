// SPDX-License-Identifier: Apache-2.0
#include "transfer/loader.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/stat.h>

#include <array>    // for std::array
#include <cstdio>   // for std::snprintf
#include <cstdlib>  // for std::free
#include <cstring>  // for std::memcpy
#include <memory>   // for std::unique_ptr
#include <span>     // for std::span
#include <utility>  // for std::exchange, std::move

#include "os/files.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::transfer {
namespace {

std::string absolute(const char* path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path, nullptr), &std::free);
  return real ? real.get() : path;
}

/// For a module that the linker gave no build-id. Never a hash of the code in memory: a debugger's
/// breakpoint changes that.
std::string file_identity(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == -1) return "no file";
  std::array<char, 120> text{};
  std::snprintf(text.data(), text.size(), "file-%jx-%jx-%jx-%jx.%lx",
                static_cast<std::uintmax_t>(status.st_dev),
                static_cast<std::uintmax_t>(status.st_ino),
                static_cast<std::uintmax_t>(status.st_size),
                static_cast<std::uintmax_t>(status.st_mtim.tv_sec),
                static_cast<unsigned long>(status.st_mtim.tv_nsec));
  return text.data();
}

/// Calls `visit` for each module, the main program first, until it returns true.
template <class Visit>
void for_each_module(Visit visit) {
  struct Context {
    Visit& visit;
    bool first = true;
  } context{visit};
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& c = *static_cast<Context*>(data);
        const bool is_main = std::exchange(c.first, false);
        return c.visit(*info, is_main) ? 1 : 0;
      },
      &context);
}

LoadedModule describe(const dl_phdr_info& info, bool is_main) {
  LoadedModule module;
  module.is_main = is_main;
  module.base = info.dlpi_addr;
  for (const auto& header : std::span(info.dlpi_phdr, info.dlpi_phnum)) {
    if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0) {
      const std::uintptr_t begin = info.dlpi_addr + header.p_vaddr;
      module.executable.push_back({begin, begin + header.p_memsz});
    }
  }
  module.path = is_main ? "the program" : absolute(info.dlpi_name);
  module.identity = is_main ? os::program_id() : os::build_id(info);
  if (module.identity.empty()) module.identity = file_identity(module.path);
  return module;
}

bool has_code_at(const dl_phdr_info& info, std::uintptr_t address) {
  for (const auto& header : std::span(info.dlpi_phdr, info.dlpi_phnum)) {
    const std::uintptr_t begin = info.dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0 && address >= begin &&
        address < begin + header.p_memsz) {
      return true;
    }
  }
  return false;
}

template <class T>
bool copy_out(const std::string& bytes, std::size_t at, T& value) {
  if (at > bytes.size() || bytes.size() - at < sizeof value) return false;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return true;
}

/// The identity of a file that is not loaded: its notes lie in it as they would in memory.
std::string identity_in_file(const std::string& path) {
  constexpr std::size_t largest = std::size_t{1} << 32;
  const std::string bytes = os::read_file(path, largest);
  ElfW(Ehdr) elf;
  if (!copy_out(bytes, 0, elf) || std::memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0) return {};
  std::vector<ElfW(Phdr)> notes;
  for (std::size_t i = 0; i < elf.e_phnum; ++i) {
    ElfW(Phdr) header;
    if (!copy_out(bytes, elf.e_phoff + i * sizeof header, header)) return {};
    if (header.p_type != PT_NOTE || header.p_offset > bytes.size() ||
        header.p_filesz > bytes.size() - header.p_offset) {
      continue;
    }
    header.p_vaddr = header.p_offset;
    header.p_memsz = header.p_filesz;
    notes.push_back(header);
  }
  dl_phdr_info info{};
  info.dlpi_addr = reinterpret_cast<std::uintptr_t>(bytes.data());
  info.dlpi_phdr = notes.data();
  info.dlpi_phnum = static_cast<ElfW(Half)>(notes.size());
  std::string id = os::build_id(info);
  return id.empty() ? file_identity(path) : id;
}

}  // namespace

std::optional<LoadedModule> module_at(std::uintptr_t address) {
  std::optional<LoadedModule> found;
  for_each_module([&](const dl_phdr_info& info, bool is_main) {
    if (!has_code_at(info, address)) return false;
    found = describe(info, is_main);
    return true;
  });
  return found;
}

std::optional<LoadedModule> module_of(const std::string& identity) {
  std::optional<LoadedModule> found;
  for_each_module([&](const dl_phdr_info& info, bool is_main) {
    LoadedModule module = describe(info, is_main);
    if (module.identity != identity) return false;
    found = std::move(module);
    return true;
  });
  return found;
}

LoadedModule main_module() {
  LoadedModule module;
  for_each_module([&](const dl_phdr_info& info, bool is_main) {
    module = describe(info, is_main);
    return true;
  });
  return module;
}

void keep_loaded(const LoadedModule& module) {
  // The handle is never closed. A failure (the file is gone) leaves things as the program made
  // them.
  if (!module.is_main) ::dlopen(module.path.c_str(), RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

LoadedModule load(const LoadedModule& wanted) {
  std::string have;
  try {
    have = identity_in_file(wanted.path);
  } catch (const std::exception& error) {
    throw TransferError("cannot find a function of another process: " + std::string(error.what()));
  }
  if (have != wanted.identity) {
    throw TransferError("module " + wanted.path + " changed on disk: want build-id " +
                        wanted.identity + ", have " + (have.empty() ? "none" : have));
  }
  if (::dlopen(wanted.path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) == nullptr) {
    const char* reason = ::dlerror();
    throw TransferError("cannot load module " + wanted.path + ": " +
                        (reason != nullptr ? reason : "unknown error"));
  }
  std::optional<LoadedModule> module = module_of(wanted.identity);
  if (!module) {
    throw TransferError("module " + wanted.path +
                        " changed on disk since this process loaded it: want build-id " +
                        wanted.identity);
  }
  return *std::move(module);
}

}  // namespace royong::inline v0::transfer
