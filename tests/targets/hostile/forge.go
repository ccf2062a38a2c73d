// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import "sort"

const (
	huge    = 1 << 40
	nowhere = 0x10000 // below what the kernel maps
	absurd  = 1<<63 - 1
)

// victims are the gs whose function begins so, by address.
func (f *forger) victims(start string) []uint64 {
	var found []uint64
	entry := known(f.symbols, start)
	list, length := peek(f.symbol("allgptr")), peek(f.symbol("allglen"))
	for i := uint64(0); i < length; i++ {
		g := peek(list + 8*i)
		if peek(g+f.offset("g.startpc")) == entry {
			found = append(found, g)
		}
	}
	if len(found) < 2 {
		panic("no goroutines of " + start)
	}
	sort.Slice(found, func(i, j int) bool { return found[i] < found[j] })
	return found
}

// copyList is a list of gs of our own, which `edit` may change.
func (f *forger) copyList(length uint64, edit func(at func(uint64) uint64)) {
	list, old := peek(f.symbol("allgptr")), peek(f.symbol("allglen"))
	fresh := pages(int(length * 8))
	for i := uint64(0); i < length; i++ {
		*word(fresh + 8*i) = peek(list + 8*(i%old))
	}
	edit(func(i uint64) uint64 { return fresh + 8*i })
	f.poke(f.symbol("allgptr"), fresh)
	f.poke(f.symbol("allglen"), length)
}

// fakes lists so many gs that are none, each of which names itself.
func (f *forger) fakes(count uint64) {
	length, size := peek(f.symbol("allglen")), f.offset("g")
	model := f.victims("main.receive")[0]
	memory := pages(int(count * size))
	f.copyList(length+count, func(at func(uint64) uint64) {
		for i := uint64(0); i < count; i++ {
			fake := memory + i*size
			for b := uint64(0); b < size; b += 8 {
				*word(fake + b) = peek(model + b)
			}
			*word(fake + f.offset("g.sched") + f.offset("gobuf.g")) = fake
			*word(fake + f.offset("g.goid")) = 1000 + i
			*word(at(length + i)) = fake
		}
	})
}

// each writes `value` at a field of all gs that start with a function.
func (f *forger) each(start, field string, value uint64) {
	for _, g := range f.victims(start) {
		f.poke(g+f.offset(field), value)
	}
}

// sudogs are those that gs of a function wait with.
func (f *forger) sudogs(start string) []uint64 {
	var found []uint64
	for _, g := range f.victims(start) {
		if s := peek(g + f.offset("g.waiting")); s != 0 {
			found = append(found, s)
		}
	}
	if len(found) < 2 {
		panic("no sudogs of " + start)
	}
	return found
}

