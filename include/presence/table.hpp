// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TABLE_HPP
#define PRESENCE_TABLE_HPP

/// The module `table`: the persistent container of users, whose copies share pages until one of them changes. Internal:
/// all of it lies in `detail`, and may change between releases.
///
/// Includes `base` and `registers`.
#include <presence/table/detail/branch.hpp>
#include <presence/table/detail/expiry.hpp>
#include <presence/table/detail/node.hpp>
#include <presence/table/detail/page.hpp>
#include <presence/table/detail/user_row.hpp>
#include <presence/table/detail/user_table.hpp>
#include <presence/table/detail/walk.hpp>
#include <presence/table/detail/walking.hpp>

#endif  // PRESENCE_TABLE_HPP
