// SPDX-License-Identifier: MIT
#pragma once

#include "CoreMinimal.h"
#include "Components/ActorComponent.h"
#include "Templates/PimplPtr.h"

#include "PresenceComponent.generated.h"

USTRUCT(BlueprintType)
struct FPresenceUser
{
	GENERATED_BODY()

	UPROPERTY(BlueprintReadOnly, Category = "Presence")
	FString Id;

	UPROPERTY(BlueprintReadOnly, Category = "Presence")
	bool bOnline = false;

	UPROPERTY(BlueprintReadOnly, Category = "Presence")
	FString Status;
};

DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FOnPresenceChanged, const FPresenceUser&, User);

/** Mirrors what a server says about who is online. A handler of OnChanged may call anything here. */
UCLASS(ClassGroup = (Presence), meta = (BlueprintSpawnableComponent))
class PRESENCE_API UPresenceComponent : public UActorComponent
{
	GENERATED_BODY()

public:
	UPresenceComponent();

	/** Takes one event of the server as it came. False, with a line in the log, for one that cannot be read. */
	UFUNCTION(BlueprintCallable, Category = "Presence")
	bool Feed(const FString& Json);

	/** The connection to the server is gone: nobody is shown online on stale word. */
	UFUNCTION(BlueprintCallable, Category = "Presence")
	void ConnectionLost();

	/** Those of the ids that are known: who is online first, then by id. */
	UFUNCTION(BlueprintCallable, Category = "Presence")
	TArray<FPresenceUser> Friends(const TArray<FString>& Ids) const;

	/** At most once a frame for each user who does not look as in the frame before. */
	UPROPERTY(BlueprintAssignable, Category = "Presence")
	FOnPresenceChanged OnChanged;

	virtual void TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction) override;

private:
	struct FState;
	TPimplPtr<FState> State;
};
