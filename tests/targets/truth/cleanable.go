//go:build go1.25

// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import "runtime"

// cleanable blocks a goroutine of cleanups; 1, how many it blocks. Up to 1.24
// cleanups share the goroutine of finalizers.
//
//go:noinline
func cleanable(blocked chan bool) int {
	type held struct{ _ [64]byte }
	runtime.AddCleanup(new(held), func(int) {
		c := make(chan int)
		say("cleanup", object("chan", c))
		blocked <- true
		<-c
	}, 0)
	return 1
}
