// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

// Parked has many goroutines that wait, in equal parts, for every object a
// goroutine can wait for (with -sleeps also for a timer, with -sockets some of
// them for a socket), and a heartbeat: a goroutine that sleeps 200 us at a time
// and remembers the longest gap, which is how long the program stood still.
// Each line on stdin is answered with one line of JSON; the gap starts anew
// with it. The line "pprof 1" or "pprof 2" has the program list its goroutines
// itself first, as its own /debug/pprof/goroutine would.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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

func sleep(entered func()) { entered(); time.Sleep(1000 * time.Hour) }

// reads returns waits for n sockets that nobody writes to: both ends of n/2
// pairs, so that a wait costs one descriptor.
func reads(n int) (waits []func(func())) {
	var limit syscall.Rlimit
	check(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Cur = limit.Max
	check(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	for len(waits) < n {
		pair, err := syscall.Socketpair(syscall.AF_UNIX,
			syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
		check(err)
		for _, fd := range pair {
			file := os.NewFile(uintptr(fd), "socket")
			waits = append(waits, func(entered func()) {
				entered()
				file.Read(make([]byte, 1))
			})
		}
	}
	return waits[:n]
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "parked:", err)
		os.Exit(1)
	}
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
	sleeps := flag.Bool("sleeps", false, "some wait for a timer")
	sockets := flag.Int("sockets", 0, "how many of them wait for a socket")
	flag.Parse()
	if *sleeps {
		waits = append(waits, sleep)
	}

	var entered sync.WaitGroup
	entered.Add(*n)
	for _, wait := range reads(min(*sockets, *n)) {
		go descend(*depth, wait, entered.Done)
	}
	for i := min(*sockets, *n); i < *n; i++ {
		go descend(*depth, waits[i%len(waits)], entered.Done)
	}
	entered.Wait()
	runtime.GC()

	var longest atomic.Int64
	go heartbeat(&longest)
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer := map[string]int64{}
		if debug, found := strings.CutPrefix(lines.Text(), "pprof "); found {
			answer["pprof_ns"], answer["pprof_bytes"] = list(debug == "2")
		}
		answer["num_goroutine"] = int64(runtime.NumGoroutine())
		answer["longest_gap_ns"] = longest.Swap(0)
		json.NewEncoder(os.Stdout).Encode(answer)
	}
}

// list has the runtime write its own profile of goroutines to nowhere.
func list(everyone bool) (ns, bytes int64) {
	debug := 1
	if everyone {
		debug = 2
	}
	var written counter
	begin := time.Now()
	check(pprof.Lookup("goroutine").WriteTo(&written, debug))
	return int64(time.Since(begin)), int64(written)
}

type counter int64

func (c *counter) Write(data []byte) (int, error) {
	*c += counter(len(data))
	return len(data), nil
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
