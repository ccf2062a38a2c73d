// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"
)

// scenes each start goroutines that park for good, or for an hour.
var scenes = []func(){
	channels, selects, locks, conds, timers,
	timersThatRun, network, descriptors, stacks,
	labels, lineage, iterators, bubbles, calls,
}

const hour = time.Hour

// kept is what the collector must not close.
var kept []any

func channels() {
	go func() { c := make(chan int); say("receive", object("chan", c)); <-c }()
	go func() { c := make(chan int); say("send", object("chan", c)); c <- 1 }()
	go func() {
		c := make(chan [24]byte, 3)
		c <- [24]byte{}
		c <- [24]byte{}
		c <- [24]byte{}
		say("send to a full buffer", object("chan", c))
		c <- [24]byte{}
	}()
	go func() {
		c := make(chan string)
		say("range", object("chan", c))
		for range c {
		}
	}()
	go func() { var c chan int; say("receive from nil"); <-c }()
	go func() { var c chan int; say("send to nil"); c <- 1 }()
}

// late parks behind the collector's first cycles.
func late() {
	go func() { c := make(chan int); say("late", object("chan", c)); <-c }()
}

func selects() {
	go func() {
		a, b := make(chan int), make(chan string, 1)
		say("select of two", object("chan", a), object("chan", b))
		select {
		case <-a:
		case <-b:
		}
	}()
	go func() {
		var none chan int
		a, b, c := make(chan int), make(chan int), make(chan bool)
		say("select of three and nil", object("chan", a), object("chan", b),
			object("chan", c))
		select {
		case <-a:
		case b <- 1:
		case <-c:
		case <-none:
		}
	}()
	go func() { say("select of none"); select {} }()
	// The compiler makes a select of one case a plain receive; reflect does not.
	go func() {
		c := make(chan int)
		say("select of one", object("chan", c))
		reflect.Select([]reflect.SelectCase{
			{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c)}})
	}()
	go func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		say("context", fmt.Sprintf("chan/%p", ctx.Done()))
		select {
		case <-ctx.Done():
		}
	}()
}

type guarded struct {
	_  [3]int
	mu sync.Mutex
	rw sync.RWMutex
	wg sync.WaitGroup
	c  sync.Cond
}

func locks() {
	x := new(guarded)
	x.mu.Lock()
	x.rw.RLock()
	x.wg.Add(1)
	for i := 0; i < 3; i++ {
		go func() { say("mutex", object("mutex", &x.mu)); x.mu.Lock() }()
		go func() { say("waitgroup", object("waitgroup", &x.wg)); x.wg.Wait() }()
	}
	// The first waits for the readers, the others for the first.
	go func() { say("write lock", object("rwmutex", &x.rw)); x.rw.Lock() }()
	time.Sleep(20 * time.Millisecond)
	go func() { say("second write lock", object("rwmutex", &x.rw)); x.rw.Lock() }()
	go func() { say("read lock", object("rwmutex", &x.rw)); x.rw.RLock() }()
	var once sync.Once
	block := make(chan int)
	go func() { say("in once", object("chan", block)); once.Do(func() { <-block }) }()
	time.Sleep(20 * time.Millisecond)
	go func() { say("behind once"); once.Do(func() {}) }()
	alone := new(sync.Mutex)
	alone.Lock()
	go func() { say("lone mutex", object("mutex", alone)); alone.Lock() }()
}

func conds() {
	x := new(guarded)
	x.c.L = &x.mu
	for i := 0; i < 2; i++ {
		go func() {
			x.c.L.Lock()
			say("cond in a struct", object("cond", &x.c))
			x.c.Wait()
		}()
	}
	go func() {
		c := sync.NewCond(new(sync.Mutex))
		c.L.Lock()
		say("cond", object("cond", c))
		c.Wait()
	}()
	go func() {
		c := sync.NewCond(new(sync.RWMutex).RLocker())
		c.L.Lock()
		say("cond of a read lock", object("cond", c))
		for {
			c.Wait()
		}
	}()
}

