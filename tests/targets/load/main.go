// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

// Load asks the shop's /work over and over: a closed loop on a few
// connections, for a bounded time or until stdin ends. Every answer is checked.
// Prints one line of JSON at the end, and one for each line on stdin; each
// tells of what was done since the one before.
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

// tally is what was done since the last report.
type tally struct {
	requests, wrong, failed int
	latencies               []time.Duration
}

// client is one connection and its tally.
type client struct {
	sync.Mutex
	tally
}

// take ends a tally and begins the next.
func (c *client) take() tally {
	c.Lock()
	defer c.Unlock()
	done := c.tally
	c.tally = tally{}
	return done
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
	clients := make([]client, *connections)
	if *stdin {
		go func() {
			for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
				report(clients, time.Since(start))
				start = time.Now()
			}
			stop()
		}()
	}
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
		c.count(0, false, err)
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
		right, err := ask(conn, in, id)
		if c.count(time.Since(begun), right, err); err != nil {
			return
		}
	}
}

func (c *client) count(took time.Duration, right bool, err error) {
	c.Lock()
	defer c.Unlock()
	if err != nil {
		c.failed++
		return
	}
	c.requests++
	if !right {
		c.wrong++
	}
	c.latencies = append(c.latencies, took)
}

// ask makes one request and says whether the answer was right; an error when
// the connection failed.
func ask(conn net.Conn, in *bufio.Reader, id int) (bool, error) {
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "GET /work?id=%d HTTP/1.1\r\nHost: shop\r\n\r\n", id)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		return false, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return false, err
	}
	return strings.TrimSpace(string(body)) == strconv.Itoa(3*id+1), nil
}

func report(clients []client, took time.Duration) {
	var sum tally
	for i := range clients {
		c := clients[i].take()
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
