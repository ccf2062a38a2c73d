// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The least that a Go program can be: whatever the linker may leave out of the
// runtime it leaves out here.
package main

func main() {}
