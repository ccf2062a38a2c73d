// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// stack is what a goroutine's traceback says: the runtime's own words.
type stack struct {
	goid      uint64
	reason    string
	blockedAt place
	createdBy place
}

// parseStack reads one traceback:
//
//	goroutine 18 [chan send, 2 minutes]:
//	main.askCourier(0xc000012345)
//		/src/shop/orders.go:31 +0x65
//	created by main.leakQuotes in goroutine 1
//		/src/shop/orders.go:24 +0x9c
func parseStack(text string) stack {
	var s stack
	lines := strings.Split(text, "\n")
	fmt.Sscanf(lines[0], "goroutine %d", &s.goid)
	if _, state, ok := strings.Cut(lines[0], "["); ok {
		s.reason, _, _ = strings.Cut(state, "]")
		s.reason, _, _ = strings.Cut(s.reason, ", ")
		s.reason = strings.TrimSuffix(s.reason, " (leaked)")
	}
	for i := 1; i+1 < len(lines); i++ {
		if strings.HasPrefix(lines[i], "created by ") {
			creator := strings.TrimPrefix(lines[i], "created by ")
			creator, _, _ = strings.Cut(creator, " in goroutine")
			s.createdBy = parsePlace(creator, lines[i+1])
		} else if s.blockedAt.Function == "" && strings.HasPrefix(lines[i], "main.") {
			name := lines[i][:strings.LastIndex(lines[i], "(")]
			s.blockedAt = parsePlace(name, lines[i+1])
		}
	}
	return s
}

// parsePlace reads the line below a function: "\t/src/shop/orders.go:31 +0x65".
func parsePlace(function, line string) place {
	file, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	colon := strings.LastIndex(file, ":")
	if colon < 0 {
		return place{Function: function}
	}
	number, _ := strconv.Atoi(file[colon+1:])
	return place{Function: function, File: file[:colon], Line: number}
}
