package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	browsertest "bellhop/internal/browser"
	"bellhop/store/dynamodbtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	theBrowser.Stop()
	if theFirefox.firefox != nil {
		theFirefox.stop()
	}
	os.Exit(code)
}

// theBrowser serves all tests. Each test has its own tabs.
var theBrowser = browsertest.Chromium{Options: []chromedp.ExecAllocatorOption{
	chromedp.DisableGPU, chromedp.IgnoreCertErrors,
	// A site that browsers do not count as local. They allow its pages less.
	chromedp.Flag("host-resolver-rules", "MAP play.test 127.0.0.1"),
}}

func browser(t *testing.T) context.Context {
	t.Helper()
	ctx, err := theBrowser.Start()
	if errors.Is(err, browsertest.ErrMissing) {
		dynamodbtest.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// page gives the scripts in a tab what they use: the module's exports, and a
// log of all WebSocket messages.
const page = `<!doctype html><title>test</title>
<script type="module">
  import * as module from "%s/bellhop.js";
  Object.assign(window, module, { billed: { sent: 0, heard: 0 }, lose: null, late: null, disorder: 0, said: [], sockets: [], connections: [], channels: [] });

  // billed counts messages as AWS bills them. lose names an action: its next
  // message gets lost, and the socket drops. late names an event: the next one
  // overtakes it. disorder delays each message, in both directions, by up to
  // so many milliseconds.
  const later = (f) => (disorder ? setTimeout(f, Math.random() * disorder) : f());
  window.WebSocket = class extends WebSocket {
    constructor(url) {
      super(url);
      sockets.push(this);
      this.addEventListener("message", () => billed.heard++);
    }
    send(text) {
      if (lose && JSON.parse(text).action === lose) {
        lose = null;
        fetch("/cut?" + new URL(this.url).port, { method: "POST" });
        return;
      }
      billed.sent++;
      said.push(JSON.parse(text).action);
      later(() => super.send(text));
    }
    set onmessage(hear) {
      let overtaken = null;
      super.onmessage = (event) => later(() => {
        if (late && JSON.parse(event.data).event === late) return void ([overtaken, late] = [event, null]);
        hear(event);
        if (overtaken) hear(overtaken);
        overtaken = null;
      });
    }
  };
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration) {
      super(configuration);
      connections.push(this);
    }
    createDataChannel(...given) {
      const channel = super.createDataChannel(...given);
      channels.push(channel);
      return channel;
    }
  };
  // The next event of a name for which ok is true.
  window.next = (target, name, ok = () => true) => new Promise((resolve) => target.addEventListener(name, function hear(event) {
    if (!ok(event)) return;
    target.removeEventListener(name, hear);
    resolve(event);
  }));
  // play opens or enters a lobby and plays: it accepts every request, and keeps
  // the messages it receives by the sender's peer id.
  window.play = async (entering) => {
    window.heard = [];
    window.lobby = await entering;
    const gone = (error) => { if (error.code !== "request_not_found") throw error; }; // they no longer wait
    lobby.addEventListener("request", ({ request }) => window.hold || request.accept().catch(gone)); // hold lets them wait
    lobby.addEventListener("message", ({ peerId, data }) => heard.push(peerId + ": " + (typeof data === "object" ? JSON.stringify(data) : data)));
    for (const type of ["failed", "error"]) lobby.addEventListener(type, ({ error }) => { throw error; });
  };
  // Waits until what is true, however it becomes so.
  window.until = async (what) => { while (!what()) await new Promise((resolve) => setTimeout(resolve, 5)); };
  window.ready = true;
</script>`

// A driver drives one tab of a browser.
type driver interface {
	// visit opens a page, and returns once it has loaded.
	visit(ctx context.Context, url string) error
	// reload reloads the page, as a player does.
	reload(ctx context.Context) error
	// evaluate evaluates an expression to a promise, and returns the string that
	// the promise resolves with.
	evaluate(ctx context.Context, expression string) (string, error)
	// close closes the tab, as a player does.
	close(ctx context.Context) error
}

// A chromiumTab is a tab in Chromium.
type chromiumTab struct{ ctx context.Context }

// visit implements driver.
func (tab chromiumTab) visit(ctx context.Context, url string) error {
	return chromedp.Do(tab.ctx, chromedp.Navigate(url))
}

// reload implements driver.
func (tab chromiumTab) reload(ctx context.Context) error {
	return chromedp.Do(tab.ctx, chromedp.Reload())
}

// evaluate implements driver.
func (tab chromiumTab) evaluate(ctx context.Context, expression string) (string, error) {
	within, cancel := context.WithCancel(tab.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	return chromedp.Run(within, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
}

// close implements driver.
func (tab chromiumTab) close(context.Context) error { return chromedp.Cancel(tab.ctx) }

// A tab is a tab in a browser, with a page of the test's own.
type tab struct {
	t    *testing.T
	ctx  context.Context // of chromedp; nil in Firefox
	name string
	driver
	url string // address that its client connects to

	scripts int // scripts in the background
}

// openTab returns a tab in which scripts find bellhop.js of the gateway, and
// url, the address to connect to: the gateway's, or that of a line to it.
func openTab(t *testing.T, g *gateway, name, url string) *tab {
	t.Helper()
	return emptyTab(t, name).open(g, url)
}

// open opens the page of openTab in a tab.
func (tab *tab) open(g *gateway, url string) *tab {
	tab.t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cut" {
			cutLine(r.URL.RawQuery)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, page, g.page())
	}))
	tab.t.Cleanup(site.Close)
	tab.visit(site.URL)
	tab.url = url
	tab.start()
	return tab
}

