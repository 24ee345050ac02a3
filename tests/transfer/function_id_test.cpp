// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/function_id.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>       // for std::atomic
#include <filesystem>   // for std::filesystem::copy_file
#include <string>       // for std::string
#include <string_view>  // for std::string_view

#include "other_unit.hpp"
#include "royong/detail/call.hpp"
#include "royong/error.hpp"
#include "support/matchers.hpp"
#include "support/member.hpp"
#include "support/temp_dir.hpp"

namespace royong::detail {
namespace {

namespace fs = std::filesystem;
using royong_test::Member;

const void* address_of(auto* function) { return reinterpret_cast<const void*>(function); }

int which() { return 1; }

TEST(FunctionId, LeadsBackToTheFunction) {
  EXPECT_EQ(resolve(identify(address_of(&which))), address_of(&which));
  EXPECT_EQ(identify(address_of(&which)), identify(address_of(&which)));
}

TEST(FunctionId, LeadsToFunctionsOfSharedLibraries) {
  EXPECT_EQ(resolve(identify(address_of(&::dlerror))), address_of(&::dlerror));
}

template <class F>
int run(F f) {
  Writer request;
  write_call(request, f);
  Reader in(request.bytes());
  Writer out;
  run_call(in, out);
  Reader result(out.bytes());
  return result.read<int>();
}

TEST(FunctionId, TellsTwoLambdasOfOneFunctionApart) {
  EXPECT_EQ(run([] { return 1; }), 1);
  EXPECT_EQ(run([] { return 2; }), 2);
}

TEST(FunctionId, TellsAnonymousNamespacesOfTwoFilesApart) {
  EXPECT_EQ(run(&which), 1);
  Writer request;
  royong_test::write_call_of_other_unit(
      request);  // its function has the same name and type as ours
  Reader in(request.bytes());
  Writer out;
  run_call(in, out);
  Reader result(out.bytes());
  EXPECT_EQ(result.read<int>(), 2);
}

TEST(FunctionId, IsRefusedForWhatIsInNoModule) {
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_THROW_MESSAGE(identify(memory), UsageError, "lies in no module");
  ::munmap(memory, 4096);
  EXPECT_THROW(identify(nullptr), UsageError);
  int variable = 0;
  EXPECT_THROW(identify(&variable), UsageError);
}

TEST(FunctionId, IsRefusedOutsideOfCode) {
  const FunctionId id = identify(address_of(&which));
  EXPECT_THROW_MESSAGE(resolve({id.bits | 0xffffffffffff}), TransferError, "is not code");
  EXPECT_THROW_MESSAGE(resolve({id.bits & ~std::uint64_t{0xffffffffffff}}), TransferError,
                       "is not code");
  EXPECT_THROW_MESSAGE(resolve({std::uint64_t{0xfffe} << 48}), TransferError, "no module number");
  EXPECT_THROW_MESSAGE(resolve({std::uint64_t{200} << 48}), TransferError, "no module number");
}

/// Libraries that come with the C library, that nothing here is linked with.
struct Plugin {
  const char* file;
  const char* function;
};
constexpr Plugin plugin{"libBrokenLocale.so.1", "__ctype_get_mb_cur_max"};
constexpr Plugin another{"libthread_db.so.1", "td_init"};

fs::path beside_libc(const char* file) {
  Dl_info info{};
  ::dladdr(address_of(&::dlerror), &info);
  return fs::path(info.dli_fname).parent_path() / file;
}

class PluginTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(beside_libc(plugin.file)) || !fs::exists(beside_libc(another.file))) {
      GTEST_SKIP() << "the C library's extra libraries are not here";
    }
    fs::copy_file(beside_libc(plugin.file), path_);
    shared_ = static_cast<Shared*>(
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  }
  void TearDown() override {
    if (shared_ != nullptr) ::munmap(shared_, sizeof(Shared));
  }

  // Starts a process that has not loaded the plugin, and names the plugin's function to it.
  void send_to_member(void (*receive)(FunctionId), const std::function<void()>& in_between) {
    Member member([&] {
      while (shared_->bits == 0) ::usleep(100);
      receive({shared_->bits});
    });
    // In a process of its own as well, because what is identified once stays loaded.
    Member sender([&] {
      void* handle = ::dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
      EXPECT_NE(handle, nullptr) << ::dlerror();
      const FunctionId id =
          handle != nullptr ? identify(::dlsym(handle, plugin.function)) : FunctionId{~0U};
      in_between();
      shared_->bits = id.bits;
    });
    EXPECT_EQ(sender.wait(), 0);
    EXPECT_EQ(member.wait(), 0);
  }

  struct Shared {
    std::atomic<std::uint64_t> bits;
  };
  royong_test::TempDir folder_;
  fs::path path_ = folder_ / "libplugin.so";
  Shared* shared_ = nullptr;
};

TEST_F(PluginTest, IsLoadedWhereItIsNeeded) {
  send_to_member(
      [](FunctionId id) {
        const auto longest = reinterpret_cast<std::size_t (*)()>(resolve(id));
        EXPECT_EQ(longest(), 1U);
      },
      [] {});
}

TEST_F(PluginTest, IsRefusedWithBothBuildIdsWhenItWasReplaced) {
  send_to_member(
      [](FunctionId id) {
        EXPECT_THROW_MESSAGE(resolve(id), TransferError,
                             "libplugin.so changed on disk: want build-id ");
        EXPECT_THROW_MESSAGE(resolve(id), TransferError, ", have ");
      },
      [&] {
        fs::remove(path_);
        fs::copy_file(beside_libc(another.file), path_);
      });
}

TEST_F(PluginTest, IsRefusedWhenItWasRemoved) {
  send_to_member(
      [](FunctionId id) { EXPECT_THROW_MESSAGE(resolve(id), TransferError, "libplugin.so"); },
      [&] { fs::remove(path_); });
}

}  // namespace
}  // namespace royong::detail
