// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// leakSessions keeps a payment session until its context ends. The bug: its
// cancel function is never called.
func leakSessions(t *batch, n int) {
	for i := 0; i < n; i++ {
		ctx, cancel := context.WithCancel(context.Background())
		go holdSession(t, ctx)
		t.toEnd(cancel)
	}
}

func holdSession(t *batch, ctx context.Context) {
	defer t.enter(channel(ctx.Done()))()
	<-ctx.Done()
}

// keepSessions does it right: the context is cancelled.
func keepSessions(t *batch, n int) {
	for i := 0; i < n; i++ {
		ctx, cancel := context.WithCancel(context.Background())
		go closeSession(t, ctx)
		t.toEnd(cancel)
	}
}

func closeSession(t *batch, ctx context.Context) {
	defer t.enter(channel(ctx.Done()))()
	<-ctx.Done()
}

// bank takes calls and never says a word.
type bank struct {
	address string
	mu      sync.Mutex
	calls   []net.Conn
}

func openBank(b *books) (*bank, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &bank{address: listener.Addr().String()}
	t := b.open("accept", steady, 1, options{})
	go k.takeCalls(t, listener.(*net.TCPListener))
	t.started.Wait()
	return k, nil
}

func (k *bank) takeCalls(t *batch, listener *net.TCPListener) {
	defer t.enter(socket(listener))()
	for {
		call, err := listener.Accept()
		if err != nil {
			return
		}
		k.mu.Lock()
		k.calls = append(k.calls, call)
		k.mu.Unlock()
	}
}

// leakCharges asks the bank to charge a card. The bug: no deadline, and the
// bank does not answer.
func (s *shop) leakCharges(t *batch, n int) {
	for i := 0; i < n; i++ {
		go s.chargeCard(t, s.call())
	}
}

func (s *shop) chargeCard(t *batch, call *net.TCPConn) {
	t.toEnd(func() { call.Close() })
	defer t.enter(socket(call))()
	call.Read(make([]byte, 1))
}

// charge does it right: it hangs up after a while.
func (s *shop) charge(t *batch, n int) {
	for i := 0; i < n; i++ {
		go s.chargeInTime(t, s.call())
	}
}

func (s *shop) chargeInTime(t *batch, call *net.TCPConn) {
	t.toEnd(func() { call.Close() })
	defer t.enter(socket(call))()
	call.Read(make([]byte, 1))
}

func (s *shop) call() *net.TCPConn {
	call, err := net.Dial("tcp", s.bank.address)
	if err != nil {
		panic("the bank's own listener refused: " + err.Error())
	}
	return call.(*net.TCPConn)
}

// socket is the descriptor behind a connection or a listener.
func socket(s syscall.Conn) object {
	number := -1
	if raw, err := s.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { number = int(fd) })
	}
	return descriptor(number)
}
