// SPDX-License-Identifier: MIT
// See CoreMinimal.h. Counts what is out, so that a block that never comes back shows.
#pragma once

#include "CoreMinimal.h"

struct FMemory
{
	static inline int64 BytesOut = 0;
	static inline int64 Calls = 0;

	static void* Malloc(std::size_t Bytes, uint32 Alignment)
	{
		// What is needed to give a block back stands in front of it.
		const std::size_t Front = Alignment < sizeof(FBlock) ? sizeof(FBlock) : Alignment;
		const std::size_t Whole = (Front + Bytes + Front - 1) / Front * Front;
		char* const Start = static_cast<char*>(std::aligned_alloc(Front, Whole));
		check(Start != nullptr);
		new (Start + Front - sizeof(FBlock)) FBlock{Start, Bytes};
		BytesOut += static_cast<int64>(Bytes);
		++Calls;
		return Start + Front;
	}
	static void Free(void* Pointer)
	{
		if (Pointer == nullptr) return;
		const FBlock Block = *(static_cast<FBlock*>(Pointer) - 1);
		BytesOut -= static_cast<int64>(Block.Bytes);
		std::free(Block.Start);
	}

private:
	struct alignas(16) FBlock
	{
		void* Start;
		std::size_t Bytes;
	};
};