// start creates the page's client.
func (tab *tab) start() {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for loaded := ""; loaded != "function" && ctx.Err() == nil; { // a browser can say early that a page is loaded
		loaded, _ = tab.evaluate(ctx, "Promise.resolve(typeof globalThis.Bellhop)")
	}
	tab.run(fmt.Sprintf("globalThis.url = %q; globalThis.bellhop = new Bellhop(url)", tab.url), nil)
}

// reload reloads the page. Its resume token is in sessionStorage.token.
func (tab *tab) reload() {
	tab.t.Helper()
	tab.run("sessionStorage.token = bellhop.resumeToken", nil)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := tab.driver.reload(ctx); err != nil {
		tab.t.Fatalf("%s cannot be loaded anew: %v", tab.name, err)
	}
	tab.start()
}

func emptyTab(t *testing.T, name string) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser(t))
	t.Cleanup(closeTab)
	said := chromedp.Console(ctx)
	go func() {
		for message, err := range said {
			if err != nil || t.Context().Err() != nil {
				return
			}
			if message.IsException() {
				t.Errorf("%s throws %s", name, message)
			}
		}
	}()
	return &tab{t: t, ctx: ctx, name: name, driver: chromiumTab{ctx}}
}

func (tab *tab) visit(url string) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := tab.driver.visit(ctx, url); err != nil {
		tab.t.Fatalf("%s cannot open %s: %v", tab.name, url, err)
	}
}

// patience limits a script, and every other wait.
const patience = 3 * time.Minute

// run runs the body of an async function. It stores the function's result in
// result, unless that is nil.
func (tab *tab) run(script string, result any) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	whole := "(async () => {" + script + "\n})().then((result) => JSON.stringify(result ?? null))"
	out, err := tab.evaluate(ctx, whole)
	if err == nil && result != nil {
		err = json.Unmarshal([]byte(out), result)
	}
	if err != nil {
		tab.t.Fatalf("%s: %v\n%s\nwith %s", tab.name, err, strings.TrimSpace(script), tab.describe())
	}
}

// describe returns what a page has when its script has failed: its lobby, its
// peers, and the last messages.
func (tab *tab) describe() string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := tab.evaluate(ctx, `Promise.resolve(JSON.stringify({
		connected: globalThis.bellhop?.connected, me: globalThis.lobby?.me?.peerId, said: globalThis.said?.slice(-8), heard: globalThis.heard?.slice(-8),
		peers: (globalThis.lobby?.members ?? []).map(({ peerId, state, away, connection: pc }) =>
			[peerId, state, away ? "away" : "", pc.connectionState, pc.iceGatheringState, pc.signalingState].join(" ")),
	}))`)
	if err != nil {
		return "a page that does not answer: " + err.Error()
	}
	return out
}

// background starts a script whose work another tab's script needs, and returns
// a function that waits for its end. The script has reached its first await by
// then, so it misses no event.
func (tab *tab) background(script string, result any) (wait func()) {
	tab.t.Helper()
	tab.scripts++
	running := fmt.Sprint("globalThis.script", tab.scripts)
	tab.run(running+" = (async () => {"+script+"\n})(); "+running+".catch(() => {})", nil)
	return func() {
		tab.t.Helper()
		tab.run("return await "+running, result)
	}
}
