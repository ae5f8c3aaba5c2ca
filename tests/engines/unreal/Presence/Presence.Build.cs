// SPDX-License-Identifier: MIT
// A module of an Unreal plugin or game. Copy single_include/presence/presence.hpp to ThirdParty/presence/presence.hpp in
// the module. This file is not tested, and neither is the module in Unreal. Tested: the C++ of the module with the compile
// flags of Unreal and a stand-in for its headers.
using System.IO;
using UnrealBuildTool;

public class Presence : ModuleRules
{
	public Presence(ReadOnlyTargetRules Target) : base(Target)
	{
		PCHUsage = PCHUsageMode.UseExplicitOrSharedPCHs;
		CppStandard = CppStandardVersion.Cpp20;
		// bEnableExceptions and bUseRTTI stay off.
		PublicDependencyModuleNames.AddRange(new[] { "Core", "CoreUObject", "Engine" });
		// Only the .cpp files of the module see the library, so its headers cost nobody else anything.
		PrivateIncludePaths.Add(Path.Combine(ModuleDirectory, "ThirdParty"));
	}
}
