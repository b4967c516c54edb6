package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"bellhop/gateway/apigateway"
)

// TestRecord checks the recording of time, of unannounced drops, and of
// messages that cannot be replayed.
func TestRecord(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recorded.txt")
	r, err := openRecorder(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 5, 4, 3, 2, 1, 900e6, time.UTC)
	timed := newRecorder(func() time.Time { return now })
	timed.file, timed.ends = r.file, true
	r = timed
	r.event("AAA=", "CONNECT")
	r.event("BBB=", "CONNECT")
	r.arrive("AAA=", `{"to":"BBB="}`, func() {
		now = now.Add(200 * time.Millisecond) // into the next second
		r.posted("AAA=", []byte(`{"created_at":"2026-05-04T03:02:02Z","who":"BBB=","reference":"x7"}`), nil)
		r.posted("BBB=", []byte("slow"), apigateway.ErrLimitExceeded)
	})
	now = now.Add(90 * time.Second)
	r.arrive("AAA=", "again", func() {
		r.posted("BBB=", []byte("late"), apigateway.ErrGone)
		r.posted("AAA=", []byte(`{"resume_until":"2026-05-04T03:04:32Z"}`), nil)
		r.posted("AAA=", []byte(`{"resume_until":"2020-05-04T03:04:32Z"}`), nil) // not from this recording
		r.posted("never seen", []byte("nobody"), nil)
	})
	r.event("BBB=", "DISCONNECT")
	r.posted("AAA=", []byte("of its own accord"), nil)
	r.arrive("AAA=", "close me", func() {
		r.closes("AAA=")
		r.event("AAA=", "DISCONNECT")
	})
	if err := r.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.arrive("AAA=", "after the end", func() {})
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := `# Recorded by go run ./internal/record.
client1 connects
client2 connects
client1> {"to":"client2"}
client1< {"created_at":"2030-01-02T03:04:05Z","who":"client2","reference":"…"}
# client2 does not hear 4 bytes: apigateway: too much waits for the connection
clock +1m31s
client2 drops unnoticed
client1> again
client1< {"resume_until":"2030-01-02T03:06:36Z"}
client1< {"resume_until":"2020-05-04T03:04:32Z"}
client1< of its own accord
client1> close me
client1< (the connection is closed)
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := openRecorder(file, nil); err == nil {
		t.Error("a recording is overwritten")
	}
}

// event lets the recorder see a connection come or go.
func (r *recorder) event(id, kind string) {
	e := awsevents.APIGatewayWebsocketProxyRequest{}
	e.RequestContext.ConnectionID, e.RequestContext.EventType = id, kind
	r.invoker(func(context.Context, awsevents.APIGatewayWebsocketProxyRequest) (awsevents.APIGatewayProxyResponse, error) {
		return awsevents.APIGatewayProxyResponse{StatusCode: 200}, nil
	})(context.Background(), e)
}

// TestRecordOneByOne checks that steps never overlap. A step that closes a
// connection lasts until that connection's $disconnect is over; an API without
// that route does not wait for one.
func TestRecordOneByOne(t *testing.T) {
	for _, ends := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r, err := openRecorder(filepath.Join(t.TempDir(), "recorded.txt"), nil)
			if err != nil {
				t.Fatal(err)
			}
			r.ends = ends
			var order []string
			next := make(chan bool)
			go r.arrive("AAA=", "close B", func() {
				<-next
				r.closes("BBB=")
				order = append(order, "first")
			})
			synctest.Wait()
			go r.arrive("AAA=", "then", func() { order = append(order, "second") })
			synctest.Wait()
			if order != nil {
				t.Errorf("%v has happened while something did", order)
			}
			next <- true
			synctest.Wait()
			if want := map[bool]int{true: 1, false: 2}[ends]; len(order) != want {
				t.Errorf("%v has happened, with $disconnect %v still to come", order, ends)
			}
			r.event("BBB=", "DISCONNECT")
			synctest.Wait()
			if len(order) != 2 {
				t.Errorf("%v has happened", order)
			}
			go r.arrive("AAA=", "for ever", func() { next <- true })
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := r.close(ctx); err != nil || ctx.Err() == nil {
				t.Errorf("the file is closed with %v before its time is over", err)
			}
			<-next
		})
	}
}
