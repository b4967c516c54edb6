package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"bellhop/gateway/programtest"
	"bellhop/store/dynamodbtest"
)

// A firefox is a running Firefox, driven by WebDriver BiDi, a protocol of the
// W3C: commands and events as JSON over one WebSocket.
type firefox struct {
	process *exec.Cmd
	folder  string // with its profile
	conn    *websocket.Conn

	mu      sync.Mutex
	next    int
	waiting map[int]chan bidiMessage
	tabs    map[string]func(message string) // receivers of a page's exceptions, by browsing context
	ended   error
}

// A bidiMessage is a message from Firefox: the answer to a command, or an
// event.
type bidiMessage struct {
	Type    string
	ID      int
	Error   string
	Message string
	Method  string
	Result  json.RawMessage
	Params  json.RawMessage
}

// theFirefox serves all tests, as theBrowser does.
var theFirefox struct {
	once sync.Once
	*firefox
	err error
}

// needFirefox returns the Firefox of all tests. If none is installed, it skips
// the test.
func needFirefox(t *testing.T) *firefox {
	t.Helper()
	program, err := exec.LookPath("firefox-esr")
	if err != nil {
		program, err = exec.LookPath("firefox")
	}
	if err != nil {
		dynamodbtest.Missing(t, "no Firefox: run `make tools`, or install one")
	}
	theFirefox.once.Do(func() { theFirefox.firefox, theFirefox.err = startFirefox(t, program) })
	if theFirefox.err != nil {
		t.Fatal(theFirefox.err)
	}
	return theFirefox.firefox
}

// firefoxSettings let peers connect on one machine, and keep Firefox away from
// Mozilla's servers. They also switch off the growing pause between
// reconnections: Firefox takes it in real time, which is slow in a world of the
// model.
const firefoxSettings = `
user_pref("media.peerconnection.ice.loopback", true);
user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);
user_pref("media.navigator.permission.disabled", true);
user_pref("dom.ipc.processPriorityManager.enabled", false);
user_pref("network.websocket.delay-failed-reconnects", false);
user_pref("network.proxy.type", 0);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("app.update.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("browser.safebrowsing.update.enabled", false);
user_pref("services.settings.server", "data:,");
`

func startFirefox(t *testing.T, program string) (f *firefox, err error) {
	f = &firefox{waiting: map[int]chan bidiMessage{}, tabs: map[string]func(string){}}
	if f.folder, err = os.MkdirTemp("", "bellhop-firefox-"); err != nil {
		return nil, err
	}
	if err = os.WriteFile(filepath.Join(f.folder, "user.js"), []byte(firefoxSettings), 0o600); err != nil {
		return nil, err
	}
	output := programtest.NewOutput()
	f.process = exec.Command(program, "--headless", "--no-remote", "--profile", f.folder, "--remote-debugging-port=0", "about:blank")
	f.process.Env = append(os.Environ(), "HOME="+f.folder, "TMPDIR="+f.folder, "MOZ_CRASHREPORTER_DISABLE=1")
	f.process.Stdout, f.process.Stderr = output, output
	if err = f.process.Start(); err != nil {
		return nil, err
	}
	url := output.Find(t, `WebDriver BiDi listening on (ws://\S+)`)
	if f.conn, _, err = websocket.Dial(context.Background(), url+"/session", nil); err != nil {
		return nil, err
	}
	f.conn.SetReadLimit(-1)
	go f.read()
	if err = f.command(context.Background(), "session.new", `{"capabilities": {"alwaysMatch": {"acceptInsecureCerts": true}}}`, nil); err != nil {
		return nil, err
	}
	return f, f.command(context.Background(), "session.subscribe", `{"events": ["log.entryAdded"]}`, nil)
}

// stop ends Firefox, and deletes its files.
func (f *firefox) stop() {
	f.process.Process.Kill()
	f.process.Wait()
	os.RemoveAll(f.folder)
}

// read reads Firefox's messages until it ends.
func (f *firefox) read() {
	for {
		_, data, err := f.conn.Read(context.Background())
		var m bidiMessage
		if err == nil {
			err = json.Unmarshal(data, &m)
		}
		f.mu.Lock()
		if err != nil {
			f.ended = fmt.Errorf("Firefox has ended: %w", err)
			for id, answer := range f.waiting {
				delete(f.waiting, id)
				close(answer)
			}
			f.mu.Unlock()
			return
		}
		answer := f.waiting[m.ID]
		delete(f.waiting, m.ID)
		f.mu.Unlock()
		if m.Type == "event" {
			f.log(m)
		} else if answer != nil {
			answer <- m
		}
	}
}

