package web_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadme checks that two players meet on the page as README.md says, by the
// buttons that it names, and that two copies of its script talk in the consoles
// of two tabs with the page.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	g := startGateway(t)
	ada, grace := openPage(t, g.page(), "Ada", "", ""), openPage(t, g.page(), "Grace", "", "")
	pressed := regexp.MustCompile(`press\s+\*\*([^*]+)\*\*`).FindAllSubmatch(readme, -1)
	if len(pressed) != 3 {
		t.Fatalf("README.md names %q, want three buttons", pressed)
	}
	var code string
	ada.run(`await shows("status", "Connected"); await press("`+string(pressed[0][1])+`"); return await until(() => seen($("tag")))`, &code)
	grace.run(`await shows("status", "Connected"); fill("code", "`+code+`"); await press("`+string(pressed[1][1])+`")`, nil)
	ada.run(`await press("`+string(pressed[2][1])+`")`, nil)
	together(t, false, ada, grace)

	script := regexp.MustCompile("(?s)```js\n(.*?)```").FindSubmatch(readme)
	if script == nil {
		t.Fatal("README.md shows no script")
	}
	run := func(name, until string) (tab *tab) {
		tab = openPage(t, g.page(), name, "", "")
		tab.run("globalThis.said = []; console.log = (...all) => said.push(all.join(' '));\n"+
			strings.ReplaceAll(string(script[1]), "127.0.0.1:3000", g.address)+"globalThis.lobby = lobby; await until(() => said.includes("+until+"))", nil)
		return tab
	}
	first := run("first", "'You are 1 in blue-fox'")
	run("second", "'1 says hello, 2'").run("lobby.send('hi')", nil)
	first.run("await until(() => said.includes('2 says hi'))", nil)
}