func timers() {
	go func() { say("sleep"); ends(hour); time.Sleep(hour) }()
	go func() {
		c := time.After(hour)
		say("after", fmt.Sprintf("chan/%p", c))
		ends(hour)
		<-c
	}()
	go func() {
		t := time.NewTimer(2 * hour)
		c := make(chan int)
		say("select with a timer", object("chan", c), fmt.Sprintf("chan/%p", t.C))
		ends(2 * hour)
		select {
		case <-c:
		case <-t.C:
		}
	}()
}

// timersThatRun: a goroutine that a timer started, one that reads a ticker.
func timersThatRun() {
	fired := make(chan int)
	time.AfterFunc(time.Millisecond, func() {
		c := make(chan int)
		say("timer's function", object("chan", c))
		close(fired)
		<-c
	})
	<-fired
	go func() {
		t := time.NewTicker(hour)
		say("ticker", fmt.Sprintf("chan/%p", t.C))
		ends(hour)
		for range t.C {
		}
	}()
}

// fd is the descriptor behind a connection or file.
func fd(c syscall.Conn) string {
	raw, err := c.SyscallConn()
	must(err)
	var text string
	must(raw.Control(func(fd uintptr) { text = fmt.Sprintf("fd/%d", fd) }))
	return text
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func network() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() {
		say("accept", fd(listener.(*net.TCPListener)))
		for {
			c, err := listener.Accept()
			must(err)
			go func() {
				say("server's read", fd(c.(*net.TCPConn)))
				c.Read(make([]byte, 1))
				full := make(chan int)
				say("server's stop", object("chan", full))
				<-full
				c.Close()
			}()
		}
	}()
	dial := func() *net.TCPConn {
		c, err := net.Dial("tcp", listener.Addr().String())
		must(err)
		return c.(*net.TCPConn)
	}
	go func() { c := dial(); say("read", fd(c)); c.Read(make([]byte, 1)) }()
	go func() {
		c := dial()
		c.SetReadDeadline(time.Now().Add(hour))
		say("read with a deadline", fd(c))
		ends(hour)
		c.Read(make([]byte, 1))
	}()
	go func() {
		c := dial()
		say("write", fd(c))
		for much := make([]byte, 1<<20); ; {
			c.Write(much)
		}
	}()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(err)
	go func() {
		say("packet", fd(packets.(*net.UDPConn)))
		packets.ReadFrom(make([]byte, 1))
	}()
	shared := dial()
	kept = append(kept, shared, listener)
	for i := 0; i < 2; i++ {
		go func() { say("shared read"); shared.Read(make([]byte, 1)) }()
	}
}

func descriptors() {
	r, w, err := os.Pipe()
	must(err)
	kept = append(kept, w)
	go func() { say("pipe", fd(r)); r.Read(make([]byte, 1)) }()
	var raw [2]int
	must(syscall.Pipe(raw[:]))
	go func() { say("system call"); syscall.Read(raw[0], make([]byte, 1)) }()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() { say("signal", object("chan", signals)); <-signals }()
	go func() {
		runtime.LockOSThread()
		c := make(chan int)
		say("locked to its thread", object("chan", c))
		<-c
	}()
}

func labels() {
	ctx := pprof.WithLabels(context.Background(),
		pprof.Labels("request", "17", "tenant", "blue"))
	pprof.SetGoroutineLabels(ctx)
	set := map[string]string{"request": "17", "tenant": "blue"}
	for i := 0; i < 2; i++ {
		go func() {
			c := make(chan int)
			say("labels", object("chan", c))
			truthMu.Lock()
			w := truth[goid()]
			w.Labels = set
			truth[goid()] = w
			truthMu.Unlock()
			<-c
		}()
	}
	pprof.SetGoroutineLabels(context.Background())
}
