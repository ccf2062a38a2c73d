// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"strconv"
)

// order is one customer's order on its way through the shop.
type order struct {
	total  int
	packed chan int
}

// handleWork takes an order through three goroutines and as many hand-offs:
// price it, charge it, pack it. The answer can be checked: it is 3 x id + 1.
func (s *shop) handleWork(w http.ResponseWriter, r *http.Request) {
	turn := s.orders.Add(1)
	if s.leakEvery > 0 && turn%s.leakEvery == 0 {
		s.leakNow(turn / s.leakEvery)
	}
	id, _ := strconv.Atoi(r.URL.Query().Get("id"))
	priced, charged, packed := make(chan int), make(chan int), make(chan int)
	s.books.created.Add(3)
	go s.priceOrder(id, priced)
	go s.chargeOrder(priced, charged)
	go s.packOrder(charged, packed)
	fmt.Fprintln(w, <-packed)
}

func (s *shop) priceOrder(id int, priced chan<- int) {
	defer s.books.ended.Add(1)
	priced <- 3 * id
}

func (s *shop) chargeOrder(priced <-chan int, charged chan<- int) {
	defer s.books.ended.Add(1)
	charged <- <-priced
}

func (s *shop) packOrder(charged <-chan int, packed chan<- int) {
	defer s.books.ended.Add(1)
	packed <- 1 + <-charged
}

// leakQuotes asks two couriers for a price and takes the first answer. The
// bug: the slower one can never hand over its own, for nobody receives it.
func leakQuotes(t *batch, n int) {
	for i := 0; i < n; i++ {
		quotes := make(chan int)
		go askCourier(t, quotes)
		t.toEnd(func() { <-quotes })
	}
}

func askCourier(t *batch, quotes chan<- int) {
	defer t.enter(channel(quotes))()
	quotes <- 7
}

// takeQuotes does it right: every answer is received.
func takeQuotes(t *batch, n int) {
	for i := 0; i < n; i++ {
		quotes := make(chan int)
		go askWarehouse(t, quotes)
		t.toEnd(func() { <-quotes })
	}
}

func askWarehouse(t *batch, quotes chan<- int) {
	defer t.enter(channel(quotes))()
	quotes <- 7
}

// leakNotices starts a reader of delivery notices for each customer. The bug:
// when the customer leaves, nobody closes the channel.
func leakNotices(t *batch, n int) {
	for i := 0; i < n; i++ {
		notices := make(chan string)
		go readNotices(t, notices)
		t.toEnd(func() { close(notices) })
	}
}

func readNotices(t *batch, notices <-chan string) {
	defer t.enter(channel(notices))()
	for range notices {
	}
}

// sendNotices does it right: the channel is closed.
func sendNotices(t *batch, n int) {
	for i := 0; i < n; i++ {
		notices := make(chan string)
		go drainNotices(t, notices)
		t.toEnd(func() { close(notices) })
	}
}

func drainNotices(t *batch, notices <-chan string) {
	defer t.enter(channel(notices))()
	for range notices {
	}
}

// leakLabels waits for a label to be printed or for the order to be cancelled.
// The bug: the printer is out of paper, and cancelling does not reach this far.
func leakLabels(t *batch, n int) {
	for i := 0; i < n; i++ {
		printed, cancelled := make(chan string), make(chan struct{})
		go awaitLabel(t, printed, cancelled)
		t.toEnd(func() { close(cancelled) })
	}
}

func awaitLabel(t *batch, printed <-chan string, cancelled <-chan struct{}) {
	defer t.enter(channel(printed))()
	select {
	case <-printed:
	case <-cancelled:
	}
}

// printLabels does it right: cancelling reaches the wait.
func printLabels(t *batch, n int) {
	for i := 0; i < n; i++ {
		printed, cancelled := make(chan string), make(chan struct{})
		go labelOrCancel(t, printed, cancelled)
		t.toEnd(func() { close(cancelled) })
	}
}

func labelOrCancel(t *batch, printed <-chan string, cancelled <-chan struct{}) {
	defer t.enter(channel(printed))()
	select {
	case <-printed:
	case <-cancelled:
	}
}
