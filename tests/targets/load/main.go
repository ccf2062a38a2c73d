// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

// Load asks the shop's /work over and over: a closed loop on a few
// connections, for a bounded time or until stdin ends. Every answer is checked.
// Prints one line of JSON.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// client is one connection's tally.
type client struct {
	requests, wrong, failed int
	latencies               []time.Duration
}

func main() {
	address := flag.String("address", "", "host:port of the shop")
	connections := flag.Int("connections", 8, "connections, each with one request under way")
	length := flag.Duration("for", 5*time.Second, "how long, at most")
	stdin := flag.Bool("stdin", false, "end when stdin does")
	flag.Parse()

	start := time.Now()
	end := make(chan struct{})
	var once sync.Once
	stop := func() { once.Do(func() { close(end) }) }
	time.AfterFunc(*length, stop)
	if *stdin {
		go func() { io.Copy(io.Discard, os.Stdin); stop() }()
	}
	clients := make([]client, *connections)
	var all sync.WaitGroup
	for i := range clients {
		all.Add(1)
		go func(c *client) { defer all.Done(); c.run(*address, end) }(&clients[i])
	}
	all.Wait()
	report(clients, time.Since(start))
}

func (c *client) run(address string, end <-chan struct{}) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		c.failed++
		return
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for id := 1; ; id++ {
		select {
		case <-end:
			return
		default:
		}
		begun := time.Now()
		if !c.ask(conn, in, id) {
			c.failed++
			return
		}
		c.latencies = append(c.latencies, time.Since(begun))
	}
}

// ask makes one request; false when the connection failed.
func (c *client) ask(conn net.Conn, in *bufio.Reader, id int) bool {
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "GET /work?id=%d HTTP/1.1\r\nHost: shop\r\n\r\n", id)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		return false
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return false
	}
	c.requests++
	if strings.TrimSpace(string(body)) != strconv.Itoa(3*id+1) {
		c.wrong++
	}
	return true
}

func report(clients []client, took time.Duration) {
	var sum client
	for _, c := range clients {
		sum.requests += c.requests
		sum.wrong += c.wrong
		sum.failed += c.failed
		sum.latencies = append(sum.latencies, c.latencies...)
	}
	sort.Slice(sum.latencies, func(i, k int) bool { return sum.latencies[i] < sum.latencies[k] })
	at := func(share float64) float64 {
		if len(sum.latencies) == 0 {
			return 0
		}
		return sum.latencies[int(share*float64(len(sum.latencies)-1))].Seconds()
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"requests": sum.requests, "wrong": sum.wrong, "failed": sum.failed,
		"seconds": took.Seconds(), "per_second": float64(sum.requests) / took.Seconds(),
		"p50_seconds": at(0.5), "p99_seconds": at(0.99), "max_seconds": at(1),
	})
}
