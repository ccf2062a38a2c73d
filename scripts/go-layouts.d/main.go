// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

// Command golayouts writes the table of runtime layouts of all Go releases
// that task-leakd knows, or checks it against some of them. What comes in: the
// list of fields (layout_fields.inc) and tool chains; what leaves: one column
// a distinct layout with the releases it holds for.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// The minor versions that the table covers; what fields mean was read in the
// runtime's sources of these.
const firstMinor, lastMinor = 18, 27

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "go-layouts:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: golayouts FOLDER [--check VERSION...]")
	}
	fields, err := readFields(filepath.Join(args[0], "layout_fields.inc"))
	if err != nil {
		return err
	}
	chains, err := newToolChains(fields)
	if err != nil {
		return err
	}
	defer chains.close()
	table := filepath.Join(args[0], "layout_table.inc")
	switch {
	case len(args) == 1:
		return generate(chains, fields, table)
	case args[1] == "--check" && len(args) > 2:
		return check(chains, fields, table, args[2:])
	}
	return fmt.Errorf("--check wants versions")
}

func generate(chains *toolChains, fields []field, path string) error {
	newest, err := newestPatches()
	if err != nil {
		return err
	}
	var columns []column
	for minor := firstMinor; minor <= lastMinor; minor++ {
		patch, ok := newest[minor]
		if !ok {
			return fmt.Errorf("no release of Go 1.%d is listed", minor)
		}
		first, err := chains.layout(version{minor, 0})
		if err != nil {
			return err
		}
		last, err := chains.layout(version{minor, patch})
		if err != nil {
			return err
		}
		found, err := split(chains, minor, 0, first, patch, last)
		if err != nil {
			return err
		}
		columns = append(columns, found...)
	}
	return os.WriteFile(path, []byte(render(fields, columns)), 0o644)
}

// between gives a release between two patches of a minor version, the one
// nearest to their middle that can be had; false when there is none.
func between(chains *toolChains, minor, a, b int) (int, bool) {
	middle := (a + b) / 2
	for away := 0; away < b-a; away++ {
		for _, patch := range []int{middle - away, middle + away} {
			if a < patch && patch < b &&
				chains.available(version{minor, patch}) {
				return patch, true
			}
		}
	}
	return 0, false
}

// split finds the distinct layouts from patch a to patch b of a minor version.
// Equal ends count as one layout: a struct that grew in a patch release never
// shrank back in a later one. Releases that cannot be had, and that have
// different layouts before and behind, end up in none.
func split(chains *toolChains, minor, a int, first layout, b int,
	last layout) ([]column, error) {
	if slices.Equal(first, last) {
		return []column{{minor, a, b, first}}, nil
	}
	middle, ok := between(chains, minor, a, b)
	if !ok {
		return []column{{minor, a, a, first}, {minor, b, b, last}}, nil
	}
	inside, err := chains.layout(version{minor, middle})
	if err != nil {
		return nil, err
	}
	left, err := split(chains, minor, a, first, middle, inside)
	if err != nil {
		return nil, err
	}
	right, err := split(chains, minor, middle, inside, b, last)
	if err != nil {
		return nil, err
	}
	// Both hold `middle`.
	end := &left[len(left)-1]
	end.lastPatch = right[0].lastPatch
	return append(left, right[1:]...), nil
}

func check(chains *toolChains, fields []field, path string,
	texts []string) error {
	columns, err := readTable(fields, path)
	if err != nil {
		return err
	}
	wrong := 0
	for _, text := range texts {
		v, err := parseVersion(text)
		if err != nil {
			return err
		}
		expected := columnOf(columns, v)
		if expected == nil {
			return fmt.Errorf("the table does not hold %s", v)
		}
		found, err := chains.layout(v)
		if err != nil {
			return err
		}
		for i, offset := range found {
			if offset != expected[i] {
				fmt.Printf("%s: %s is at %s, the table says %s\n", v,
					fields[i].name(), offset, expected[i])
				wrong++
			}
		}
		if slices.Equal(found, expected) {
			fmt.Printf("%s: %d fields agree\n", v, len(found))
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d fields differ", wrong)
	}
	return nil
}
