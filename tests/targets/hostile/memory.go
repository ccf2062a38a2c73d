// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"strings"
	"syscall"
	"unsafe"
)

// forger writes words over the runtime's own and remembers what was there.
type forger struct {
	symbols map[string]uint64
	offsets map[string]uint64 // "runtime.g.goid", and "runtime.g" for its size
	undo    []old
}

type old struct{ at, value uint64 }

// newForger reads the program's own file.
func newForger() (*forger, error) {
	file, err := elf.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f := &forger{symbols: map[string]uint64{}, offsets: map[string]uint64{}}
	symbols, err := file.Symbols()
	if err != nil {
		return nil, err
	}
	for _, s := range symbols {
		f.symbols[s.Name] = s.Value
	}
	info, err := file.DWARF()
	if err != nil {
		return nil, err
	}
	return f, f.readStructs(info)
}

func (f *forger) readStructs(info *dwarf.Data) error {
	for entries := info.Reader(); ; {
		entry, err := entries.Next()
		if entry == nil || err != nil {
			return err
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		if entry.Tag != dwarf.TagStructType || !strings.HasPrefix(name, "runtime.") {
			continue
		}
		kind, err := info.Type(entry.Offset)
		if err != nil {
			return err
		}
		structure := kind.(*dwarf.StructType)
		f.offsets[name] = uint64(structure.ByteSize)
		for _, field := range structure.Field {
			f.offsets[name+"."+field.Name] = uint64(field.ByteOffset)
		}
	}
}

func known(table map[string]uint64, name string) uint64 {
	value, found := table[name]
	if !found {
		panic(fmt.Sprintf("this Go has no %s", name))
	}
	return value
}

func (f *forger) symbol(name string) uint64 { return known(f.symbols, "runtime."+name) }
func (f *forger) offset(name string) uint64 { return known(f.offsets, "runtime."+name) }
func (f *forger) has(name string) bool      { _, found := f.offsets["runtime."+name]; return found }

// word is the memory at an address, as one word.
//
//go:nocheckptr
func word(at uint64) *uint64 {
	address := uintptr(at)
	return *(**uint64)(unsafe.Pointer(&address))
}

func peek(at uint64) uint64 { return *word(at) }

// poke overwrites one word.
func (f *forger) poke(at, value uint64) {
	f.undo = append(f.undo, old{at, peek(at)})
	*word(at) = value
}

// poke32 and poke8 overwrite the low part of a word.
func (f *forger) poke32(at uint64, value uint32) {
	f.poke(at, peek(at)&^0xffffffff|uint64(value))
}

func (f *forger) poke8(at uint64, value uint8) {
	f.poke(at, peek(at)&^0xff|uint64(value))
}

func (f *forger) heal() {
	for i := len(f.undo) - 1; i >= 0; i-- {
		*word(f.undo[i].at) = f.undo[i].value
	}
	f.undo = nil
}

// pages maps memory of its own; it stays.
func pages(bytes int) uint64 {
	mapped, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	return uint64(uintptr(unsafe.Pointer(&mapped[0])))
}

// writable lifts the write protection of the page at an address.
func writable(at uint64) {
	const page = 4096
	_, _, errno := syscall.Syscall(syscall.SYS_MPROTECT, uintptr(at&^(page-1)), 2*page,
		syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC)
	if errno != 0 {
		panic(errno)
	}
}
