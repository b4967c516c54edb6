package handlers_test

import (
	"fmt"
	"strings"
	"testing"

	"bellhop/events"
	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
)

// TestListCost checks how much a search costs its sender's bucket: one action,
// whether or not the list ends there, and more only if the server had to read
// on.
func TestListCost(t *testing.T) {
	const list, quick = `{"action":"list_lobbies","content":{%s}}`, `{"action":"quick_join","content":{%s}}`
	none := `"filter":{"metadata.mode":"none"}`
	for name, tt := range map[string]struct {
		lobbies int
		says    string
		want    float64
	}{
		"an empty game":                             {0, fmt.Sprintf(list, ""), 1},
		"an empty game, by a filter":                {0, fmt.Sprintf(list, none), 1},
		"a page, and the list ends":                 {20, fmt.Sprintf(list, ""), 1},
		"a page, and the list goes on":              {40, fmt.Sprintf(list, ""), 1},
		"a filter that picks none of one page":      {20, fmt.Sprintf(list, none), 1},
		"a filter that picks none of two reads":     {40, fmt.Sprintf(list, none), 1 + handlers.GuessCost},
		"a filter that picks none of a longer list": {110, fmt.Sprintf(list, none), 1 + handlers.GuessCost},
		"quick_join in an empty game":               {0, fmt.Sprintf(quick, ""), 1},
		"quick_join by a filter that picks none":    {4, fmt.Sprintf(quick, none), 1},
		"quick_join that finds nothing and starts":  {0, fmt.Sprintf(quick, `"or_start":{}`), handlers.GuessCost},
	} {
		t.Run(name, func(t *testing.T) {
			w := handlerstest.New()
			for i := range tt.lobbies {
				host := fmt.Sprint("host", i)
				w.Connect(host, nil)
				w.Say(host, fmt.Sprintf(`{"action":"start_lobby","content":{"lobby_id":"l%d","public":true}}`, i))
			}
			w.Connect("ann", nil)
			w.Say("ann", tt.says)
			if heard := w.Heard()["ann"]; len(heard) != 1 || member(heard[0], "code") == string(events.RateLimited) {
				t.Fatalf("heard %q", heard)
			}
			if got := w.Paid("ann"); got != tt.want {
				t.Errorf("%s costs %v actions, want %v", strings.TrimSpace(tt.says), got, tt.want)
			}
		})
	}
}
