package apigateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestFidelityRoutes checks which route a message selects, as its event names
// it.
func TestFidelityRoutes(t *testing.T) {
	const action = "$request.body.action"
	for _, test := range []struct{ name, expression, message, route string }{
		{"a variable", action, `{"action":"join"}`, "join"},
		{"a variable in braces", "${request.body.action}", `{"action":"join"}`, "join"},
		{"a nested path", "$request.body.service.do", `{"service":{"do":"join"}}`, "join"},
		{"a path of brackets", "${request.body['the list'][1].do}", `{"the list":[{},{"do":"join"}]}`, "join"},
		{"variables and text mixed", "${request.body.service}/${request.body.action}", `{"service":"lobby","action":"join"}`, "lobby/join"},
		{"a number", action, `{"action":1.0}`, "1.0"},
		{"true", action, `{"action":true}`, "true"},
		{"an array", action, `{"action":["a",2]}`, "[a, 2]"},
		{"text alone", "join", `{}`, "join"},
		{"the default in text", `\$default`, `{"action":"join"}`, "$default"},
		{"what is found is not evaluated again", action, `{"action":"$request.body.other","other":"join"}`, "$default"},
		{"a path that is not there is empty", "${request.body.none}join", `{}`, "join"},
		{"a path through text is empty", "${request.body.a.b}join", `{"a":"x"}`, "join"},
		{"an index that is not there is empty", "${request.body.a[1]}join", `{"a":[1]}`, "join"},
		{"null is empty", "${request.body.a}join", `{"a":null}`, "join"},
		{"another key goes to $default", action, `{"action":"leave"}`, "$default"},
		{"a key in another case goes to $default", action, `{"action":"Join"}`, "$default"},
		{"what is not JSON goes to $default", "join", `join`, "$default"},
		{"an empty message goes to $default", action, ``, "$default"},
		{"JSON with something behind it goes to $default", action, `{"action":"join"} {}`, "$default"},
		{"a client cannot select $connect", action, `{"action":"$connect"}`, "$default"},
		{"a client cannot select $disconnect", action, `{"action":"$disconnect"}`, "$default"},
	} {
		t.Run(test.name, func(t *testing.T) {
			selection, err := ParseSelection(test.expression)
			if err != nil {
				t.Fatal(err)
			}
			r := make(recorder, 10)
			_, address := serve(t, Config{Selection: selection, Invoke: r.invoke, Routes: map[string]Route{
				"$default": {}, "$connect": {}, "join": {}, "lobby/join": {}, "1.0": {}, "true": {}, "[a, 2]": {},
			}})
			c := connect(t, address)
			<-r
			c.send(frame(text, test.message))
			if e := <-r; e.RequestContext.RouteKey != test.route || e.Body != test.message {
				t.Errorf("route %s with %q, want %s", e.RequestContext.RouteKey, e.Body, test.route)
			}
		})
	}
}

// TestFidelityNoRoute checks the handling of events for which an API has no
// route.
func TestFidelityNoRoute(t *testing.T) {
	selection, err := ParseSelection("$request.body.action")
	if err != nil {
		t.Fatal(err)
	}
	r, log := make(recorder, 10), new(bytes.Buffer)
	g, address := serve(t, Config{Selection: selection, Invoke: r.invoke, Routes: map[string]Route{"join": {}}, Log: slog.New(slog.NewTextHandler(log, nil)),
		NewConnectionID: func() string { return "fox" }})
	c, answer := dial(t, address, "", "")
	t.Run("without $connect everybody is let in and nothing is invoked", func(t *testing.T) {
		if answer.StatusCode != 101 {
			t.Fatalf("the handshake is answered %d", answer.StatusCode)
		}
		if len(r) > 0 {
			t.Errorf("there was an event for %s", (<-r).RequestContext.RouteKey)
		}
	})
	t.Run("without $default a message of no route is answered Forbidden and the connection stays", func(t *testing.T) {
		for _, message := range []string{"hello", `{"action":"leave"}`} {
			c.send(frame(text, message))
			c.wantMessage("Forbidden")
		}
		c.send(frame(text, `{"action":"join"}`))
		if e := <-r; e.RequestContext.RouteKey != "join" {
			t.Errorf("the first event is for %s, want join", e.RequestContext.RouteKey)
		}
	})
	t.Run("without $disconnect nothing is invoked at the end", func(t *testing.T) {
		if err := g.Shutdown(t.Context()); err != nil || len(r) > 0 || log.Len() > 0 {
			t.Errorf("%v; %d events; the log says %s", err, len(r), log)
		}
	})
}

// wantMessage reads a message of API Gateway's own to the connection fox.
func (c client) wantMessage(message string) {
	c.t.Helper()
	pattern := regexp.MustCompile(`^\{"message": "` + message + `", "connectionId":"fox", "requestId":"[\w-]{15}="\}$`)
	if first, got := c.receive(); first != text || !pattern.MatchString(got) {
		c.t.Errorf("the client hears frame %#x %s, want %s", first, got, message)
	}
}

