// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

// labels gives all labelled gs a set of our own: of so many pairs, each a
// string of so many bytes, at a length and capacity that it claims.
func (f *forger) labels(count, bytes, capacity, stringBytes uint64) {
	slots := count
	if slots > 1<<10 {
		slots = 1 << 10
	}
	text := pages(1 << 12)
	pairs := pages(int(slots*32) + 1<<12)
	for i := uint64(0); i < 2*slots; i++ {
		*word(pairs + 16*i) = text
		*word(pairs + 16*i + 8) = stringBytes + bytes
	}
	slice := pages(1 << 12)
	*word(slice), *word(slice + 8), *word(slice + 16) = pairs, count, capacity
	f.each("main.labelled", "g.labels", slice)
}

// labelMap is the address of a map as Go had them up to 1.23: with 2^bits
// buckets, each of which is followed by itself when `loop` says so.
func (f *forger) labelMap(bits uint64, loop bool) uint64 {
	const bucket = 8 + 8*32 + 8
	memory := pages(bucket << 6)
	for at := memory; loop && at < memory+bucket<<6; at += bucket {
		for i := uint64(0); i < 8; i++ {
			*word(at + 8 + 16*i), *word(at + 8 + 16*i + 8) = memory, 8
			*word(at + 136 + 16*i), *word(at + 136 + 16*i + 8) = memory, 8
		}
		*word(at) = 0x0a0a0a0a0a0a0a0a
		*word(at + bucket - 8) = at
	}
	header := pages(1 << 12)
	*word(header) = header + 64
	*word(header + 64 + 8) = bits << 8
	*word(header + 64 + 16) = memory
	return header
}

// patch changes a function's code as a tool that hooks it does: behind the
// stack check other bytes stand in memory than in the file, to the same effect.
func (f *forger) patch(name string) {
	at := f.symbol(name)
	writable(at)
	const pushRbp, pushRax, nop, clc = 0x55, 0x50, 0x90, 0xf8
	// Where the prologue of a small frame ends, some versions have a nop.
	const behind = 12
	for i := uint64(0); i < 32; i++ {
		if uint8(peek(at+i)) == pushRbp {
			f.poke8(at+i, pushRax)
			if uint8(peek(at+i+behind)) == nop {
				f.poke8(at+i+behind, clc)
			}
			return
		}
	}
	panic("no push rbp in runtime." + name)
}
