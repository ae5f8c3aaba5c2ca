// SPDX-License-Identifier: MIT
// A module of an Unreal plugin or game. Copy single_include/presence/presence.hpp to ThirdParty/presence/presence.hpp in
// the module. Unreal was not there when this was written: the C++ of the module is compiled and run against a stand-in
// with the flags that Unreal uses, and this file was not run.
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
