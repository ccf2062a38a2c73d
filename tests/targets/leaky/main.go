// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

// Shop is a small web shop that leaks goroutines in every common way, on
// request, next to healthy code of the same shape. It keeps exact books of what
// it leaked, so that a leak finder can be held against the truth:
//
//	GET /leak/KIND?n=5         leak 5 goroutines of a kind (mutex, chan-send, ...)
//	GET /fine/KIND?n=5&hold=1s the same shape, but it ends after a second
//	GET /work                  an honest order: 3 goroutines, 3 hand-offs
//	GET /truth                 every task it knows, what it waits for, and why
//	GET /counts                the totals alone, cheap
//	GET /release               end all leaks that can be ended
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof" // served only with -pprof
	"os"
	"strconv"
	"strings"
	"time"
)

// leaks is the -leak option: repeated KIND=N.
type leaks map[string]int

func (l leaks) String() string { return fmt.Sprint(map[string]int(l)) }

func (l leaks) Set(text string) error {
	kind, count, _ := strings.Cut(text, "=")
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 {
		return fmt.Errorf("want KIND=N, N at least 1")
	}
	l[kind] += n
	return nil
}

func main() {
	atStart := leaks{}
	listen := flag.String("listen", "127.0.0.1:0", "address to serve on")
	readyFile := flag.String("ready-file", "", "write the URL here once serving")
	flag.Var(atStart, "leak", "KIND=N: leak N tasks at start (repeatable)")
	every := flag.Int64("leak-every", 0, "every Nth /work leaks one task, each kind in turn")
	profile := flag.Bool("pprof", false, "serve /debug/pprof")
	console := flag.Bool("console", false, "answer each line on stdin with the totals: unlike a request, that adds no goroutine")
	flag.Parse()

	s, err := openShop()
	if err != nil {
		log.Fatal(err)
	}
	s.leakEvery = *every
	for kind, n := range atStart {
		if err := s.run(kind, leaked, n, options{}); err != nil {
			log.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	if *console {
		go s.answerConsole()
	}
	announce("http://"+listener.Addr().String(), *readyFile)
	log.Fatal(http.Serve(listener, s.routes(*profile)))
}

func announce(url, readyFile string) {
	fmt.Println("listening on", url)
	if readyFile == "" {
		return
	}
	if err := os.WriteFile(readyFile, []byte(url+"\n"), 0o644); err != nil {
		log.Fatal(err)
	}
}

func (s *shop) answerConsole() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		json.NewEncoder(os.Stdout).Encode(s.books.counts())
	}
}

func (s *shop) routes(profile bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/work", s.handleWork)
	mux.HandleFunc("/leak/", func(w http.ResponseWriter, r *http.Request) { s.handleRun(w, r, leaked) })
	mux.HandleFunc("/fine/", func(w http.ResponseWriter, r *http.Request) { s.handleRun(w, r, fine) })
	mux.HandleFunc("/truth", func(w http.ResponseWriter, r *http.Request) { answer(w, s.books.truth()) })
	mux.HandleFunc("/counts", func(w http.ResponseWriter, r *http.Request) { answer(w, s.books.counts()) })
	mux.HandleFunc("/release", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]int{"released": s.books.release()})
	})
	if profile {
		mux.Handle("/debug/pprof/", http.DefaultServeMux)
	}
	return mux
}

// handleRun starts n tasks of the kind that the path names and answers once
// each is on the books. With forget=1 the shop itself keeps nothing that could
// ever end them.
func (s *shop) handleRun(w http.ResponseWriter, r *http.Request, as role) {
	kind := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	query := r.URL.Query()
	n, hold := 1, time.Second
	var err error
	if text := query.Get("n"); text != "" {
		n, err = strconv.Atoi(text)
	}
	if text := query.Get("hold"); err == nil && text != "" {
		hold, err = time.ParseDuration(text)
	}
	if err != nil || n < 1 {
		http.Error(w, "n must be a number above 0, hold a duration", http.StatusBadRequest)
		return
	}
	opts := options{hold: hold, forget: query.Get("forget") == "1"}
	if err := s.run(kind, as, n, opts); err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	answer(w, map[string]any{"kind": kind, "started": n})
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}