// TestSelectionErrors checks that an invalid expression gets an error.
func TestSelectionErrors(t *testing.T) {
	for _, expression := range []string{"$request.header.x", "$request.body", "$", "${request.body.a", "${request.body.*}", "$request.body.a[", "$context.x", "a$"} {
		if s, err := ParseSelection(expression); err == nil || !strings.Contains(err.Error(), "is not of the form ${request.body.NAME}") {
			t.Errorf("%s: %+v, %v", expression, s, err)
		}
	}
}

// FuzzSelection checks that no expression and no message break the evaluation,
// and that only JSON selects a key.
func FuzzSelection(f *testing.F) {
	f.Add("${request.body.service}/${request.body['a b'][0]}", `{"service":"x","a b":[1]}`)
	f.Add(`\$default`, ``)
	f.Fuzz(func(t *testing.T, expression, message string) {
		s, err := ParseSelection(expression)
		if key := s.key(message); key != "" && (err != nil || !json.Valid([]byte(message))) {
			t.Errorf("%q selects %q by %q, %v", message, key, expression, err)
		}
	})
}

// TestFidelityResults checks the client's messages after each kind of result of
// an integration; the connection stays.
func TestFidelityResults(t *testing.T) {
	const internal, late = "Internal server error", "Endpoint request timed out"
	hang := func(ctx context.Context, _ event) (response, error) {
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		<-derived.Done()
		return ok, derived.Err()
	}
	answer := func(r response, err error) Route {
		return Route{Answers: true, Invoke: func(context.Context, event) (response, error) { return r, err }}
	}
	oneWay := func(r response, err error) Route {
		route := answer(r, err)
		route.Answers = false
		return route
	}
	for _, test := range []struct {
		name  string
		route Route
		frame string // of API Gateway
		body  string // of the route response; without either frame the client gets nothing
		log   string // a level
	}{
		{"the body of a one-way route is thrown away", oneWay(response{StatusCode: 200, Body: "hi"}, nil), "", "", ""},
		{"an error status of a one-way route is not told", oneWay(response{StatusCode: 500, Body: "hi"}, nil), "", "", "WARN"},
		{"with a route response the body is sent as it is", answer(response{StatusCode: 200, Body: `"hi" <you>`}, nil), "", `"hi" <you>`, ""},
		{"with a route response the body is sent whatever its status", answer(response{StatusCode: 500, Body: "no"}, nil), "", "no", ""},
		{"with a route response and no body nothing is sent", answer(ok, nil), "", "", ""},
		{"a body in base64 is decoded", answer(response{StatusCode: 200, Body: "aGk=", IsBase64Encoded: true}, nil), "", "hi", ""},
		{"a failure is told on a one-way route too", oneWay(ok, errors.New("no")), internal, "", "ERROR"},
		{"a failure is told", answer(response{StatusCode: 200, Body: "hi"}, errors.New("no")), internal, "", "ERROR"},
		{"a crash is told", Route{Invoke: func(context.Context, event) (response, error) { panic("oh") }}, internal, "", "ERROR"},
		{"a result without a status is malformed", oneWay(response{}, nil), internal, "", "ERROR"},
		{"a timeout is told", Route{Invoke: hang, Timeout: 20 * time.Millisecond}, late, "", "ERROR"},
		{"a timeout that the integration reports is told", oneWay(ok, errors.Join(errors.New("no answer"), ErrTimeout)), late, "", "ERROR"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			var g *Gateway
			g, address := serve(t, Config{
				NewConnectionID: func() string { return "fox" }, Log: slog.New(slog.NewTextHandler(&log, nil)), Invoke: echo(&g),
				Selection: Selection{parts: []selectionPart{{path: []string{"action"}}}},
				Routes:    map[string]Route{"$default": {}, "try": test.route},
			})
			c := connect(t, address)
			c.send(frame(text, `{"action":"try"}`))
			switch {
			case test.frame != "":
				c.wantMessage(test.frame)
			case test.body != "":
				c.want(text, test.body)
			}
			c.send(frame(text, "still here"))
			c.want(text, "still here")
			if lines := log.String(); strings.Count(lines, "\n") != min(1, len(test.log)) || !strings.Contains(lines, test.log) {
				t.Errorf("the log says:\n%s", lines)
			}
		})
	}
}

// TestFidelityDisconnectStatus checks that an error status of $disconnect is
// logged: no client gets it.
func TestFidelityDisconnectStatus(t *testing.T) {
	var log bytes.Buffer
	g, address := serve(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Invoke: func(_ context.Context, e event) (response, error) {
		return response{StatusCode: map[string]int{"CONNECT": 200, "DISCONNECT": 404}[e.RequestContext.EventType]}, nil
	}})
	connect(t, address)
	if err := g.Shutdown(t.Context()); err != nil || !strings.Contains(log.String(), "route=$disconnect") || !strings.Contains(log.String(), "status=404") {
		t.Errorf("%v; the log says %s", err, &log)
	}
}
