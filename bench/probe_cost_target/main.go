// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What probes are felt on most: a channel ping-pong (two parks and two wakes a
// round trip) or goroutines that are made and end at once. For each number of
// milliseconds on stdin it works so long and prints operations and the CPU time
// of the process in nanoseconds; CPU time, since other work on the machine
// hardly moves it.
//
//	probe_cost_target pingpong|spawn
package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

const batch = 64

func cpuNanoseconds() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func pingpong() func() {
	ping, pong := make(chan int), make(chan int)
	go func() {
		for v := range ping {
			pong <- v
		}
	}()
	return func() {
		ping <- 1
		<-pong
	}
}

func spawn() func() {
	ended := 0
	end := func() { ended++ }
	return func() {
		go end()
		runtime.Gosched()
	}
}

func main() {
	runtime.GOMAXPROCS(1) // wakes of other threads would drown what we measure
	work := map[string]func() func(){"pingpong": pingpong, "spawn": spawn}[os.Args[1]]()
	for {
		var ms int
		if _, err := fmt.Scan(&ms); err != nil {
			return
		}
		operations, begin := 0, cpuNanoseconds()
		for end := time.Now().Add(time.Duration(ms) * time.Millisecond); time.Now().Before(end); {
			for i := 0; i < batch; i++ {
				work()
			}
			operations += batch
		}
		fmt.Println(operations, cpuNanoseconds()-begin)
	}
}
