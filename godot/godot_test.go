// Package godot_test runs the addon in Godot's web engine, in Chromium.
package godot_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"bellhop/internal/browser"
	"bellhop/internal/godot"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// patience limits every wait, on a busy machine too.
const patience = 3 * time.Minute

// engineFolder has the web engine, which `make tools` fetches.
const engineFolder = "../.cache/godot/package/godot"

var (
	only  = flag.String("only", "", "the tests of TestAddon to run, with commas between; default all")
	joins = flag.Int("joins", 3, "the joins that the test speed measures")
)

var chromium = browser.Chromium{Options: append([]chromedp.ExecAllocatorOption{
	chromedp.Flag("use-gl", "angle"), chromedp.Flag("use-angle", "swiftshader"),
	chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost"),
}, browser.Flags("enable-unsafe-swiftshader", "allow-loopback-in-peer-connection")...)}

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Stop()
	os.Exit(code)
}

// addonTests are the scripts in testdata that TestAddon runs.
func addonTests(t *testing.T) (names []string) {
	if *only != "" {
		return strings.Split(*only, ",")
	}
	files, err := filepath.Glob("testdata/*.gd")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".gd"); name != "kit" && name != "runner" && name != "demo" {
			names = append(names, name)
		}
	}
	return names
}

// TestAddon runs the tests in testdata, all in one engine: each is a script
// with players and a server of its own.
func TestAddon(t *testing.T) {
	names := addonTests(t)
	var together, alone []string
	for _, name := range names {
		if name == "clock" || name == "speed" {
			alone = append(alone, name)
		} else {
			together = append(together, name)
		}
	}
	g := engine{}.open(t, packTests(t), "tests="+strings.Join(together, ","), "alone="+strings.Join(alone, ","), fmt.Sprint("joins=", *joins))
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if line := g.find(t, "TEST (?:PASS|FAIL) "+name+`\b.*`); strings.HasPrefix(line, "TEST FAIL") {
				t.Error(line)
			}
		})
	}
}

// gdscript is a script in a page of the documentation.
var gdscript = regexp.MustCompile("(?s)```gdscript\n(.*?)```")

// packTests returns the project with the tests in it, the lines of README.md as
// functions, and the scripts of docs/godot.md. It can change the files first.
func packTests(t *testing.T, changes ...func(files map[string][]byte)) []byte {
	t.Helper()
	files, err := godot.Project(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	tests, err := godot.Project(os.DirFS("testdata"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range tests {
		files["test/"+name] = text
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := gdscript.FindAllSubmatch(readme, -1)
	for i, name := range []string{"host", "join"} {
		lines := strings.ReplaceAll("\n"+strings.TrimSpace(string(blocks[i][1])), "\n", "\n\t")
		lines = strings.Replace(lines, `"QK7WPX"`, "code", 1)
		files["test/readme/"+name+".gd"] = []byte("extends Node\n\n\nfunc press(code: String) -> BellhopLobby:\n\tcode = code" + lines + "\n\treturn lobby\n")
	}
	guide, err := os.ReadFile("../docs/godot.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range gdscript.FindAllSubmatch(guide, -1) {
		for name, mark := range map[string]string{"first": "extends Control", "calls": "extends Node"} {
			if bytes.HasPrefix(block[1], []byte(mark+"\n")) {
				files["test/docs/"+name+".gd"] = block[1]
			}
		}
	}
	files["override.cfg"] = []byte("[application]\n\nrun/main_scene=\"res://test/runner.tscn\"\n")
	for _, change := range changes {
		change(files)
	}
	return godot.Pack(files)
}

// untyped is a declaration without a type. The engine in .cache prints no
// warnings, since only the editor checks them.
var untyped = regexp.MustCompile(`(?m)^\s*(static )?(var \w+( =|$)|for \w+ in |func \w+\(.*\):$|func \w+\(\w+[,)])`)

// TestTyped checks that everything in the project has a type, and that no file
// is longer than people read.
func TestTyped(t *testing.T) {
	files, err := godot.Project(os.DirFS("."))
	if err != nil || len(files) < 10 {
		t.Fatalf("there are %d files, %v", len(files), err)
	}
	for name, text := range files {
		for _, line := range untyped.FindAllString(string(text), -1) {
			if strings.HasSuffix(name, ".gd") {
				t.Errorf("%s: no type: %s", name, strings.TrimSpace(line))
			}
		}
		if n := strings.Count(string(text), "\n"); n > 400 {
			t.Errorf("%s has %d lines, more than 400", name, n)
		}
	}
}

// A game is a pack that runs in a tab.
type game struct {
	*output
	ctx    context.Context
	worlds sync.Map // by the test's name
	size   string   // if it is drawn
}

// An engine runs games. The zero value draws nothing, and errors that its games
// print fail the test.
type engine struct{ draws, forgives bool }

// open runs a pack until the test ends.
func (e engine) open(t *testing.T, pack []byte, args ...string) *game {
	t.Helper()
	files := os.DirFS(engineFolder)
	if _, err := fs.Stat(files, "index.wasm"); err != nil {
		dynamodbtest.Missing(t, "no Godot engine: run `make tools`")
	}
	ctx, err := chromium.Start()
	if errors.Is(err, browser.ErrMissing) {
		dynamodbtest.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	g := &game{output: newOutput(e.forgives)}
	mux := http.NewServeMux()
	mux.Handle("/", godot.Site(files, pack, e.draws, args...))
	mux.HandleFunc("/do/{test}/{what}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, g.do(t, r.PathValue("test"), r.PathValue("what")))
	})
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	tab, closeTab := chromedp.NewContext(ctx, chromedp.WithNewWindow(true))
	t.Cleanup(closeTab)
	g.ctx = tab
	go g.listen(t, chromedp.Console(tab))
	if err := chromedp.Do(tab, chromedp.Navigate(site.URL)); err != nil {
		t.Fatal(err)
	}
	return g
}

// do does what a script wants of its server, and returns the answer.
func (g *game) do(t *testing.T, test, what string) string {
	if kind, ok := strings.CutPrefix(what, "start"); ok {
		w := newWorld(t, kind)
		g.worlds.Store(test, w)
		return w.url()
	}
	found, ok := g.worlds.Load(test)
	if !ok {
		return "no server"
	}
	w := found.(*world)
	if line, ok := strings.CutPrefix(what, "printed-"); ok {
		return g.find(t, line)
	}
	if screen, ok := strings.CutPrefix(what, "shot-"); ok {
		return g.shoot(test + "-" + screen)
	}
	if what, ok := strings.CutPrefix(what, "page-"); ok {
		return w.page(t, what)
	}
	switch what {
	case "restart":
		w.restart()
	case "forget":
		w.store = store.NewMemory(time.Now)
		w.restart()
	case "cut":
		w.cut()
	case "down":
		w.setDown(true)
	case "up":
		w.setDown(false)
	default:
		return "unknown: " + what
	}
	return "done"
}
