# SPDX-License-Identifier: MIT
#
# An overlay port: it installs the sources that it lies in. A port in a registry would fetch them with vcpkg_from_git.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)

# There are only headers, which are the same in each configuration.
set(VCPKG_BUILD_TYPE release)

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}/include"
  OPTIONS "-DPRESENCE_INSTALL_CMAKEDIR=share/${PORT}"
)
vcpkg_cmake_install()

file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
