package e2e

import (
	"encoding/json"
	"log/slog"
	"os"
	"testing"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
	"bellhop/store"
)

// TestRecordedEvents checks that the function accepts the events in
// testdata/events, which are for `sam local invoke -e`.
func TestRecordedEvents(t *testing.T) {
	h := handlers.New(handlers.Config{Store: store.NewMemory(time.Now), Poster: handlerstest.NewInbox(), Log: slog.New(slog.DiscardHandler)})
	for _, name := range []string{"connect", "message", "disconnect"} {
		raw, err := os.ReadFile("../testdata/events/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var e awsevents.APIGatewayWebsocketProxyRequest
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r, err := h.Handle(t.Context(), e); err != nil || r.StatusCode != 200 {
			t.Errorf("%s is answered %+v, %v", name, r, err)
		}
	}
}
