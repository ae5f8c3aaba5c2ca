// SPDX-License-Identifier: MIT
// See CoreMinimal.h.
#pragma once

#include "CoreMinimal.h"

template <class T>
using TPimplPtr = std::shared_ptr<T>;

template <class T>
TPimplPtr<T> MakePimpl()
{
	return std::make_shared<T>();
}
