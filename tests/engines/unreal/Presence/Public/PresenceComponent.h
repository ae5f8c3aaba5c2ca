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

/** Mirrors the presence that a server sends. A handler of OnChanged may call anything here. */
UCLASS(ClassGroup = (Presence), meta = (BlueprintSpawnableComponent))
class PRESENCE_API UPresenceComponent : public UActorComponent
{
	GENERATED_BODY()

public:
	UPresenceComponent();

	/** Applies one event of the server, as JSON. Returns false, with a line in the log, if it cannot be read. */
	UFUNCTION(BlueprintCallable, Category = "Presence")
	bool Feed(const FString& Json);

	/** The connection to the server is lost: what the server reported as online no longer counts. */
	UFUNCTION(BlueprintCallable, Category = "Presence")
	void ConnectionLost();

	/** Returns the known users among the ids: users online first, then by id. */
	UFUNCTION(BlueprintCallable, Category = "Presence")
	TArray<FPresenceUser> Friends(const TArray<FString>& Ids) const;

	/** Called at most once a frame for each user whose visible state differs from the frame before. */
	UPROPERTY(BlueprintAssignable, Category = "Presence")
	FOnPresenceChanged OnChanged;

	virtual void TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction) override;

private:
	struct FState;
	TPimplPtr<FState> State;
};
