// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0

// Tool chains: which there are, and a program built with one of them. The go
// command fetches a tool chain into a folder of ours, which is emptied after
// each; one that this machine has already is used and left alone.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

type version struct{ minor, patch int }

// String is the release's own name: up to 1.20 the first one has no patch.
func (v version) String() string {
	if v.patch == 0 && v.minor < 21 {
		return fmt.Sprintf("go1.%d", v.minor)
	}
	return fmt.Sprintf("go1.%d.%d", v.minor, v.patch)
}

var versionText = regexp.MustCompile(`^(?:go)?1\.(\d+)(?:\.(\d+))?$`)

func parseVersion(text string) (version, error) {
	m := versionText.FindStringSubmatch(text)
	if m == nil {
		return version{}, fmt.Errorf("%q is no release (1.26.8)", text)
	}
	minor, _ := strconv.Atoi(m[1])
	patch, _ := strconv.Atoi(m[2]) // 0 when there is none
	return version{minor, patch}, nil
}

// A program whose linker keeps all the types that we look for.
const program = `package main

import (
	"os"
	"sync"
)

func main() {
	var mutex sync.Mutex
	sync.NewCond(&mutex).Broadcast()
	os.Stdout.WriteString("ok\n")
}
`

// toolChains builds programs and remembers their layouts.
type toolChains struct {
	fields []field
	folder string
	known  map[version]layout
}

func newToolChains(fields []field) (*toolChains, error) {
	folder, err := os.MkdirTemp("", "go-layouts-")
	if err != nil {
		return nil, err
	}
	chains := &toolChains{fields, folder, map[version]layout{}}
	for name, text := range map[string]string{
		"main.go": program, "go.mod": "module layouts\n\ngo 1.18\n"} {
		err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644)
		if err != nil {
			return nil, err
		}
	}
	return chains, nil
}

func (c *toolChains) close() { os.RemoveAll(c.folder) }

// available says whether v's tool chain can be had: of some patch releases the
// module proxy may have none.
func (c *toolChains) available(v version) bool {
	if _, known := c.known[v]; known {
		return true
	}
	fetch := exec.Command("go", "version")
	fetch.Dir = c.folder
	fetch.Env = c.environment(v)
	return fetch.Run() == nil
}

// environment is for the go command to be v's own, with caches of ours.
func (c *toolChains) environment(v version) []string {
	env := append(os.Environ(), "GOTOOLCHAIN="+v.String(), "GOOS=linux",
		"GOARCH=amd64", "CGO_ENABLED=0", "GOEXPERIMENT=",
		"GOFLAGS=-modcacherw", "GOCACHE="+filepath.Join(c.folder, "cache"))
	if v.minor == 19 || v.minor == 20 {
		// These take a GOROOT inside of the module cache for a module.
		env = append(env, "GODEBUG=goindex=0")
	}
	if !haveAlready(v) {
		env = append(env, "GOMODCACHE="+filepath.Join(c.folder, "mod"))
	}
	return env
}

// layout builds the program with v's own tool chain and reads its DWARF.
func (c *toolChains) layout(v version) (layout, error) {
	if known, ok := c.known[v]; ok {
		return known, nil
	}
	built := filepath.Join(c.folder, "program")
	build := exec.Command("go", "build", "-o", built, ".")
	build.Dir = c.folder
	build.Env = c.environment(v)
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building with %s: %v\n%s", v, err, text)
	}
	found, err := readLayout(c.fields, built, v.minor)
	if err != nil {
		return nil, fmt.Errorf("%s: %v", v, err)
	}
	fmt.Fprintf(os.Stderr, "%s: %d fields\n", v, len(found))
	c.known[v] = found
	os.RemoveAll(filepath.Join(c.folder, "mod"))
	os.RemoveAll(filepath.Join(c.folder, "cache"))
	return found, nil
}

func haveAlready(v version) bool {
	text, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(strings.TrimSpace(string(text)),
		"golang.org", "toolchain@v0.0.1-"+v.String()+".linux-amd64"))
	return err == nil
}

// newestPatches asks the go command for the newest release of each minor
// version.
func newestPatches() (map[int]int, error) {
	list := exec.Command("go", "list", "-m", "-versions", "go")
	list.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	text, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("listing Go's releases: %v", err)
	}
	newest := map[int]int{}
	for _, word := range strings.Fields(string(text)) {
		v, err := parseVersion("go" + word)
		if err == nil {
			newest[v.minor] = max(newest[v.minor], v.patch)
		}
	}
	return newest, nil
}
