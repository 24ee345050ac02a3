// SPDX-License-Identifier: Apache-2.0
#include "os/files.hpp"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/sysmacros.h>

#include <array>      // for std::array
#include <cinttypes>  // for SCNxPTR
#include <cstdint>    // for std::uintptr_t
#include <cstdio>     // for std::sscanf
#include <cstring>    // for std::memcmp
#include <span>       // for std::span
#include <sstream>    // for std::istringstream

#include "os/error.hpp"
#include "os/fd.hpp"
#include "os/syscalls.hpp"

namespace royong::inline v0::os {
namespace {

constexpr const char* exe_link = "/proc/self/exe";

struct MappedFile {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
};

// The line of /proc/self/maps that covers the program headers of the main module.
MappedFile main_module_file() {
  const std::uintptr_t headers = ::getauxval(AT_PHDR);
  std::istringstream maps(read_file("/proc/self/maps", std::size_t{64} << 20));
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    unsigned major = 0, minor = 0;
    unsigned long inode = 0;
    int path = 0;
    const int fields = std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %*s %*x %x:%x %lu %n",
                                   &begin, &end, &major, &minor, &inode, &path);
    if (fields == 5 && begin <= headers && headers < end) {
      return {line.substr(static_cast<std::size_t>(path)), makedev(major, minor), inode};
    }
  }
  return {};
}

std::string hexadecimal(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

constexpr std::size_t round_up4(std::size_t value) { return (value + 3) & ~std::size_t{3}; }

std::string build_id_in_notes(const unsigned char* notes, std::size_t size) {
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof note);
    const std::size_t id = sizeof note + round_up4(note.n_namesz);
    const std::size_t whole = id + round_up4(note.n_descsz);
    if (whole > size) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
        std::memcmp(notes + sizeof note, "GNU", 4) == 0) {
      return hexadecimal({notes + id, note.n_descsz});
    }
    notes += whole;
    size -= whole;
  }
  return {};
}

std::string find_program_id() {
  std::string id;
  // The main program is the first module that the loader names.
  ::dl_iterate_phdr(
      [](dl_phdr_info* module, std::size_t, void* out) {
        *static_cast<std::string*>(out) = build_id(*module);
        return 1;
      },
      &id);
  if (!id.empty()) return id;
  struct stat status{};
  const std::string path = self_executable();
  if (sys().stat(path.c_str(), &status) == -1) throw_errno("cannot look at", path);
  std::array<char, 120> text{};
  std::snprintf(text.data(), text.size(), "file-%jx-%jx-%jx-%jx.%lx",
                static_cast<std::uintmax_t>(status.st_dev),
                static_cast<std::uintmax_t>(status.st_ino),
                static_cast<std::uintmax_t>(status.st_size),
                static_cast<std::uintmax_t>(status.st_mtim.tv_sec),
                static_cast<unsigned long>(status.st_mtim.tv_nsec));
  return text.data();
}

}  // namespace

std::string read_file(const std::string& path, std::size_t limit) {
  const Fd fd(retry([&] { return sys().open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  if (!fd) throw_errno("cannot open", path);
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t got = retry([&] { return sys().read(fd.get(), buffer.data(), buffer.size()); });
    if (got == -1) throw_errno("cannot read", path);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > limit) throw_error(EFBIG, "cannot read", path);
  }
}

void write_file(const std::string& path, const std::string& text) {
  const Fd fd(retry([&] { return sys().open(path.c_str(), O_WRONLY | O_CLOEXEC); }));
  if (!fd) throw_errno("cannot open", path);
  const ssize_t written = retry([&] { return sys().write(fd.get(), text.data(), text.size()); });
  if (written == -1) throw_errno("cannot write", path);
  if (static_cast<std::size_t>(written) != text.size()) throw_error(EIO, "cannot write", path);
}

std::string read_link(const std::string& path) {
  std::string target(256, '\0');
  for (;;) {
    const ssize_t size = sys().readlink(path.c_str(), target.data(), target.size());
    if (size == -1) throw_errno("cannot read the link", path);
    if (static_cast<std::size_t>(size) < target.size()) {
      target.resize(static_cast<std::size_t>(size));
      return target;
    }
    target.resize(target.size() * 2);
  }
}

std::string self_executable() {
  const MappedFile main = main_module_file();
  struct stat status{};
  if (main.path.empty() || sys().stat(exe_link, &status) == -1) return exe_link;
  const bool is_link = status.st_dev == main.device && status.st_ino == main.inode;
  return is_link ? exe_link : main.path;
}

std::string build_id(const dl_phdr_info& module) {
  const std::span headers(module.dlpi_phdr, module.dlpi_phnum);
  for (const auto& header : headers) {
    if (header.p_type != PT_NOTE) continue;
    const auto* notes = reinterpret_cast<const unsigned char*>(module.dlpi_addr + header.p_vaddr);
    std::string id = build_id_in_notes(notes, header.p_memsz);
    if (!id.empty()) return id;
  }
  return {};
}

const std::string& program_id() {
  static const std::string id = find_program_id();
  return id;
}

}  // namespace royong::inline v0::os
