// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

// The plugin: its goroutines block in code that the program's own file has not.
package main

var held = make(chan int)

func hold() { <-held }

func callBack(wait func()) { wait() }

// Start parks n goroutines here and n in the program's function.
func Start(n int, wait func()) {
	for i := 0; i < n; i++ {
		go hold()
		go callBack(wait)
	}
}

func main() {}
