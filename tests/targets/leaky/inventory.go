// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import "sync"

// leakReservations reserves stock. The bug: an early return forgot to unlock,
// so the holder is long gone and everyone behind it waits.
func leakReservations(t *batch, n int) {
	stock := new(sync.Mutex)
	stock.Lock()
	for i := 0; i < n; i++ {
		go reserveItem(t, stock)
	}
	t.toEnd(stock.Unlock)
}

func reserveItem(t *batch, stock *sync.Mutex) {
	defer t.enter(memory(stock))()
	stock.Lock()
	stock.Unlock()
}

// reserve does it right: the holder unlocks.
func reserve(t *batch, n int) {
	stock := new(sync.Mutex)
	stock.Lock()
	for i := 0; i < n; i++ {
		go reserveNext(t, stock)
	}
	t.toEnd(stock.Unlock)
}

func reserveNext(t *batch, stock *sync.Mutex) {
	defer t.enter(memory(stock))()
	stock.Lock()
	stock.Unlock()
}

// leakCatalogReads reads the catalog. The bug: a writer never lets go of it.
func leakCatalogReads(t *batch, n int) {
	catalog := new(sync.RWMutex)
	catalog.Lock()
	for i := 0; i < n; i++ {
		go showCatalog(t, catalog)
	}
	t.toEnd(catalog.Unlock)
}

func showCatalog(t *batch, catalog *sync.RWMutex) {
	defer t.enter(memory(catalog))()
	catalog.RLock()
	catalog.RUnlock()
}

// readCatalog does it right: the writer lets go.
func readCatalog(t *batch, n int) {
	catalog := new(sync.RWMutex)
	catalog.Lock()
	for i := 0; i < n; i++ {
		go browseCatalog(t, catalog)
	}
	t.toEnd(catalog.Unlock)
}

func browseCatalog(t *batch, catalog *sync.RWMutex) {
	defer t.enter(memory(catalog))()
	catalog.RLock()
	catalog.RUnlock()
}

// leakCatalogUpdates changes catalogs. The bug: a reader never lets go. Each
// writer has a catalog of its own: a second one on the same would wait for the
// first, not for the reader.
func leakCatalogUpdates(t *batch, n int) {
	for i := 0; i < n; i++ {
		catalog := new(sync.RWMutex)
		catalog.RLock()
		go changePrice(t, catalog)
		t.toEnd(catalog.RUnlock)
	}
}

func changePrice(t *batch, catalog *sync.RWMutex) {
	defer t.enter(memory(catalog))()
	catalog.Lock()
	catalog.Unlock()
}

// updateCatalog does it right: the reader lets go.
func updateCatalog(t *batch, n int) {
	for i := 0; i < n; i++ {
		catalog := new(sync.RWMutex)
		catalog.RLock()
		go lowerPrice(t, catalog)
		t.toEnd(catalog.RUnlock)
	}
}

func lowerPrice(t *batch, catalog *sync.RWMutex) {
	defer t.enter(memory(catalog))()
	catalog.Lock()
	catalog.Unlock()
}
