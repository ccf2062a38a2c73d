//go:build go1.23

// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import (
	"iter"
)

// newer are ways to wait that came with Go 1.23 and later.
func newer() {
	next, _ := iter.Pull(func(yield func(int) bool) {
		yield(1)
		yield(2)
	})
	next()
	kept = append(kept, next)
}