// lies by name. None is told while the collector or a new goroutine could see
// it: the program stays alive and can take it back.
var lies = map[string]func(*forger){
	"allglen-huge":   func(f *forger) { f.poke(f.symbol("allglen"), huge) },
	"allglen-beyond": func(f *forger) { f.poke(f.symbol("allglen"), 1<<24-1) },
	"allglen-zero":   func(f *forger) { f.poke(f.symbol("allglen"), 0) },
	"allglen-short":  func(f *forger) { f.poke(f.symbol("allglen"), 5) },
	"allgs-nowhere":  func(f *forger) { f.poke(f.symbol("allgptr"), nowhere) },
	"allgs-itself":   func(f *forger) { f.poke(f.symbol("allgptr"), f.symbol("allgptr")) },
	"allgs-twice": func(f *forger) {
		f.copyList(2*peek(f.symbol("allglen")), func(func(uint64) uint64) {})
	},
	"allgs-one-g": func(f *forger) {
		f.copyList(1<<20, func(at func(uint64) uint64) {
			for i := uint64(0); i < 1<<20; i++ {
				*word(at(i)) = *word(at(0))
			}
		})
	},
	"allgs-odd": func(f *forger) {
		f.copyList(peek(f.symbol("allglen")), func(at func(uint64) uint64) { *word(at(3)) += 4 })
	},
	"gs-overlap": func(f *forger) {
		length := peek(f.symbol("allglen"))
		f.copyList(length+8, func(at func(uint64) uint64) {
			for i := uint64(0); i < 8; i++ {
				*word(at(length + i)) = *word(at(3)) + 8*(i+1)
			}
		})
	},
	"gs-fake": func(f *forger) { f.fakes(200_000) },
	"gs-of-one-id": func(f *forger) {
		f.each("main.receive", "g.goid", peek(f.victims("main.choose")[0]+f.offset("g.goid")))
	},
	"g-id-of-the-future": func(f *forger) { f.each("main.receive", "g.goid", absurd) },
	"g-names-another": func(f *forger) {
		g := f.victims("main.receive")
		f.poke(g[0]+f.offset("g.sched")+f.offset("gobuf.g"), g[1])
	},
	"g-status": func(f *forger) {
		for _, g := range f.victims("main.receive") {
			f.poke32(g+f.offset("g.atomicstatus"), 77)
		}
	},
	"g-wait-reason": func(f *forger) {
		for _, g := range f.victims("main.receive") {
			f.poke8(g+f.offset("g.waitreason"), 255)
		}
	},
	"g-wait-since": func(f *forger) { f.each("main.receive", "g.waitsince", absurd) },
	"stack-all-memory": func(f *forger) {
		for _, g := range f.victims("main.deep40") {
			f.poke(g+f.offset("g.stack"), 0)
			f.poke(g+f.offset("g.stack")+8, 1<<47)
		}
	},
	"stack-upside-down": func(f *forger) {
		for _, g := range f.victims("main.deep40") {
			lo, hi := peek(g+f.offset("g.stack")), peek(g+f.offset("g.stack")+8)
			f.poke(g+f.offset("g.stack"), hi)
			f.poke(g+f.offset("g.stack")+8, lo)
		}
	},
	"stack-nowhere": func(f *forger) {
		for _, g := range f.victims("main.deep40") {
			f.poke(g+f.offset("g.stack"), 1<<46)
			f.poke(g+f.offset("g.stack")+8, 1<<46+huge)
			f.poke(g+f.offset("g.sched")+f.offset("gobuf.sp"), 1<<46+huge/2)
		}
	},
	"stack-other-code": func(f *forger) {
		for i, g := range f.victims("main.deep40") {
			f.poke(g+f.offset("g.sched")+f.offset("gobuf.pc"), []uint64{1, nowhere, absurd}[i%3])
		}
	},
	"stack-of-another": func(f *forger) {
		g := f.victims("main.deep40")
		for _, field := range []uint64{f.offset("g.stack"), f.offset("g.stack") + 8,
			f.offset("g.sched") + f.offset("gobuf.sp")} {
			f.poke(g[0]+field, peek(g[1]+field))
		}
	},
	"sudog-loop": func(f *forger) {
		for _, s := range f.sudogs("main.choose") {
			f.poke(s+f.offset("sudog.waitlink"), s)
		}
	},
	"sudog-loop-of-two": func(f *forger) {
		for _, s := range f.sudogs("main.choose") {
			f.poke(peek(s+f.offset("sudog.waitlink"))+f.offset("sudog.waitlink"), s)
		}
	},
	"sudog-nowhere": func(f *forger) { f.each("main.choose", "g.waiting", nowhere) },
	"sudog-of-another": func(f *forger) {
		s := f.sudogs("main.receive")
		f.poke(f.victims("main.receive")[0]+f.offset("g.waiting"), s[1])
	},
	"channel-nowhere": func(f *forger) {
		for _, s := range f.sudogs("main.receive") {
			f.poke(s+f.offset("sudog.c"), nowhere)
		}
	},
	"channel-of-lies": func(f *forger) {
		c := peek(f.sudogs("main.receive")[0] + f.offset("sudog.c"))
		f.poke(c+f.offset("hchan.qcount"), absurd)
		f.poke(c+f.offset("hchan.dataqsiz"), 7)
	},
	"timer-nowhere": func(f *forger) { f.each("main.sleep", "g.timer", nowhere) },
	"timer-of-ages": func(f *forger) {
		field := "g.timer"
		if f.has("g.sleepWhen") {
			f.each("main.sleep", "g.sleepWhen", absurd)
			return
		}
		for _, g := range f.victims("main.sleep") {
			f.poke(peek(g+f.offset(field))+f.offset("timer.when"), absurd)
		}
	},
	"labels-nowhere": func(f *forger) { f.each("main.labelled", "g.labels", nowhere) },
	"labels-huge":    func(f *forger) { f.labels(huge, 0, huge, 16) },
	"labels-long":    func(f *forger) { f.labels(32, 1<<20, absurd, 1<<20) },
	"labels-map-huge": func(f *forger) {
		for _, g := range f.victims("main.labelled") {
			f.poke(g+f.offset("g.labels"), f.labelMap(200, false))
		}
	},
	"labels-map-loop": func(f *forger) {
		for _, g := range f.victims("main.labelled") {
			f.poke(g+f.offset("g.labels"), f.labelMap(6, true))
		}
	},
	"ids-few":    func(f *forger) { f.poke(f.symbol("sched")+f.offset("schedt.goidgen"), 40) },
	"ids-absurd": func(f *forger) { f.poke(f.symbol("sched")+f.offset("schedt.goidgen"), absurd) },
	"gc-of-the-future": func(f *forger) {
		f.poke32(f.symbol("memstats")+f.offset("mstats.numgc"), 1<<32-1)
		f.each("main.receive", "g.waitsince", 1)
	},
	"reasons-huge": func(f *forger) {
		writable(f.symbol("waitReasonStrings"))
		f.poke(f.symbol("waitReasonStrings")+8, huge)
	},
	"modules-loop": func(f *forger) {
		first := f.symbol("firstmoduledata")
		f.poke(first+f.offset("moduledata.next"), first)
	},
	"modules-nowhere": func(f *forger) {
		f.poke(f.symbol("firstmoduledata")+f.offset("moduledata.next"), nowhere)
	},
	"text-elsewhere": func(f *forger) {
		f.poke(f.symbol("firstmoduledata")+f.offset("moduledata.text"), nowhere)
	},
	"code-patched": func(f *forger) { f.patch("gopark") },
}
