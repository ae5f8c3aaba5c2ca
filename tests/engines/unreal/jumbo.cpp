// SPDX-License-Identifier: MIT
// Unreal compiles several .cpp files of a module as one.
#include "Presence/Private/PresenceComponent.cpp"
#include "use_component.cpp"
