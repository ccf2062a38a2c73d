//go:build !cgo

// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

package main

func calls() {}
