// SPDX-License-Identifier: MIT
// The file from which a stopped service starts again.
#ifndef SERVICE_CHECKPOINT_HPP
#define SERVICE_CHECKPOINT_HPP

#include "presence_service.hpp"

#include <string>

namespace service {

/// Writes the state beside the file, then replaces it, so that the file is never half written. Returns false, and logs
/// why, if that fails. O(users).
bool write_checkpoint(const std::string& path, const SavedState& state);

/// Reads the file. Without one, returns an empty state. Throws std::runtime_error if it is not a checkpoint. The rules
/// are those of this start: they may differ from those before.
SavedState read_checkpoint(const std::string& path, const presence::Rules& rules);

}  // namespace service

#endif  // SERVICE_CHECKPOINT_HPP
