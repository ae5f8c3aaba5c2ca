// SPDX-License-Identifier: MIT
// Unreal's header tool would write this.
