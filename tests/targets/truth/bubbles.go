//go:build go1.25

// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"testing"
	"testing/synctest"
)

// bubbles: a synctest bubble whose goroutines wait as "(durable)" and the like.
// A wait for a lock is not durable, so that the bubble is no deadlock.
func bubbles() {
	outside := new(sync.Mutex)
	outside.Lock()
	inside := func(t *testing.T) {
		go func() { say("lock in a bubble", object("mutex", outside)); outside.Lock() }()
		go func() { c := make(chan int); say("bubble", object("chan", c)); <-c }()
		go func() {
			c := make(chan int)
			say("select in a bubble", object("chan", c))
			select {
			case <-c:
			case c <- 1:
			}
		}()
		say("synctest.Wait")
		synctest.Wait()
	}
	tests := []testing.InternalTest{{Name: "bubble", F: func(t *testing.T) {
		synctest.Test(t, inside)
	}}}
	go testing.Main(func(_, _ string) (bool, error) { return true, nil }, tests,
		nil, nil)
}
