/* Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0 */

/* Blocks in a system call made by C, for good. */
void wait_in_c(void);

/* Calls waitInGo on the calling thread, and on a thread that C starts. */
void call_go(void);
void call_go_on_a_thread(void);
