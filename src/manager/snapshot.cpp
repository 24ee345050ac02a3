// SPDX-License-Identifier: Apache-2.0
#include "manager/snapshot.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>      // for std::memcpy
#include <deque>        // for std::deque
#include <map>          // for std::map
#include <set>          // for std::set
#include <string_view>  // for std::string_view

#include "manager/types.hpp"
#include "os/error.hpp"
#include "os/fd.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {

using detail::ForeignPeer;
using detail::Reader;
using detail::TargetRef;
using detail::Writer;

namespace {

constexpr std::string_view magic = "RYSNAP1\n";

struct SavedObject {
  std::uint64_t number = 0;
  std::string type;  ///< for the text of an error
  std::uint64_t hash = 0;
  std::uint64_t signature = 0;
  std::vector<std::byte> bytes;
};

struct Saved {
  std::vector<std::pair<std::string, std::uint64_t>> names;
  std::vector<SavedObject> objects;
};

/// FNV-1a: against torn and truncated files, not against somebody who wants to deceive.
std::uint64_t checksum(std::span<const std::byte> bytes) noexcept {
  std::uint64_t hash = 14695981039346656037U;
  for (const std::byte b : bytes) hash = (hash ^ static_cast<std::uint64_t>(b)) * 1099511628211U;
  return hash;
}

/// Proxies inside saved objects: their numbers, and the objects themselves are saved by and by.
class SavingPeer final : public ForeignPeer {
 public:
  explicit SavingPeer(const std::function<std::uint64_t(const TargetRef&)>& number_of)
      : number_of_(number_of) {}

  void write(Writer& out, const TargetRef& target) override {
    const auto number = number_of_(target);
    if (number == 0) out.fail("a proxy of another manager's object cannot be in a snapshot");
    want(number);
    out.write_plain(number);
  }
  TargetRef read(Reader& in, std::uint64_t) override { in.fail("proxy"); }

  void want(std::uint64_t number) {
    if (seen_.insert(number).second) wanted.push_back(number);
  }
  std::deque<std::uint64_t> wanted;

 private:
  const std::function<std::uint64_t(const TargetRef&)>& number_of_;
  std::set<std::uint64_t> seen_;
};

/// Makes the objects, each when it is first referred to.
class RestoringPeer final : public ForeignPeer {
 public:
  RestoringPeer(const Saved& saved,
                const std::function<TargetRef(std::unique_ptr<detail::ServedObject>)>& add)
      : add_(add) {
    for (const auto& object : saved.objects) objects_[object.number].saved = &object;
  }

  void write(Writer& out, const TargetRef&) override { out.fail("a proxy"); }
  TargetRef read(Reader& in, std::uint64_t type) override {
    std::uint64_t number = 0;
    in.read_plain(number);
    auto target = make(number);
    if (target->object().type_hash() != type) in.fail("proxy of an object of this class");
    return target;
  }

  TargetRef make(std::uint64_t number) {
    const auto found = objects_.find(number);
    if (found == objects_.end()) throw TransferError("an object is missing");
    Known& known = found->second;
    if (known.target) return known.target;
    if (known.is_being_made) throw TransferError("objects refer to each other in a circle");
    known.is_being_made = true;
    const auto& type = restorable_type(known.saved->hash, known.saved->type);
    if (type.signature != known.saved->signature) {
      throw TransferError("the type " + known.saved->type + " has other operations now");
    }
    Reader reader(known.saved->bytes, {.foreign = true});
    auto object = type.restore(reader);
    reader.expect_end();
    return known.target = add_(std::move(object));
  }

 private:
  struct Known {
    const SavedObject* saved = nullptr;
    TargetRef target;
    bool is_being_made = false;
  };
  std::map<std::uint64_t, Known> objects_;
  const std::function<TargetRef(std::unique_ptr<detail::ServedObject>)>& add_;
};

void write_all(int fd, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0) {
      if (errno == EINTR) continue;
      os::throw_error(errno, "cannot write", path);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
}

void make_durable(int fd, const std::string& path) {
  if (::fsync(fd) != 0) os::throw_error(errno, "cannot make durable", path);
}

}  // namespace

