package web_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"bellhop/gateway/programtest"
)

// document returns the first block of a language in docs/clients.md.
func document(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(text)
	if code == nil {
		t.Fatalf("docs/clients.md shows no %s", language)
	}
	return string(code[1])
}

// serve serves a page of the document. The page finds Bellhop at g.
func serve(t *testing.T, g *gateway, text string) (url string) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, strings.ReplaceAll(text, "127.0.0.1:3000", g.address))
	}))
	t.Cleanup(site.Close)
	return site.URL
}

// until is a script that polls for a condition that has no event.
const until = "const until = async (what) => { while (!what()) await new Promise((resolve) => setTimeout(resolve, 5)); };\n"

// TestTenLines checks that the client at the beginning of docs/clients.md works
// unchanged.
func TestTenLines(t *testing.T) {
	t.Parallel()
	url := serve(t, startGateway(t), `<!doctype html><script>
		const said = [];
		console.log = (...all) => said.push(all.join(" "));
		prompt = () => location.hash.slice(1);
		</script><script type="module">`+document(t, "js")+`</script>`)
	host, guest := emptyTab(t, "host"), emptyTab(t, "guest")
	host.visit(url)
	var id string
	host.run(until+"await until(() => said.length); return /^You are 1 in (\\w+)$/.exec(said[0])[1]", &id)
	guest.visit(url + "#" + id)
	guest.run(until+"await until(() => said.includes('1 says hello, 2'))", nil)
	host.run(until+"await until(() => said.includes('2 says hello, 1'))", nil)
}

// TestTwoPlayers checks that the page for two players in docs/clients.md works
// unchanged.
func TestTwoPlayers(t *testing.T) {
	t.Parallel()
	host, guest := emptyTab(t, "host"), emptyTab(t, "guest")
	host.visit(serve(t, startGateway(t), document(t, "html")))
	const status = "document.querySelector('#status').textContent"
	var url string
	host.run(until+"await until(() => "+status+".includes('#')); return "+status+".split(' ').pop()", &url)
	guest.visit(url)
	for _, tab := range []*tab{host, guest} {
		tab.run(until+"await until(() => "+status+" === 'Move your pointer.')", nil)
	}
	if err := guest.driver.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tab := range []*tab{guest, host} {
		tab.run(until+"await until(() => "+status+" === 'Move your pointer.')", nil)
	}
	host.run("dispatchEvent(new PointerEvent('pointermove', { clientX: 40, clientY: 50 }))", nil)
	guest.run(until+"await until(() => document.querySelector('#friend').style.translate === '40px 50px')", nil)
}

var buildChat = sync.OnceValues(func() (string, error) {
	return build("chat", "go", "build", "-race", "-o", "FILE", "../.cache/web/chat.go")
})

// startChat runs the client in Go from docs/clients.md.
func startChat(t *testing.T, url string, args ...string) (says *programtest.Output, stdin io.Writer) {
	t.Helper()
	if err := os.MkdirAll("../.cache/web", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.FromSlash("../.cache/web/chat.go"), []byte(document(t, "go")), 0o666); err != nil {
		t.Fatal(err)
	}
	program, err := buildChat()
	if err != nil {
		t.Fatal(err)
	}
	says = programtest.NewOutput()
	chat := exec.Command(program, append([]string{"-url", url}, args...)...)
	chat.Stdout, chat.Stderr = says, says
	if stdin, err = chat.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := chat.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		chat.Process.Kill()
		chat.Wait()
		if out := says.String(); strings.Contains(out, "DATA RACE") || strings.Contains(out, "panic") {
			t.Errorf("the client in Go:\n%s", out)
		}
	})
	return says, stdin
}

// TestGo checks that the Go client of docs/clients.md, with another
// implementation of WebRTC, and a browser connect. Each of them hosts and
// offers in turn, and they connect again after the signalling was cut.
func TestGo(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	for _, host := range []string{"browser", "go"} {
		for _, offerer := range []string{"joiner", "host"} {
			t.Run(fmt.Sprintf("%s hosts, %s offers", host, offerer), func(t *testing.T) {
				way, tab, fox := newLine(t, g), openTab(t, g, "browser", g.url()), "fox-"+host+"-"+offerer
				var says *programtest.Output
				var stdin io.Writer
				if host == "browser" {
					tab.enter(fmt.Sprintf("bellhop.host({ lobbyId: %q, offerer: %q })", fox, offerer))
					says, stdin = startChat(t, way.url(), "-offerer", offerer, "join", fox)
				} else {
					says, stdin = startChat(t, way.url(), "-offerer", offerer, "host", fox)
					says.Find(t, "in lobby "+fox)
					tab.enter(fmt.Sprintf("bellhop.join(%q, { offerer: %q })", fox, offerer))
				}
				converse := func(word string) {
					t.Helper()
					says.Find(t, "connected")
					tab.run("await until(() => lobby.members[0]?.state === 'open'); lobby.send('browser "+word+"')", nil)
					says.Find(t, "browser "+word)
					fmt.Fprintf(stdin, "go %s\n", word)
					tab.run("await until(() => heard.some((line) => line.endsWith('go "+word+"')))", nil)
				}
				converse("hello")
				tab.run("globalThis.back = next(lobby, 'back')", nil)
				way.cut()
				converse("still there")
				tab.run("await back", nil)
				says.Find(t, "in lobby (?s:.*)in lobby ")
				converse("again")
				tab.run("bellhop.close()", nil)
			})
		}
	}
}

// TestEventsAreDocumented checks that docs/clients.md names every event of a
// lobby.
func TestEventsAreDocumented(t *testing.T) {
	t.Parallel()
	types, err := os.ReadFile("bellhop.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile(`(?s)interface LobbyEvents \{(.*?)\n\}`).FindSubmatch(types)
	text, err := os.ReadFile("../docs/clients.md")
	if err != nil || block == nil {
		t.Fatal("no LobbyEvents: ", err)
	}
	var missing []string
	for _, name := range regexp.MustCompile(`(?m)^  (\w+):`).FindAllSubmatch(block[1], -1) {
		if !strings.Contains(string(text), "| `"+string(name[1])+"`") && !strings.Contains(string(text), ", `"+string(name[1])+"` |") {
			missing = append(missing, string(name[1]))
		}
	}
	if len(missing) > 0 || len(block[1]) == 0 {
		t.Errorf("docs/clients.md lacks %s", slices.Sorted(slices.Values(missing)))
	}
}