// Firefox logs a failed WebSocket and a failed path of a peer like exceptions.
var ownComplaints = []string{"Firefox can’t establish a connection to the server at ws://", "WebRTC: ICE failed"}

// log passes on an exception that no code in a page has caught.
func (f *firefox) log(m bidiMessage) {
	var entry struct {
		Type, Level, Text string
		Source            struct{ Context string }
	}
	if json.Unmarshal(m.Params, &entry) != nil || entry.Type != "javascript" || entry.Level != "error" {
		return
	}
	if slices.ContainsFunc(ownComplaints, func(start string) bool { return strings.HasPrefix(entry.Text, start) }) {
		return
	}
	f.mu.Lock()
	report := f.tabs[entry.Source.Context]
	f.mu.Unlock()
	if report != nil {
		report(entry.Text)
	}
}

// command sends a command, and stores the answer in result, unless that is nil.
func (f *firefox) command(ctx context.Context, method, params string, result any) error {
	answer := make(chan bidiMessage, 1)
	f.mu.Lock()
	f.next++
	id, ended := f.next, f.ended
	if ended == nil {
		f.waiting[id] = answer
	}
	f.mu.Unlock()
	if ended != nil {
		return ended
	}
	text := fmt.Sprintf(`{"id": %d, "method": %q, "params": %s}`, id, method, params)
	if err := f.conn.Write(context.Background(), websocket.MessageText, []byte(text)); err != nil {
		return err
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			return f.ended
		case m.Type == "error":
			return fmt.Errorf("%s: %s: %s", method, m.Error, m.Message)
		case result != nil:
			return json.Unmarshal(m.Result, result)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// A firefoxTab is a tab in Firefox, named by the id of its browsing context.
type firefoxTab struct {
	*firefox
	id string
}

// newTab opens a tab until the test ends. It has its own window: timers of tabs
// in the background run once a second.
func (f *firefox) newTab(t *testing.T, name string) driver {
	t.Helper()
	var made struct{ Context string }
	if err := f.command(t.Context(), "browsingContext.create", `{"type": "window"}`, &made); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.tabs[made.Context] = func(message string) {
		if t.Context().Err() == nil {
			t.Errorf("%s throws %s", name, message)
		}
	}
	f.mu.Unlock()
	tab := &firefoxTab{f, made.Context}
	t.Cleanup(func() {
		f.mu.Lock()
		delete(f.tabs, made.Context)
		f.mu.Unlock()
		tab.close(context.Background())
	})
	return tab
}

// visit implements driver.
func (tab *firefoxTab) visit(ctx context.Context, url string) error {
	return tab.command(ctx, "browsingContext.navigate", fmt.Sprintf(`{"context": %q, "url": %q, "wait": "complete"}`, tab.id, url), nil)
}

// reload implements driver.
func (tab *firefoxTab) reload(ctx context.Context) error {
	return tab.command(ctx, "browsingContext.reload", fmt.Sprintf(`{"context": %q, "wait": "complete"}`, tab.id), nil)
}

// close implements driver.
func (tab *firefoxTab) close(ctx context.Context) error {
	return tab.command(ctx, "browsingContext.close", fmt.Sprintf(`{"context": %q}`, tab.id), nil)
}

// evaluate implements driver.
func (tab *firefoxTab) evaluate(ctx context.Context, expression string) (string, error) {
	script, err := json.Marshal(expression)
	if err != nil {
		return "", err
	}
	var got struct {
		Type             string
		Result           struct{ Type, Value string }
		ExceptionDetails struct{ Text string }
	}
	params := fmt.Sprintf(`{"expression": %s, "target": {"context": %q}, "awaitPromise": true}`, script, tab.id)
	if err := tab.command(ctx, "script.evaluate", params, &got); err != nil {
		return "", err
	}
	if got.Type != "success" {
		return "", errors.New(got.ExceptionDetails.Text)
	}
	if got.Result.Type != "string" {
		return "", fmt.Errorf("a script returns %s, not a string: %s", got.Result.Type, strings.TrimSpace(expression))
	}
	return got.Result.Value, nil
}
