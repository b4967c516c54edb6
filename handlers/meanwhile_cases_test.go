package handlers_test

import (
	"strings"
	"time"

	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
)

// The cases of TestMeanwhile.
const (
	join   = `{"action":"join_lobby","content":{"lobby_id":"hen"},"request_id":"J"}`
	accept = `{"action":"accept_request","request_id":"A"}`
	reject = `{"action":"reject_join_request","content":{"connection_id":"ann"},"request_id":"X"}`
	leave  = `{"action":"leave_lobby","request_id":"L"}`
	toBob  = `{"action":"set_host","content":{"connection_id":"bob"},"request_id":"H"}`
)

// meanwhiles are events that happen while another event is on its way.
var meanwhiles = map[string]struct {
	dialect   string // of the host
	auto      bool   // all requests are accepted
	migrates  bool
	mesh      bool
	roster    bool
	bob       bool // a member of the lobby too
	by, says  string
	to, event string // while this event is on its way to them
	then      func(w *handlerstest.World) error
	want      map[string][]string // each client's events, with their request_id
	in        []string            // members of the lobby afterwards
	elsewhere bool                // ann is in another
}{
	"the host of an original lobby drops while asked": {
		dialect: "original", by: "ann", says: join, to: "host", event: "received_join_request",
		then: func(w *handlerstest.World) error { w.Drop("host"); return nil },
		want: map[string][]string{"ann": {"request_rejected lobby_closed J"}},
	},
	"the host leaves and drops while asked": {
		by: "ann", says: join, to: "host", event: "request_to_join",
		then: func(w *handlerstest.World) error { w.Say("host", leave); w.Drop("host"); return nil },
		want: map[string][]string{"ann": {"request_rejected lobby_closed J"}},
	},
	"the host drops while asked": {
		by: "ann", says: join, to: "host", event: "request_to_join",
		then: func(w *handlerstest.World) error { w.Drop("host"); return nil },
		want: map[string][]string{"ann": {"request_rejected host_unavailable J"}}, in: []string{"host"},
	},
	"the host accepts, and being asked gets no answer": {
		by: "ann", says: join, to: "host", event: "request_to_join",
		then: func(w *handlerstest.World) error { w.Say("host", accept); return errLost },
		want: map[string][]string{"ann": {"request_accepted J"}, "host": {"done A"}}, in: []string{"host", "ann"},
	},
	"the host rejects, and is too busy to be asked": {
		by: "ann", says: join, to: "host", event: "request_to_join",
		then: func(w *handlerstest.World) error { w.Say("host", reject); return handlers.ErrBusy },
		want: map[string][]string{"ann": {"request_rejected rejected_by_host J"}, "host": {"done X"}}, in: []string{"host"},
	},
	"the host resumes elsewhere while asked": {
		by: "ann", says: join, to: "host", event: "request_to_join",
		then: func(w *handlerstest.World) error { resumeHost(w); return handlers.ErrGone },
		want: map[string][]string{"host": {"replaced"}, "again": {"resumed", "request_to_join"}}, in: []string{"ann"},
	},
	"the host resumes elsewhere while it accepts one who is too busy to be told": {
		by: "host", says: accept, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error { resumeHost(w); return handlers.ErrBusy },
		want: map[string][]string{
			"host": {"replaced"}, "again": {"resumed", "peer_left", "request_to_join"}, "ann": {"peer_resumed"},
		}, in: []string{"ann"},
	},
	"the host is gone when it is to hear of one let in": {
		auto: true, by: "ann", says: join, to: "host", event: "peer_joined",
		then: func(*handlerstest.World) error { return handlers.ErrGone },
		want: map[string][]string{"ann": {"request_rejected host_unavailable J"}}, in: []string{"host"},
	},
	"one let in leaves while told": {
		auto: true, by: "ann", says: join, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error { w.Say("ann", leave); return nil },
		want: map[string][]string{"ann": {"lobby_left L", "request_accepted J"}, "host": {"peer_joined", "peer_left"}}, in: []string{"host"},
	},
	"the joiner drops while accepted": {
		by: "host", says: accept, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error { w.Drop("ann"); return nil },
		want: map[string][]string{"host": {"peer_disconnected", "peer_left", "error request_not_found A"}}, in: []string{"host"},
	},
	"the joiner leaves while accepted, and is too busy to be told": {
		by: "host", says: accept, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error { w.Say("ann", leave); return handlers.ErrBusy },
		want: map[string][]string{"ann": {"lobby_left L", "error not_in_lobby J"}, "host": {"peer_left", "error rate_limited A"}}, in: []string{"host"},
	},
	"the joiner is too busy to be told that it is accepted": {
		by: "host", says: accept, to: "ann", event: "request_accepted",
		then: func(*handlerstest.World) error { return handlers.ErrBusy },
		want: map[string][]string{"host": {"error rate_limited A"}}, in: []string{"host", "ann"},
	},
	"the host leaves while it accepts one who is too busy to be told, and is the host by that": {
		migrates: true, by: "host", says: accept, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error { w.Say("host", leave); return handlers.ErrBusy },
		want: map[string][]string{
			"ann": {"peer_left", "host_changed", "request_accepted J"}, "host": {"lobby_left L", "error rate_limited A"},
		}, in: []string{"ann"},
	},
	"the host leaves while it accepts one who is too busy to be told": {
		by: "host", says: accept, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error { w.Say("host", leave); return handlers.ErrBusy },
		want: map[string][]string{
			"ann": {"lobby_closed", "request_rejected lobby_closed J"}, "host": {"lobby_left L", "error rate_limited A"},
		},
	},
	"the host leaves while it rejects one who is too busy to be told": {
		by: "host", says: reject, to: "ann", event: "request_rejected",
		then: func(w *handlerstest.World) error { w.Say("host", leave); return handlers.ErrBusy },
		want: map[string][]string{"ann": {"request_rejected lobby_closed J"}, "host": {"lobby_left L", "error rate_limited X"}},
	},
	"the host drops while it accepts one who is too busy to be told": {
		by: "host", says: accept, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error { w.Drop("host"); return handlers.ErrBusy },
		want: map[string][]string{"ann": {"peer_disconnected", "request_rejected host_unavailable J"}}, in: []string{"host"},
	},
	"a resume is replaced before its answer went out": {
		bob: true, by: "ann", says: `{"action":"resume","content":{"resume_token":"s1.1.hen"},"request_id":"R"}`, to: "bob", event: "peer_resumed",
		then: func(w *handlerstest.World) error { resumeHost(w); return nil },
		want: map[string][]string{"host": {"replaced"}, "ann": {"replaced"}, "again": {"resumed"}, "bob": {"peer_resumed", "peer_resumed"}},
	},
	"the host drops while it rejects one who is too busy to be told": {
		by: "host", says: reject, to: "ann", event: "request_rejected",
		then: func(w *handlerstest.World) error { w.Drop("host"); return handlers.ErrBusy },
		want: map[string][]string{"ann": {"request_rejected host_unavailable J"}}, in: []string{"host"},
	},
	"the host drops while another asks": {
		bob: true, by: "ann", says: join, to: "host", event: "request_to_join",
		then: func(w *handlerstest.World) error {
			w.Connect("cat", nil)
			w.Say("cat", join)
			w.Drop("host")
			return errLost
		},
		want: map[string][]string{
			"ann": {"request_rejected host_unavailable J"}, "cat": {"request_rejected host_unavailable J"}, "bob": {"peer_disconnected"},
		}, in: []string{"host"},
	},
	"another takes the lobby's id while the host rejects one who is too busy to be told": {
		by: "host", says: reject, to: "ann", event: "request_rejected",
		then: func(w *handlerstest.World) error {
			w.Say("host", leave)
			w.Clock.Move(time.Millisecond)
			w.Connect("other", nil)
			w.Say("other", `{"action":"start_lobby","content":{"lobby_id":"hen"},"request_id":"S"}`)
			return handlers.ErrBusy
		},
		want: map[string][]string{
			"ann": {"request_rejected lobby_closed J"}, "host": {"lobby_left L", "error rate_limited X"}, "other": {"lobby_started S"},
		},
	},
	"the joiner goes elsewhere while rejected, and is too busy to be told": {
		by: "host", says: reject, to: "ann", event: "request_rejected",
		then: func(w *handlerstest.World) error {
			w.Say("ann", `{"action":"start_lobby","content":{"lobby_id":"own"},"request_id":"S"}`)
			return handlers.ErrBusy
		},
		want: map[string][]string{"ann": {"lobby_started S", "request_rejected rejected_by_host J"}, "host": {"error rate_limited X"}}, in: []string{"host"}, elsewhere: true,
	},
	"the host resumes elsewhere while it is to hear of one let in": {
		auto: true, by: "ann", says: join, to: "host", event: "peer_joined",
		then: func(w *handlerstest.World) error { w.Drop("host"); resumeHost(w); return nil },
		want: map[string][]string{"again": {"resumed"}, "ann": {"peer_disconnected", "peer_resumed", "request_accepted J"}}, in: []string{"ann"},
	},
	"another connection takes the host's place over while it is to hear of one let in": {
		auto: true, by: "ann", says: join, to: "host", event: "peer_joined",
		then: func(w *handlerstest.World) error { resumeHost(w); return nil },
		want: map[string][]string{"host": {"replaced"}, "again": {"resumed"}, "ann": {"peer_resumed", "request_accepted J"}}, in: []string{"ann"},
	},
	"another becomes the host while the host is to hear of one let in": {
		auto: true, migrates: true, bob: true, by: "ann", says: join, to: "host", event: "peer_joined",
		then: func(w *handlerstest.World) error { w.Say("host", leave); return handlers.ErrGone },
		want: map[string][]string{
			"host": {"lobby_left L"}, "bob": {"peer_left", "host_changed", "peer_joined"},
			"ann": {"peer_left", "host_changed", "request_accepted J"},
		}, in: []string{"ann"},
	},
	"one let in is the host by the time the host is to hear of it": {
		auto: true, migrates: true, by: "ann", says: join, to: "host", event: "peer_joined",
		then: func(w *handlerstest.World) error { w.Say("host", leave); return handlers.ErrGone },
		want: map[string][]string{"host": {"lobby_left L"}, "ann": {"peer_left", "host_changed", "request_accepted J"}}, in: []string{"ann"},
	},
	"the lobby closes while the host is to hear of one let in": {
		auto: true, by: "ann", says: join, to: "host", event: "peer_joined",
		then: func(w *handlerstest.World) error { w.Say("host", leave); return handlers.ErrGone },
		want: map[string][]string{"host": {"lobby_left L"}, "ann": {"lobby_closed", "request_rejected lobby_closed J"}},
	},
	"one let in is removed while the host is to hear of it, and the host drops": {
		auto: true, by: "ann", says: join, to: "host", event: "peer_joined",
		then: func(w *handlerstest.World) error {
			w.Say("host", `{"action":"remove_player","content":{"connection_id":"ann"},"request_id":"X"}`)
			return handlers.ErrGone
		},
		want: map[string][]string{"host": {"peer_left", "done X"}, "ann": {"removed", "error not_in_lobby J"}}, in: []string{"host"},
	},
	"one let into a mesh is gone when told": {
		auto: true, mesh: true, bob: true, by: "ann", says: join, to: "ann", event: "request_accepted",
		then: func(*handlerstest.World) error { return handlers.ErrGone },
		want: map[string][]string{"host": {"peer_joined", "peer_left"}}, in: []string{"host"},
	},
	"one let into a mesh drops while told": {
		auto: true, mesh: true, bob: true, by: "ann", says: join, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error { w.Drop("ann"); return nil },
		want: map[string][]string{"host": {"peer_joined", "peer_disconnected", "peer_left"}, "bob": {"peer_disconnected"}}, in: []string{"host"},
	},
	"another comes into a mesh while one let in is told and gone": {
		auto: true, mesh: true, bob: true, by: "ann", says: join, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error {
			w.Connect("cat", nil)
			w.Say("cat", join)
			w.Lose("ann")
			return nil
		},
		want: map[string][]string{
			"host": {"peer_joined", "peer_joined", "peer_left"}, "bob": {"peer_joined"}, "cat": {"request_accepted J", "peer_left"},
		}, in: []string{"host"},
	},
	"the joiner is gone while accepted into a mesh": {
		mesh: true, bob: true, by: "host", says: accept, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error { w.Drop("ann"); return nil },
		want: map[string][]string{
			"host": {"peer_disconnected", "peer_left", "error request_not_found A"}, "bob": {"peer_disconnected"},
		}, in: []string{"host"},
	},
	"another is made the host while the host accepts one": {
		bob: true, roster: true, by: "host", says: accept, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error { w.Say("host", toBob); return nil },
		want: map[string][]string{
			"host": {"host_changed H", "done A"}, "bob": {"host_changed", "player_joined"}, "ann": {"host_changed", "request_accepted J"},
		}, in: []string{"host", "ann"},
	},
	"another is made the host while the host accepts one who is too busy to be told": {
		bob: true, roster: true, by: "host", says: accept, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error { w.Say("host", toBob); return handlers.ErrBusy },
		want: map[string][]string{
			"host": {"host_changed H", "error rate_limited A"}, "bob": {"host_changed", "peer_left", "request_to_join"}, "ann": {"host_changed"},
		}, in: []string{"host", "ann"},
	},
	"another is made the host, and drops, while the host accepts one who is too busy to be told": {
		bob: true, by: "host", says: accept, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error { w.Say("host", toBob); w.Drop("bob"); return handlers.ErrBusy },
		want: map[string][]string{
			"host": {"host_changed H", "peer_disconnected", "error rate_limited A"},
			"ann":  {"host_changed", "peer_disconnected", "request_rejected host_unavailable J"},
		}, in: []string{"host"},
	},
	"the one who is accepted is made the host, and is too busy to be told that it is in": {
		by: "host", says: accept, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error {
			w.Say("host", strings.Replace(toBob, "bob", "ann", 1))
			return handlers.ErrBusy
		},
		want: map[string][]string{
			"host": {"host_changed H", "error rate_limited A"}, "ann": {"host_changed", "request_accepted J"},
		}, in: []string{"host", "ann"},
	},
	"another is made the host while the host rejects one who is too busy to be told": {
		bob: true, by: "host", says: reject, to: "ann", event: "request_rejected",
		then: func(w *handlerstest.World) error { w.Say("host", toBob); return handlers.ErrBusy },
		want: map[string][]string{
			"host": {"host_changed H", "error rate_limited X"}, "bob": {"host_changed", "request_to_join"},
		}, in: []string{"host", "ann"},
	},
	"another is made the host while the host is to hear of one let in": {
		auto: true, bob: true, by: "ann", says: join, to: "host", event: "peer_joined",
		then: func(w *handlerstest.World) error { w.Say("host", toBob); return nil },
		want: map[string][]string{
			"host": {"host_changed H", "peer_joined"}, "bob": {"host_changed"}, "ann": {"host_changed", "request_accepted J"},
		}, in: []string{"host", "ann"},
	},
	"another is made the host while the host is asked": {
		bob: true, by: "ann", says: join, to: "host", event: "request_to_join",
		then: func(w *handlerstest.World) error { w.Say("host", toBob); return nil },
		want: map[string][]string{
			"host": {"host_changed H", "request_to_join"}, "bob": {"host_changed", "request_to_join"},
		}, in: []string{"host", "ann"},
	},
	"another is made the host, and the former one drops while asked": {
		bob: true, by: "ann", says: join, to: "host", event: "request_to_join",
		then: func(w *handlerstest.World) error { w.Say("host", toBob); w.Drop("host"); return nil },
		want: map[string][]string{"bob": {"host_changed", "request_to_join", "peer_disconnected"}}, in: []string{"host", "ann"},
	},
	"the new host drops while the former one is told of it": {
		bob: true, by: "host", says: toBob, to: "host", event: "host_changed",
		then: func(w *handlerstest.World) error { w.Drop("bob"); return nil },
		want: map[string][]string{
			"host": {"peer_disconnected", "host_changed H"}, "ann": {"request_rejected host_unavailable J"},
		}, in: []string{"host"},
	},
	"the lobby closes while it is asked by one who would start it": {
		by: "ann", says: `{"action":"join_lobby","content":{"lobby_id":"hen","or_start":{}},"request_id":"J"}`, to: "host", event: "request_to_join",
		then: func(w *handlerstest.World) error { w.Say("host", leave); return nil },
		want: map[string][]string{"ann": {"request_rejected lobby_closed J"}, "host": {"lobby_left L", "request_to_join"}},
	},
	"the host removes one whom it accepts, and who is too busy to be told": {
		by: "host", says: accept, to: "ann", event: "request_accepted",
		then: func(w *handlerstest.World) error {
			w.Say("host", `{"action":"remove_player","content":{"connection_id":"ann"},"request_id":"X"}`)
			return handlers.ErrBusy
		},
		want: map[string][]string{"host": {"peer_left", "done X", "error rate_limited A"}, "ann": {"removed", "error not_in_lobby J"}}, in: []string{"host"},
	},
}
