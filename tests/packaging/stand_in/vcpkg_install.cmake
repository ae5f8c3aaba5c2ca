# SPDX-License-Identifier: MIT
#
# Runs a portfile without vcpkg: the functions below do what those of vcpkg do for a port with one configuration.
#
#   cmake -DPORTFILE=FILE -DPORT=NAME -DCURRENT_PACKAGES_DIR=DIR -DCURRENT_BUILDTREES_DIR=DIR -P vcpkg_install.cmake
foreach(_name PORTFILE PORT CURRENT_PACKAGES_DIR CURRENT_BUILDTREES_DIR)
  if(NOT ${_name})
    message(FATAL_ERROR "-D${_name}= is missing")
  endif()
endforeach()

# stand_in_arguments(FUNCTION "ONE_VALUE..." "MANY_VALUES..." ARGUMENTS...): refuses what the stand-in does not know.
macro(stand_in_arguments function one many)
  cmake_parse_arguments(arg "" "${one}" "${many}" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${function}: unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  foreach(_name ${one} ${many})
    if(NOT arg_${_name})
      message(FATAL_ERROR "${function}: ${_name} is missing")
    endif()
  endforeach()
endmacro()

function(stand_in_run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "exit status ${status}: ${ARGN}")
  endif()
endfunction()

function(vcpkg_cmake_configure)
  stand_in_arguments(vcpkg_cmake_configure "SOURCE_PATH" "OPTIONS" ${ARGN})
  if(NOT VCPKG_BUILD_TYPE STREQUAL "release")
    message(FATAL_ERROR "vcpkg_cmake_configure: the port would be built for debugging as well")
  endif()
  stand_in_run("${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${CURRENT_BUILDTREES_DIR}/rel"
    "-DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}" -DCMAKE_BUILD_TYPE=Release ${arg_OPTIONS})
endfunction()

function(vcpkg_cmake_install)
  stand_in_arguments(vcpkg_cmake_install "" "" ${ARGN})
  stand_in_run("${CMAKE_COMMAND}" --build "${CURRENT_BUILDTREES_DIR}/rel" --config Release --target install)
endfunction()

function(vcpkg_install_copyright)
  stand_in_arguments(vcpkg_install_copyright "" "FILE_LIST" ${ARGN})
  list(LENGTH arg_FILE_LIST count)
  if(NOT count EQUAL 1)
    message(FATAL_ERROR "vcpkg_install_copyright: the stand-in takes one file, not ${count}")
  endif()
  file(INSTALL ${arg_FILE_LIST} DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}" RENAME copyright)
endfunction()

include("${PORTFILE}")
