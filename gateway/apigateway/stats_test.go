package apigateway

import (
	"context"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestStats checks that each event is counted once, under its name.
func TestStats(t *testing.T) {
	status := 200
	var g *Gateway
	ids := make(recorder, 10)
	g, address := serve(t, Config{Routes: map[string]Route{
		"$connect":    {Invoke: func(_ context.Context, e event) (response, error) { ids <- e; return response{StatusCode: status}, nil }},
		"$default":    {Invoke: echo(&g)},
		"$disconnect": {Invoke: ids.invoke},
	}})
	c := connect(t, address)
	id := (<-ids).RequestContext.ConnectionID
	for range 3 {
		c.send(frame(text, "hello"))
		c.want(text, "hello")
	}
	g.Post(t.Context(), id, make([]byte, MaxMessage+1))
	g.Post(t.Context(), "nobody", nil)
	for g.Post(t.Context(), id, []byte(big)) == nil {
	}
	s := g.Stats()
	if s.Queued <= maxOutbox-MaxFrame || s.Queued > maxOutbox+1000 {
		t.Errorf("%d bytes wait for who does not read, want about %d", s.Queued, maxOutbox)
	}
	clients := g.Clients()
	if len(clients) != 1 || clients[0].ID != id || clients[0].Queued != s.Queued || clients[0].SourceIP != "127.0.0.1" ||
		clients[0].ActiveAt.Before(clients[0].ConnectedAt) {
		t.Errorf("the clients are %+v", clients)
	}
	left := connect(t, address)
	left.send(frame(closing, "\x0f\xa0"))
	<-ids
	<-ids
	status = 403
	if _, r := dial(t, address, "", ""); r.StatusCode != 403 {
		t.Errorf("refused with %d", r.StatusCode)
	}
	c.Close()
	for (<-ids).RequestContext.EventType != "DISCONNECT" {
	}
	got := g.Stats()
	taken := got.Posts["taken"]
	if delete(got.Posts, "taken"); taken < 3+maxOutbox/MaxFrame {
		t.Errorf("%d posts were taken", taken)
	}
	want := Stats{Received: 3, Posts: map[string]uint64{"gone": 1, "limit_exceeded": 1, "payload_too_large": 1},
		Refused: map[int]uint64{403: 1}, Ended: map[int]uint64{3000: 1, 1006: 1}}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
