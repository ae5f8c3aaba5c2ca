// SPDX-License-Identifier: MIT
// See CoreMinimal.h.
#pragma once

#include "CoreMinimal.h"

enum ELevelTick
{
	LEVELTICK_All
};
struct FActorComponentTickFunction
{
	bool bCanEverTick = false;
};

class UActorComponent
{
public:
	using Super = UActorComponent;
	virtual ~UActorComponent() = default;
	virtual void TickComponent(float, ELevelTick, FActorComponentTickFunction*) {}

	FActorComponentTickFunction PrimaryComponentTick;
};
