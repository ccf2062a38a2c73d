// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import (
	"sort"
	"sync"
)

// Stacks of every shape: inlined calls, generics, methods through wrappers,
// deep recursion, frames larger than a read, defers during a panic.

func receive(c chan int) int { return <-c }

func inlinedOnce(c chan int) int { return receive(c) + 1 }

func inlinedTwice(c chan int) int { return inlinedOnce(c) * 2 }

//go:noinline
func outer(c chan int) int { return inlinedTwice(c) - 1 }

func generic[T any](c chan T) T { return <-c }

type waiter interface{ wait() }

type embedded struct{ c chan int }

func (e embedded) wait() { <-e.c }

type wrapping struct{ *embedded }

//go:noinline
func descend(depth int, c chan int) int {
	if depth == 0 {
		return <-c
	}
	return descend(depth-1, c) + 1
}

//go:noinline
func bigFrame(c chan int) byte {
	var buf [96 << 10]byte
	for i := range buf {
		buf[i] = byte(i)
	}
	<-c
	return buf[len(buf)/2]
}

func inDefer(c chan int) {
	defer func() {
		recover()
	}()
	defer func() { <-c }()
	panic("on purpose")
}

func inCallback(c chan int) {
	sort.Slice([]int{2, 1}, func(i, j int) bool { <-c; return false })
}

type visitor func(chan int)

func (v visitor) visit(c chan int) { v(c) }

func stacks() {
	park := func(name string, f func(c chan int)) {
		go func() {
			c := make(chan int)
			say(name, object("chan", c))
			f(c)
		}()
	}
	park("inlined", func(c chan int) { outer(c) })
	park("generic", func(c chan int) { generic(c) })
	park("wrapper", func(c chan int) {
		var w waiter = wrapping{&embedded{c}}
		w.wait()
	})
	park("40 deep", func(c chan int) { descend(40, c) })
	park("90 deep", func(c chan int) { descend(90, c) })
	park("big frame", func(c chan int) { bigFrame(c) })
	park("in a defer", inDefer)
	park("in a callback", inCallback)
	park("method value", visitor(func(c chan int) { <-c }).visit)
	park("once", func(c chan int) { new(sync.Once).Do(func() { <-c }) })
	e := embedded{make(chan int)}
	go e.wait()
	go descend(3, e.c)
}

func spawn(c chan int) { go receive(c) }

func spawnTwice(c chan int) { spawn(c); spawn(c) }

// lineage: goroutines made by others, in inlined functions too.
func lineage() {
	c := make(chan int)
	go func() {
		spawnTwice(c)
		done := make(chan int)
		go func() { spawnTwice(c); <-done }()
		say("parent", object("chan", c))
		<-c
	}()
}
