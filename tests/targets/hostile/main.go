// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

// Hostile parks goroutines in ordinary ways and then, on request, writes lies
// into its own runtime's structures: lists that loop, lengths that no memory
// has, bounds that are none. It finds them by the symbols and the debug
// information of its own file. Commands on stdin, each answered with one line
// of JSON, which tells what runtime.NumGoroutine says:
//
//	forge NAME   tell this lie (see forge.go)
//	heal         undo all lies, last first
//	lies         the names of all lies
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sort"
	"strings"
	"sync"
	"time"
)

var (
	never  = make(chan int)
	other  = make(chan int)
	locked sync.Mutex
	parked sync.WaitGroup
)

func receive() { parked.Done(); <-never }

func choose() {
	parked.Done()
	select {
	case <-never:
	case other <- 1:
	}
}

func lock()  { parked.Done(); locked.Lock() }
func sleep() { parked.Done(); time.Sleep(1000 * time.Hour) }

// deep blocks at the end of so many calls.
func deep(calls int) int {
	if calls == 0 {
		receive()
	}
	return deep(calls-1) + 1
}

func deep40() { deep(40) }

// labelled receives with labels, which a forgery can get at.
func labelled() {
	labels := pprof.Labels("request", "42", "user", "eve")
	pprof.Do(context.Background(), labels, func(context.Context) { receive() })
}

func park(each int) {
	locked.Lock()
	for i := 0; i < each; i++ {
		parked.Add(6)
		go receive()
		go choose()
		go lock()
		go sleep()
		go deep40()
		go labelled()
	}
	parked.Wait()
	time.Sleep(100 * time.Millisecond) // they have said so and block now
}

type answer struct {
	NumGoroutine int      `json:"num_goroutine"`
	Lies         []string `json:"lies,omitempty"`
	Error        string   `json:"error,omitempty"`
}

func obey(line string, f *forger) (a answer) {
	defer func() {
		if trouble := recover(); trouble != nil {
			a.Error = fmt.Sprint(trouble)
		}
		a.NumGoroutine = runtime.NumGoroutine()
	}()
	words := strings.Fields(line)
	switch {
	case len(words) == 2 && words[0] == "forge":
		lie, known := lies[words[1]]
		if !known {
			a.Error = "no such lie"
			return a
		}
		lie(f)
	case line == "heal":
		f.heal()
	case line == "lies":
		for name := range lies {
			a.Lies = append(a.Lies, name)
		}
		sort.Strings(a.Lies)
	}
	return a
}

func main() {
	each := flag.Int("each", 20, "goroutines of each kind")
	flag.Parse()
	// The collector would believe the lies and die of them.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(1 << 62)
	park(*each)
	f, err := newForger()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out := json.NewEncoder(os.Stdout)
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		out.Encode(obey(in.Text(), f))
	}
}
