package handlers_test

import (
	"strings"
	"testing"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// BenchmarkUnits reports the write and read units of each action, counted from
// the items before and after, in a small lobby. Each is also shown for a public
// one, which is in two indexes.
func BenchmarkUnits(b *testing.B) {
	for _, tt := range budgets {
		for _, kind := range []string{"private", "public"} {
			b.Run(strings.ReplaceAll(tt.what, ", ", "/")+"/"+kind, func(b *testing.B) {
				var u dynamodbtest.Units
				for range b.N {
					u = unitsOf(b, tt.conn, orMessage(tt.route), tt.text, kind == "public")
				}
				b.ReportMetric(dynamodbtest.Total(u.Writes), "write-units")
				b.ReportMetric(dynamodbtest.Total(u.Reads), "read-units")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func unitsOf(tb testing.TB, conn, route, text string, public bool) dynamodbtest.Units {
	var m *dynamodbtest.Meter
	w := handlerstest.NewOver(func(s store.Store) store.Store {
		m = dynamodbtest.NewMeter(s)
		return m
	})
	openFox(tb, w)
	if public {
		w.Say("host", `{"action":"update_lobby","content":{"public":true}}`)
	}
	if conn == "leaver" {
		w.Connect("leaver", nil)
		w.Say("leaver", `{"action":"start_lobby","content":{"lobby_id":"owl"}}`)
		w.Say("leaver", `{"action":"leave_lobby"}`)
	}
	w.Clock.Move(handlers.ClaimTTL)
	m.Take()
	w.Invoke(conn, route, text, "reference", nil)
	return m.Take()
}
