// SPDX-License-Identifier: MIT
// Runs the component of the recipe for a few frames of a stand-in for Unreal. Prints what handlers received.
#include "CoreMinimal.h"
#include "HAL/UnrealMemory.h"
#include "PresenceComponent.h"

namespace
{
	void Print(const char* What, const FPresenceUser& User)
	{
		std::printf("%s %s %s '%s'\n", What, TCHAR_TO_UTF8(*User.Id), User.bOnline ? "online" : "offline", TCHAR_TO_UTF8(*User.Status));
	}

	void Frame(UPresenceComponent& Component, int64 Ms)
	{
		StandIn::NowMs += Ms;
		std::printf("frame\n");
		Component.TickComponent(static_cast<float>(Ms) / 1000, LEVELTICK_All, &Component.PrimaryComponentTick);
	}
}

int main()
{
	StandIn::NowMs = 1546867062375;
	{
		UPresenceComponent Component;
		Component.OnChanged.Add([&Component](const FPresenceUser& User) {
			Print("  changed:", User);
			// What a handler feeds is told in the next frame.
			if (std::u16string_view(*User.Status) == TEXT("Follow me"))
			{
				Component.Feed(TEXT(R"({"type":"user.presence.changed","created_at":"2019-01-07T13:17:44Z","user":{"id":"jack","online":true,"status":"☃"}})"));
			}
		});

		Frame(Component, 16);
		Component.Feed(TEXT(R"({"type":"user.presence.changed","created_at":"2019-01-07T13:17:42Z","user":{"id":"john","online":true,"status":"Eating a veggie burger..."}})"));
		Component.Feed(TEXT(R"({"type":"user.presence.changed","created_at":"2019-01-07T13:17:43Z","user":{"id":"mary","online":true,"status":"Follow me"}})"));
		Frame(Component, 16);
		Frame(Component, 16);
		Frame(Component, 16);

		std::printf("%d\n", Component.Feed(TEXT(R"({"type":"message.new"})")));
		std::printf("%d\n", Component.Feed(TEXT(R"({"type":"user.updated","user":)")));

		Component.ConnectionLost();
		Component.Feed(TEXT(R"({"type":"user.presence.changed","created_at":"2019-01-07T13:17:50Z","user":{"id":"john","online":true,"status":""}})"));
		Frame(Component, 16);
		for (const FPresenceUser& User : Component.Friends({TEXT("jack"), TEXT("john"), TEXT("nobody")})) Print("friend:", User);
		std::printf("memory came from the engine: %d\n", FMemory::Calls > 0 && FMemory::BytesOut > 0);
	}
	std::printf("and went back: %d\n", FMemory::BytesOut == 0);
	return 0;
}
