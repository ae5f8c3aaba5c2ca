// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_HPP
#define PRESENCE_REGISTERS_HPP

/// The module `registers`: what is stored of one user, its join and normal form, and what others see of it. Internal:
/// all of it lies in `detail`, and may change between releases.
///
/// Includes `base` and `model`.
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/digest.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/peer_dates.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/registers/detail/word_digest.hpp>

#endif  // PRESENCE_REGISTERS_HPP
