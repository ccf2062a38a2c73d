// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

// The list of fields, and where the DWARF of a program puts them.
package main

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// path is a name of a field in DWARF and the minor versions it is right for.
type path struct {
	text        string
	first, last int
}

// field is one number of GoLayout; paths do not overlap in versions.
type field struct {
	group, member string
	source        string
	paths         []path
}

func (f field) name() string { return f.group + "." + f.member }

func (f field) pathFor(minor int) (string, bool) {
	for _, p := range f.paths {
		if p.first <= minor && minor <= p.last {
			return p.text, true
		}
	}
	return "", false
}

// offset is a number of the table; -1 is a field that a version does not have.
type offset int64

func (o offset) String() string {
	if o < 0 {
		return "kNone"
	}
	return strconv.FormatInt(int64(o), 10)
}

// layout holds one offset a field, in the order of the list.
type layout []offset

var fieldLine = regexp.MustCompile(
	`^FIELD\((\w+), (\w+), "([\w.]+)", (\d+), (\d+)\)$`)

func readFields(name string) ([]field, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var fields []field
	source := ""
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "// src/runtime/") {
			source = strings.TrimPrefix(line, "// ")
		}
		if !strings.HasPrefix(line, "FIELD(") {
			continue
		}
		m := fieldLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("%s: cannot read %q", name, line)
		}
		first, _ := strconv.Atoi(m[4])
		last, _ := strconv.Atoi(m[5])
		if n := len(fields); n == 0 || fields[n-1].name() != m[1]+"."+m[2] {
			fields = append(fields, field{group: m[1], member: m[2],
				source: source})
		}
		end := &fields[len(fields)-1]
		end.paths = append(end.paths, path{m[3], first, last})
	}
	return fields, nil
}

// readLayout gives the layout in the program's DWARF. Every field that the
// version should have must be there.
func readLayout(fields []field, program string, minor int) (layout, error) {
	file, err := elf.Open(program)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		return nil, err
	}
	structs, err := readStructs(data)
	if err != nil {
		return nil, err
	}
	var found layout
	for _, f := range fields {
		text, has := f.pathFor(minor)
		if !has {
			found = append(found, -1)
			continue
		}
		o, err := find(structs, text)
		if err != nil {
			return nil, err
		}
		found = append(found, o)
	}
	return found, nil
}

// readStructs gives the structs of package runtime by name.
func readStructs(data *dwarf.Data) (map[string]*dwarf.StructType, error) {
	structs := map[string]*dwarf.StructType{}
	reader := data.Reader()
	for {
		entry, err := reader.Next()
		if err != nil || entry == nil {
			return structs, err
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		if entry.Tag != dwarf.TagStructType ||
			!strings.HasPrefix(name, "runtime.") {
			continue
		}
		t, err := data.Type(entry.Offset)
		if err != nil {
			return nil, err
		}
		if s, ok := t.(*dwarf.StructType); ok {
			structs[name] = s
		}
	}
}

// find follows a path such as runtime.g.sched.sp from its struct.
func find(structs map[string]*dwarf.StructType, text string) (offset, error) {
	words := strings.Split(text, ".")
	var inside dwarf.Type = structs[words[0]+"."+words[1]]
	at := offset(0)
	for _, word := range words[2:] {
		s, ok := bare(inside).(*dwarf.StructType)
		if !ok || s == nil {
			return 0, fmt.Errorf("no struct to find %s in", text)
		}
		if word == "_size" {
			return offset(s.ByteSize), nil
		}
		member := memberOf(s, word)
		if member == nil {
			return 0, fmt.Errorf("there is no %s", text)
		}
		at += offset(member.ByteOffset)
		inside = member.Type
	}
	return at, nil
}

func bare(t dwarf.Type) dwarf.Type {
	for {
		named, ok := t.(*dwarf.TypedefType)
		if !ok {
			return t
		}
		t = named.Type
	}
}

func memberOf(s *dwarf.StructType, name string) *dwarf.StructField {
	for _, member := range s.Field {
		if member.Name == name {
			return member
		}
	}
	return nil
}
