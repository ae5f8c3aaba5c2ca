// SPDX-License-Identifier: MIT
#pragma once

#include "CoreMinimal.h"
#include "HAL/UnrealMemory.h"

// All memory inside a snapshot comes from the engine's allocator. Every file of the module includes the library by this
// header, so that no two of them disagree.
#define PRESENCE_ALLOC(Bytes, Alignment) FMemory::Malloc((Bytes), static_cast<uint32>(Alignment))
#define PRESENCE_FREE(Pointer, Bytes, Alignment) FMemory::Free(Pointer)

THIRD_PARTY_INCLUDES_START
#include <presence/presence.hpp>
THIRD_PARTY_INCLUDES_END
