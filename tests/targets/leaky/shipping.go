// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import "sync"

// leakParcels waits until all parcels of an order are packed. The bug: the one
// that failed returned without Done.
func leakParcels(t *batch, n int) {
	for i := 0; i < n; i++ {
		parcels := new(sync.WaitGroup)
		parcels.Add(1)
		go awaitParcels(t, parcels)
		t.toEnd(parcels.Done)
	}
}

func awaitParcels(t *batch, parcels *sync.WaitGroup) {
	defer t.enter(memory(parcels))()
	parcels.Wait()
}

// packParcels does it right: every parcel is done in the end.
func packParcels(t *batch, n int) {
	for i := 0; i < n; i++ {
		parcels := new(sync.WaitGroup)
		parcels.Add(1)
		go countParcels(t, parcels)
		t.toEnd(parcels.Done)
	}
}

func countParcels(t *batch, parcels *sync.WaitGroup) {
	defer t.enter(memory(parcels))()
	parcels.Wait()
}

// dock is where parcels wait for the van.
type dock struct {
	mu   sync.Mutex
	van  bool
	came sync.Cond
}

func newDock() *dock {
	d := new(dock)
	d.came.L = &d.mu
	return d
}

func (d *dock) arrive() {
	d.mu.Lock()
	d.van = true
	d.mu.Unlock()
	d.came.Broadcast()
}

// leakPickups waits at a dock where the van has stopped coming.
func leakPickups(t *batch, n int) {
	d := newDock()
	for i := 0; i < n; i++ {
		go awaitPickup(t, d)
	}
	t.toEnd(d.arrive)
}

func awaitPickup(t *batch, d *dock) {
	defer t.enter(memory(&d.came))()
	d.mu.Lock()
	for !d.van {
		d.came.Wait()
	}
	d.mu.Unlock()
}

// waitPickups waits where it does come.
func waitPickups(t *batch, n int) {
	d := newDock()
	for i := 0; i < n; i++ {
		go loadVan(t, d)
	}
	t.toEnd(d.arrive)
}

func loadVan(t *batch, d *dock) {
	defer t.enter(memory(&d.came))()
	d.mu.Lock()
	for !d.van {
		d.came.Wait()
	}
	d.mu.Unlock()
}

// leakReports sends the daily report. The bug: nobody made the channel, and on
// a nil channel one waits for ever. No release can end these.
func leakReports(t *batch, n int) {
	var reports chan string
	for i := 0; i < n; i++ {
		go sendReport(t, reports)
	}
}

func sendReport(t *batch, reports chan<- string) {
	defer t.enter(object{fd: -1})()
	reports <- "sold out"
}

// writeReports does it right: there is a channel, and a reader of it.
func writeReports(t *batch, n int) {
	for i := 0; i < n; i++ {
		reports := make(chan string)
		go mailReport(t, reports)
		t.toEnd(func() { <-reports })
	}
}

func mailReport(t *batch, reports chan<- string) {
	defer t.enter(channel(reports))()
	reports <- "sold out"
}
