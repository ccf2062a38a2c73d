// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

// Plugged loads the Go plugin named on its command line and lets it park
// goroutines: in its own code, and in a function of the program that the
// plugin calls. Each line on stdin is answered with runtime.NumGoroutine.
package main

import (
	"bufio"
	"fmt"
	"os"
	"plugin"
	"runtime"
	"time"
)

const each = 7

var never = make(chan int)

func wait() { <-never }

func main() {
	loaded, err := plugin.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	start, err := loaded.Lookup("Start")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for i := 0; i < each; i++ {
		go wait()
	}
	start.(func(int, func()))(each, wait)
	time.Sleep(200 * time.Millisecond) // all block by now
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Printf("{\"num_goroutine\": %d}\n", runtime.NumGoroutine())
	}
}
