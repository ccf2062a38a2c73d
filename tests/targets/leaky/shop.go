// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// shop is the service. Its departments are the other files: each has a bug that
// leaks (leak...) beside code that does the same job right.
type shop struct {
	books     *books
	kinds     map[string]kind
	bank      *bank
	jobs      chan order
	leakEvery int64
	orders    counter
}

// kind is one way to leak, and its healthy twin.
type kind struct {
	leak func(t *batch, n int)
	fine func(t *batch, n int)
}

func openShop() (*shop, error) {
	s := &shop{books: newBooks(), jobs: make(chan order)}
	s.kinds = map[string]kind{
		"chan-send":     {leakQuotes, takeQuotes},
		"chan-receive":  {leakNotices, sendNotices},
		"select":        {leakLabels, printLabels},
		"mutex":         {leakReservations, reserve},
		"rwmutex-read":  {leakCatalogReads, readCatalog},
		"rwmutex-write": {leakCatalogUpdates, updateCatalog},
		"waitgroup":     {leakParcels, packParcels},
		"cond":          {leakPickups, waitPickups},
		"context":       {leakSessions, keepSessions},
		"peer":          {s.leakCharges, s.charge},
		"nil-chan":      {leakReports, writeReports},
	}
	var err error
	if s.bank, err = openBank(s.books); err != nil {
		return nil, err
	}
	s.startStaff()
	return s, nil
}

// run starts n tasks of a kind and returns once each of them is on the books.
func (s *shop) run(name string, as role, n int, opts options) error {
	k, ok := s.kinds[name]
	if !ok {
		return fmt.Errorf("no kind %q; there are %s", name, strings.Join(s.kindNames(), ", "))
	}
	t := s.books.open(name, as, n, opts)
	if as == leaked {
		k.leak(t, n)
	} else {
		k.fine(t, n)
	}
	t.started.Wait()
	return nil
}

func (s *shop) kindNames() []string {
	var names []string
	for name := range s.kinds {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// leakNow is what -leak-every does: one more task of the next kind in turn.
func (s *shop) leakNow(turn int64) {
	names := s.kindNames()
	s.run(names[turn%int64(len(names))], leaked, 1, options{})
}

const restock = 100 * time.Millisecond

// startStaff starts what a service always has: a pool that waits for jobs, and
// a ticker. They wait for ever and are healthy.
func (s *shop) startStaff() {
	const packers = 4
	t := s.books.open("pool", steady, packers+1, options{})
	for i := 0; i < packers; i++ {
		go s.packOrders(t)
	}
	go s.restock(t)
	t.started.Wait()
}

func (s *shop) packOrders(t *batch) {
	defer t.enter(channel(s.jobs))()
	for o := range s.jobs {
		o.packed <- o.total
	}
}

func (s *shop) restock(t *batch) {
	ticker := time.NewTicker(restock)
	defer t.enter(channel(ticker.C))()
	for range ticker.C {
	}
}
