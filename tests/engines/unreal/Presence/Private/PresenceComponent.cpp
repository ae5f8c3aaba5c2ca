// SPDX-License-Identifier: MIT
#include "PresenceComponent.h"

#include "PresenceLibrary.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

DEFINE_LOG_CATEGORY_STATIC(LogPresence, Log, All);

struct UPresenceComponent::FState
{
	presence::Snapshot Now{presence::Rules::mirror()};
	presence::Snapshot Told = Now; // as it was when handlers were last called
	presence::EventBuffer Buffer;
};

namespace
{
	FString ToFString(std::string_view Text)
	{
		const FUTF8ToTCHAR Converted(Text.data(), static_cast<int32>(Text.size()));
		return FString(FStringView(Converted.Get(), Converted.Length()));
	}

	FPresenceUser ToUser(const presence::UserView& View)
	{
		FPresenceUser User;
		User.Id = ToFString(View.id);
		User.bOnline = View.online;
		User.Status = ToFString(View.status);
		return User;
	}

	presence::Timestamp UtcNow()
	{
		return presence::Timestamp::from_ms((FDateTime::UtcNow() - FDateTime(1970, 1, 1)).GetTicks() / ETimespan::TicksPerMillisecond);
	}
}

UPresenceComponent::UPresenceComponent()
	: State(MakePimpl<FState>())
{
	PrimaryComponentTick.bCanEverTick = true;
}

bool UPresenceComponent::Feed(const FString& Json)
{
	const FTCHARToUTF8 Utf8(*Json, Json.Len());
	const std::string_view Text(Utf8.Get(), static_cast<std::size_t>(Utf8.Length()));
	const presence::Result<presence::PresenceEventView> Event = presence::parse_event(Text, State->Buffer);
	if (!Event)
	{
		if (Event.error().code == presence::ErrorCode::not_presence)
		{
			return true;
		}
		UE_LOG(LogPresence, Warning, TEXT("%s at byte %d"), UTF8_TO_TCHAR(Event.error().message), static_cast<int32>(Event.error().offset));
		return false;
	}
	State->Now = presence::reduce(std::move(State->Now), *Event);
	return true;
}

void UPresenceComponent::ConnectionLost()
{
	presence::forget_reports_in(State->Now);
}

TArray<FPresenceUser> UPresenceComponent::Friends(const TArray<FString>& Ids) const
{
	std::vector<std::string> Texts;
	for (const FString& Id : Ids)
	{
		const FTCHARToUTF8 Utf8(*Id, Id.Len());
		Texts.emplace_back(Utf8.Get(), static_cast<std::size_t>(Utf8.Length()));
	}
	presence::UserQuery Query;
	Query.filter = presence::in("id", Texts);
	Query.sort = {{"online", presence::Order::descending}};
	Query.limit = Texts.size();

	TArray<FPresenceUser> Users;
	presence::query(State->Now, Query, presence::nobody, [&Users](const presence::UserView& View) { Users.Add(ToUser(View)); });
	return Users;
}

void UPresenceComponent::TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction)
{
	Super::TickComponent(DeltaTime, TickType, ThisTickFunction);

	State->Now = presence::reduce(std::move(State->Now), UtcNow());
	// Copies cost a pointer each, and a handler may then feed what it likes.
	const presence::Snapshot After = State->Now;
	const presence::Snapshot Before = std::exchange(State->Told, After);
	presence::diff(Before, After, [this](const presence::UserPresenceChangedView& Change) {
		if (!Change.online_changed() && !Change.status_changed())
		{
			return;
		}
		presence::UserView View;
		View.id = Change.id;
		OnChanged.Broadcast(ToUser(Change.after ? *Change.after : View));
	});
}
