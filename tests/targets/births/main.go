// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

// Births starts goroutines at a steady rate, each of which lives for some
// milliseconds, and keeps its own exact books. Commands on stdin, each answered
// with one line of JSON:
//
//	counts       the totals now
//	rate N       N births a second from now on; 0 is quiet: answered once all ended
//	range A B    least and most goroutines alive between two times (Unix ns)
//	exec PATH …  become another program (no answer)
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// nursery starts goroutines and counts them.
type nursery struct {
	rate           atomic.Int64
	created, ended atomic.Int64
	lifetime       time.Duration
}

const tick = time.Millisecond

func (n *nursery) run(d *diary) {
	due := 0.0
	for last := time.Now(); ; {
		time.Sleep(tick)
		now := time.Now()
		due += now.Sub(last).Seconds() * float64(n.rate.Load())
		last = now
		for ; due >= 1; due-- {
			n.created.Add(1)
			go n.live(n.lifetime)
		}
		d.note() // the peak that a sampler between two bursts would miss
	}
}

func (n *nursery) live(lifetime time.Duration) {
	time.Sleep(lifetime)
	n.ended.Add(1)
}

// sample is how many goroutines the runtime said there were.
type sample struct {
	unixNs int64
	count  int
}

// diary samples the number of goroutines, so that a count taken by someone else
// can be held against what was true meanwhile.
type diary struct {
	mu      sync.Mutex
	samples []sample
}

const diaryLength = 240_000 // two a millisecond: a minute or two

func (d *diary) keep() {
	for {
		d.note()
		time.Sleep(tick)
	}
}

func (d *diary) note() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.samples) >= diaryLength {
		d.samples = append(d.samples[:0], d.samples[diaryLength/2:]...)
	}
	d.samples = append(d.samples, sample{time.Now().UnixNano(), runtime.NumGoroutine()})
}

// between includes the last sample before and the first one after.
func (d *diary) between(from, to int64) map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	least, most, used := 1<<62, 0, 0
	for i, s := range d.samples {
		if i+1 < len(d.samples) && d.samples[i+1].unixNs < from {
			continue
		}
		least, most, used = min(least, s.count), max(most, s.count), used+1
		if s.unixNs > to {
			break
		}
	}
	return map[string]int{"least": least, "most": most, "samples": used}
}

func main() {
	rate := flag.Int64("rate", 50_000, "births a second")
	lifetime := flag.Duration("lifetime", 5*time.Millisecond, "of each")
	flag.Parse()

	n := &nursery{lifetime: *lifetime}
	n.rate.Store(*rate)
	d := new(diary)
	go n.run(d)
	go d.keep()
	fmt.Println("ready")

	lines := bufio.NewScanner(os.Stdin)
	answer := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var word string
		var a, b int64
		fmt.Sscan(lines.Text(), &word, &a, &b)
		switch word {
		case "exec":
			become(strings.Fields(lines.Text())[1:])
		case "range":
			answer.Encode(d.between(a, b))
			continue
		case "rate":
			n.rate.Store(a)
			for a == 0 && !n.quiet() {
				time.Sleep(tick)
			}
		}
		answer.Encode(n.counts())
	}
}

// become replaces this program; it returns only by dying.
func become(command []string) {
	path, err := exec.LookPath(command[0])
	if err == nil {
		err = syscall.Exec(path, command, os.Environ())
	}
	panic(err)
}

// quiet is true once the last one has certainly ended. The pause lets the last
// ones leave the scheduler after they signed out.
func (n *nursery) quiet() bool {
	before := n.created.Load()
	time.Sleep(10 * tick)
	return before == n.created.Load() && before == n.ended.Load()
}

func (n *nursery) counts() map[string]uint64 {
	c := map[string]uint64{
		"created":       uint64(n.created.Load()),
		"ended":         uint64(n.ended.Load()),
		"num_goroutine": uint64(runtime.NumGoroutine()),
	}
	total := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
	if metrics.Read(total); total[0].Value.Kind() == metrics.KindUint64 {
		c["runtime_created"] = total[0].Value.Uint64()
	}
	return c
}
