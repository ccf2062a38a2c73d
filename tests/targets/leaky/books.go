// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// role says what a task is meant to do.
type role string

const (
	leaked role = "leaked" // blocked for ever, by a bug
	fine   role = "fine"   // blocked for a while, then ends
	steady role = "steady" // waits for work as long as the service lives
)

// options of one batch.
type options struct {
	hold   time.Duration // how long a fine task waits
	forget bool          // keep nothing that could end the leak
}

// object is what a task blocks on. The runtime may name an address inside of it
// (a mutex's semaphore), so the size is told too.
type object struct {
	address uintptr
	size    uintptr
	fd      int // for sockets, where there is no address; else -1
}

func channel(c any) object { return object{address: reflect.ValueOf(c).Pointer(), size: 1, fd: -1} }

// memory is the object that a pointer points to.
func memory(pointer any) object {
	v := reflect.ValueOf(pointer)
	return object{address: v.Pointer(), size: v.Elem().Type().Size(), fd: -1}
}

func descriptor(fd int) object { return object{fd: fd} }

// counter is what atomic.Int64 is from Go 1.19 on.
type counter struct{ n int64 }

func (c *counter) Add(n int64) int64 { return atomic.AddInt64(&c.n, n) }
func (c *counter) Load() int64       { return atomic.LoadInt64(&c.n) }

// books keep the truth: every task writes itself in as its first act and out
// as its last.
type books struct {
	created, ended counter

	mu       sync.Mutex
	tasks    map[uint64]*entry
	releases []func()
}

type place struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

type entry struct {
	Goid       uint64    `json:"goid"`
	Kind       string    `json:"kind"`
	Role       role      `json:"role"`
	WaitReason string    `json:"wait_reason"` // as the runtime names it
	Object     string    `json:"object,omitempty"`
	ObjectSize uintptr   `json:"object_size,omitempty"`
	Fd         *int      `json:"fd,omitempty"`
	CreatedBy  place     `json:"created_by"`
	BlockedAt  place     `json:"blocked_at"` // innermost frame of the shop's own
	EnteredAt  time.Time `json:"entered_at"` // just before it blocks
}

func newBooks() *books { return &books{tasks: map[uint64]*entry{}} }

// batch is a group of tasks that are started together.
type batch struct {
	books   *books
	kind    string
	role    role
	opts    options
	started sync.WaitGroup
}

func (b *books) open(kind string, as role, n int, opts options) *batch {
	t := &batch{books: b, kind: kind, role: as, opts: opts}
	t.started.Add(n)
	return t
}

// enter writes the calling goroutine in; the result writes it out.
func (t *batch) enter(on object) (leave func()) {
	e := &entry{Kind: t.kind, Role: t.role, EnteredAt: time.Now()}
	if on.address != 0 {
		e.Object, e.ObjectSize = fmt.Sprintf("%#x", on.address), on.size
	} else if on.fd >= 0 {
		e.Fd = &on.fd
	}
	text := make([]byte, 4096)
	self := parseStack(string(text[:runtime.Stack(text, false)]))
	e.Goid, e.CreatedBy = self.goid, self.createdBy

	b := t.books
	b.created.Add(1)
	b.mu.Lock()
	b.tasks[e.Goid] = e
	b.mu.Unlock()
	t.started.Done()
	return func() {
		b.mu.Lock()
		delete(b.tasks, e.Goid)
		b.mu.Unlock()
		b.ended.Add(1)
	}
}

// toEnd says how to end what was started: a fine batch does so after its hold,
// a leaked one when the shop is told to release, unless it was to forget.
func (t *batch) toEnd(end func()) {
	if t.role == fine {
		time.AfterFunc(t.opts.hold, end)
		return
	}
	if t.opts.forget {
		return
	}
	t.books.mu.Lock()
	t.books.releases = append(t.books.releases, end)
	t.books.mu.Unlock()
}

// release ends all leaks that can be ended and returns how many calls it took.
func (b *books) release() int {
	b.mu.Lock()
	ends := b.releases
	b.releases = nil
	b.mu.Unlock()
	for _, end := range ends {
		end()
	}
	return len(ends)
}

type counts struct {
	Pid          int    `json:"pid"`
	GoVersion    string `json:"go_version"`
	NumGoroutine int    `json:"num_goroutine"`
	Created      int64  `json:"created"` // by the shop's own code
	Ended        int64  `json:"ended"`
	// All that the runtime ever created, its own included, where it tells
	// (Go 1.26 and later).
	RuntimeCreated uint64 `json:"runtime_created,omitempty"`
}

func (b *books) counts() counts {
	sample := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
	metrics.Read(sample)
	c := counts{
		Pid: os.Getpid(), GoVersion: runtime.Version(), NumGoroutine: runtime.NumGoroutine(),
		Created: b.created.Load(), Ended: b.ended.Load(),
	}
	if sample[0].Value.Kind() == metrics.KindUint64 {
		c.RuntimeCreated = sample[0].Value.Uint64()
	}
	return c
}

type truth struct {
	counts
	Leaked map[string]int `json:"leaked"` // by kind
	Tasks  []entry        `json:"tasks"`
}

// truth asks the runtime itself where every goroutine is and why it waits: it
// stops the world, which the totals alone do not.
func (b *books) truth() truth {
	stacks := allStacks()
	result := truth{counts: b.counts(), Leaked: map[string]int{}, Tasks: []entry{}}
	b.mu.Lock()
	defer b.mu.Unlock()
	for goid, e := range b.tasks {
		now := *e
		now.WaitReason, now.BlockedAt = stacks[goid].reason, stacks[goid].blockedAt
		result.Tasks = append(result.Tasks, now)
		if e.Role == leaked {
			result.Leaked[e.Kind]++
		}
	}
	return result
}

func allStacks() map[uint64]stack {
	const limit = 512 << 20
	text := make([]byte, 1<<20)
	for n := 0; ; text = make([]byte, 2*len(text)) {
		if n = runtime.Stack(text, true); n < len(text) || len(text) >= limit {
			text = text[:n]
			break
		}
	}
	found := map[uint64]stack{}
	for _, one := range strings.Split(string(text), "\n\n") {
		s := parseStack(one)
		found[s.goid] = s
	}
	return found
}
