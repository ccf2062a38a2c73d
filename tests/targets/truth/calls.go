//go:build cgo

// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

// #cgo LDFLAGS: -lpthread
// #include "calls.h"
import "C"

// calls wait in C, in Go that C calls, and in Go that a thread of C calls.
func calls() {
	go func() { say("C call"); C.wait_in_c() }()
	go func() { C.call_go() }()
	C.call_go_on_a_thread()
}

//export waitInGo
func waitInGo() {
	c := make(chan int)
	say("called by C", object("chan", c))
	<-c
}
