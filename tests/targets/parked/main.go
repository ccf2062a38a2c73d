// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

// Parked has many goroutines that wait, in equal parts, for everything a
// goroutine can wait for, and a heartbeat: a goroutine that sleeps 200 us at a
// time and remembers the longest gap, which is how long the program stood
// still. Each line on stdin is answered with one line of JSON; the gap starts
// anew with it.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const beat = 200 * time.Microsecond

// waits are entered by one goroutine each, with an object of its own.
var waits = []func(entered func()){
	func(entered func()) { c := make(chan int); entered(); <-c },
	func(entered func()) { c := make(chan int); entered(); c <- 1 },
	func(entered func()) {
		a, b := make(chan int), make(chan int)
		entered()
		select {
		case <-a:
		case <-b:
		}
	},
	func(entered func()) { m := new(sync.Mutex); m.Lock(); entered(); m.Lock() },
	func(entered func()) { m := new(sync.RWMutex); m.Lock(); entered(); m.RLock() },
	func(entered func()) { w := new(sync.WaitGroup); w.Add(1); entered(); w.Wait() },
	func(entered func()) { c := sync.NewCond(new(sync.Mutex)); c.L.Lock(); entered(); c.Wait() },
}

// descend makes stacks of a realistic depth.
//
//go:noinline
func descend(frames int, wait func(func()), entered func()) {
	if frames > 0 {
		descend(frames-1, wait, entered)
		return
	}
	wait(entered)
}

func main() {
	n := flag.Int("n", 10_000, "goroutines")
	depth := flag.Int("depth", 8, "frames of each above its wait")
	flag.Parse()

	var entered sync.WaitGroup
	entered.Add(*n)
	for i := 0; i < *n; i++ {
		go descend(*depth, waits[i%len(waits)], entered.Done)
	}
	entered.Wait()
	runtime.GC()

	var longest atomic.Int64
	go heartbeat(&longest)
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		json.NewEncoder(os.Stdout).Encode(map[string]int64{
			"num_goroutine":  int64(runtime.NumGoroutine()),
			"longest_gap_ns": longest.Swap(0),
		})
	}
}

func heartbeat(longest *atomic.Int64) {
	for last := time.Now(); ; {
		time.Sleep(beat)
		now := time.Now()
		if gap := int64(now.Sub(last)); gap > longest.Load() {
			longest.Store(gap)
		}
		last = now
	}
}
