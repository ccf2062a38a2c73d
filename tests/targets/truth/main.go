// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

// Truth parks goroutines in every way that Go knows and says, for each, what
// it waits for: one line of JSON for each line on stdin, with the runtime's own
// dump of the stacks. It is quiet between the lines. The line "block cleanup"
// first makes the runtime's goroutines for finalizers and cleanups block in
// functions of this program, for good.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// Wait is what one goroutine says of itself before it blocks.
type Wait struct {
	Name    string   `json:"name"`
	Objects []string `json:"objects"`
	// EndsInMs is when the wait ends by itself, from the program's start; 0 =
	// never.
	EndsInMs int64 `json:"ends_in_ms"`
	// SinceUnixNs is when it was about to begin; 0 where the clock is not true.
	SinceUnixNs int64             `json:"since_unix_ns"`
	Labels      map[string]string `json:"labels,omitempty"`
}

var (
	truth   = map[int64]Wait{}
	truthMu sync.Mutex
	start   = time.Now()
)

// say notes what the calling goroutine is about to wait for.
func say(name string, objects ...string) {
	truthMu.Lock()
	defer truthMu.Unlock()
	if objects == nil {
		objects = []string{}
	}
	wait := Wait{Name: name, Objects: objects}
	if now := time.Now(); now.After(start) { // not so in a synctest bubble
		wait.SinceUnixNs = now.UnixNano()
	}
	truth[goid()] = wait
}

// ends adds to what say said: the wait is over in d from now.
func ends(d time.Duration) {
	truthMu.Lock()
	defer truthMu.Unlock()
	w := truth[goid()]
	w.EndsInMs = (time.Since(start) + d).Milliseconds()
	truth[goid()] = w
}

func goid() int64 {
	var buf [64]byte
	fields := bytes.Fields(buf[:runtime.Stack(buf[:], false)])
	id, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		panic(err)
	}
	return id
}

func object(kind string, p any) string { return fmt.Sprintf("%s/%p", kind, p) }

type answer struct {
	Version      string         `json:"version"`
	NumGoroutine int            `json:"num_goroutine"`
	UptimeMs     int64          `json:"uptime_ms"`
	Waits        map[int64]Wait `json:"waits"`
	Stacks       string         `json:"stacks"`
}

// collect makes the collector mark when waits began: it takes two cycles.
func collect() {
	for i := 0; i < 2; i++ {
		runtime.GC()
		time.Sleep(100 * time.Millisecond)
	}
}

func main() {
	for _, begin := range scenes {
		begin()
	}
	time.Sleep(200 * time.Millisecond)
	collect()
	late()
	time.Sleep(100 * time.Millisecond)
	collect()
	fmt.Println("ready")
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if lines.Text() == "block cleanup" {
			blockCleanup()
		}
		stacks := make([]byte, 4<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		truthMu.Lock()
		out.Encode(answer{
			Version:      runtime.Version(),
			NumGoroutine: runtime.NumGoroutine(),
			UptimeMs:     time.Since(start).Milliseconds(),
			Waits:        truth,
			Stacks:       string(stacks),
		})
		truthMu.Unlock()
	}
}
