//go:build go1.23

// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import "iter"

// iterators leaves one that was pulled once; its goroutine waits as coroutine.
func iterators() {
	next, _ := iter.Pull(func(yield func(int) bool) {
		yield(1)
		yield(2)
	})
	next()
	kept = append(kept, next)
}
