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
	rate     atomic.Int64
	lifetime time.Duration
	diary    diary
}

const tick = time.Millisecond

func (n *nursery) run() {
	due := 0.0
	for last := time.Now(); ; {
		time.Sleep(tick)
		now := time.Now()
		due += now.Sub(last).Seconds() * float64(n.rate.Load())
		last = now
		for ; due >= 1; due-- {
			n.diary.note(1)
			go n.live()
		}
	}
}

func (n *nursery) live() {
	time.Sleep(n.lifetime)
	n.diary.note(-1)
}

// page is one millisecond in the diary: how many were alive.
type page struct {
	unixMs            int64
	least, most, last int64
}

// diary writes down every birth and end, so that a count taken by someone else
// can be held against all that was true meanwhile, and nothing else.
type diary struct {
	mu             sync.Mutex
	created, ended uint64
	alive          int64
	pages          [1 << 17]page // a ring: two minutes
}

func (d *diary) note(change int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now().UnixMilli()
	p := &d.pages[now%int64(len(d.pages))]
	if p.unixMs != now {
		*p = page{now, d.alive, d.alive, d.alive}
	}
	d.alive += change
	if change > 0 {
		d.created++
	} else {
		d.ended++
	}
	p.least, p.most, p.last = min(p.least, d.alive), max(p.most, d.alive), d.alive
}

// between gives the extremes of the milliseconds that hold two times. In one
// without a page nothing changed.
func (d *diary) between(from, to int64) (least, most int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := from / int64(tick)
	at := func(ms int64) *page {
		if p := &d.pages[ms%int64(len(d.pages))]; p.unixMs == ms {
			return p
		}
		return nil
	}
	before := first - 1
	for at(before) == nil && before > first-int64(len(d.pages)) {
		before--
	}
	if p := at(before); p != nil {
		least, most = p.last, p.last
	}
	for ms := first; ms <= to/int64(tick); ms++ {
		if p := at(ms); p != nil {
			least, most = min(least, p.least), max(most, p.most)
		}
	}
	return least, most
}

func (d *diary) totals() (created, ended uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.created, d.ended
}

// others are main and the nursery's own.
const others = 2

func main() {
	rate := flag.Int64("rate", 50_000, "births a second")
	lifetime := flag.Duration("lifetime", 5*time.Millisecond, "of each")
	flag.Parse()

	n := &nursery{lifetime: *lifetime}
	n.rate.Store(*rate)
	go n.run()
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
			least, most := n.diary.between(a, b)
			answer.Encode(map[string]int64{"least": least + others, "most": most + others})
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
	before, _ := n.diary.totals()
	time.Sleep(10 * tick)
	created, ended := n.diary.totals()
	return before == created && created == ended
}

func (n *nursery) counts() map[string]uint64 {
	created, ended := n.diary.totals()
	c := map[string]uint64{
		"created":       created,
		"ended":         ended,
		"num_goroutine": uint64(runtime.NumGoroutine()),
	}
	total := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
	if metrics.Read(total); total[0].Value.Kind() == metrics.KindUint64 {
		c["runtime_created"] = total[0].Value.Uint64()
	}
	return c
}
