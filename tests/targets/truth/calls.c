// go:build cgo

/* Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <pthread.h>
#include <unistd.h>

#include "_cgo_export.h"

void wait_in_c(void) {
  int ends[2];
  char byte;
  if (pipe(ends) == 0) {
    while (read(ends[0], &byte, 1) < 0) {
    }
  }
}

void call_go(void) { waitInGo(); }

static void* begin(void* unused) {
  waitInGo();
  return unused;
}

void call_go_on_a_thread(void) {
  pthread_t thread;
  pthread_create(&thread, 0, begin, 0);
}
