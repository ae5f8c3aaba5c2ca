// SPDX-License-Identifier: MIT
// Runs a fuzz body over the inputs it was given before, without a fuzzer: the empty input, and every file of the folder
// that PRESENCE_FUZZ_CORPUS names, or of the files and folders on the command line.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::filesystem::path> files_in(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> paths(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (paths.empty()) paths.emplace_back(PRESENCE_FUZZ_CORPUS);

  const std::uint8_t nothing = 0;
  LLVMFuzzerTestOneInput(&nothing, 0);
  std::size_t inputs = 0;
  for (const std::filesystem::path& path : paths) {
    for (const std::filesystem::path& file : files_in(path)) {
      std::ifstream stream(file, std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
      if (!stream) {
        std::fprintf(stderr, "cannot read %s\n", file.string().c_str());
        return 1;
      }
      // Told before it is run, so that one that ends the program is known by name.
      std::printf("%s\n", file.filename().string().c_str());
      std::fflush(stdout);
      const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
      LLVMFuzzerTestOneInput(exact.empty() ? &nothing : exact.data(), exact.size());
      ++inputs;
    }
  }
  std::printf("%zu inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}