void write_snapshot(const std::filesystem::path& file,
                    const std::vector<std::pair<std::string, std::uint64_t>>& names,
                    const std::function<const detail::ServedObject&(std::uint64_t)>& object_of,
                    const std::function<std::uint64_t(const TargetRef&)>& number_of) {
  Saved saved{names, {}};
  SavingPeer peer(number_of);
  for (const auto& [name, number] : names) peer.want(number);
  while (!peer.wanted.empty()) {
    const auto number = peer.wanted.front();
    peer.wanted.pop_front();
    const auto& object = object_of(number);
    const auto& type = object.type();
    if (type.save == nullptr) {
      throw TransferError("cannot write the snapshot: a " + std::string(type.name) +
                          " cannot be saved");
    }
    Writer out(detail::Transit::foreign);
    const ForeignPeer::Scope scope(&peer);
    type.save(object, out);
    saved.objects.push_back({number,
                             std::string(type.name),
                             type.hash,
                             type.signature,
                             {out.bytes().begin(), out.bytes().end()}});
  }
  Writer body(detail::Transit::foreign);
  detail::encode(body, saved);
  const std::uint64_t sum = checksum(body.bytes());

  const std::filesystem::path aside = file.string() + ".new";
  {
    const os::Fd out(::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!out) os::throw_error(errno, "cannot create", aside.string());
    write_all(out.get(), std::as_bytes(std::span(magic)), aside.string());
    write_all(out.get(), std::as_bytes(std::span(&sum, 1)), aside.string());
    write_all(out.get(), body.bytes(), aside.string());
    make_durable(out.get(), aside.string());
  }
  // The commit: before it the old file, after it the new one.
  if (::rename(aside.c_str(), file.c_str()) != 0) {
    os::throw_error(errno, "cannot rename", aside.string());
  }
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  const os::Fd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) os::throw_error(errno, "cannot open", folder.string());
  make_durable(directory.get(), folder.string());
}

std::vector<std::pair<std::string, TargetRef>> read_snapshot(
    const std::filesystem::path& file,
    const std::function<TargetRef(std::unique_ptr<detail::ServedObject>)>& add) {
  const os::Fd in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) {
    if (errno == ENOENT) return {};
    os::throw_error(errno, "cannot open", file.string());
  }
  struct stat about{};
  if (::fstat(in.get(), &about) != 0) os::throw_error(errno, "cannot look at", file.string());
  std::vector<std::byte> bytes(static_cast<std::size_t>(about.st_size));
  for (std::size_t at = 0; at < bytes.size();) {
    const auto done = ::read(in.get(), bytes.data() + at, bytes.size() - at);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) os::throw_error(errno, "cannot read", file.string());
    if (done == 0) bytes.resize(at);
    at += static_cast<std::size_t>(done);
  }
  try {
    Reader reader(bytes, {.foreign = true});
    const auto* begin = reader.take(magic.size(), "snapshot");
    std::uint64_t sum = 0;
    reader.read_plain(sum);
    if (std::memcmp(begin, magic.data(), magic.size()) != 0 || sum != checksum(reader.rest())) {
      throw TransferError("it is damaged, or no snapshot");
    }
    const auto saved = reader.read<Saved>();
    reader.expect_end();
    RestoringPeer peer(saved, add);
    const ForeignPeer::Scope scope(&peer);
    std::vector<std::pair<std::string, TargetRef>> restored;
    for (const auto& [name, number] : saved.names) restored.emplace_back(name, peer.make(number));
    return restored;
  } catch (const TransferError& error) {
    throw TransferError("cannot restore the snapshot " + file.string() + ": " + error.what());
  }
}

}  // namespace royong::inline v0::manager
