// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"time"
)

// blockCleanup makes the goroutine of finalizers wait in one of ours, and the
// goroutine of cleanups too where that is another one (Go 1.25 and later).
func blockCleanup() {
	blocked := make(chan bool, 2)
	finalizable(blocked)
	count := 1 + cleanable(blocked)
	for count > 0 {
		runtime.GC()
		select {
		case <-blocked:
			count--
		case <-time.After(10 * time.Millisecond):
		}
	}
	time.Sleep(100 * time.Millisecond)
}

//go:noinline
func finalizable(blocked chan bool) {
	type held struct{ _ [64]byte }
	runtime.SetFinalizer(new(held), func(*held) {
		c := make(chan int)
		say("finalizer", object("chan", c))
		blocked <- true
		<-c
	})
}
