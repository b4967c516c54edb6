package web_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestFrames checks that no call waits forever if API Gateway answers with a
// frame of its own, which names no request. The client sends the action again,
// whether it had arrived or not.
func TestFrames(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host := openTab(t, g, "host", g.url())
	host.run("globalThis.lobby = await bellhop.host({ lobbyId: 'fox', autoAccept: true, public: true, maxPlayers: 64 })", nil)
	for i, frame := range []string{"Too Many Requests", "Internal server error", "Forbidden", "Endpoint request timed out"} {
		for _, arrives := range []bool{false, true} {
			t.Run(fmt.Sprint(frame, " arrives ", arrives), func(t *testing.T) {
				r := newRelay(t, g)
				guest := openTab(t, g, "guest", r.url())
				for _, how := range []string{"join('fox')", "quickJoin({})", fmt.Sprintf("host({ lobbyId: 'owl-%d-%v' })", i, arrives), "list()"} {
					r.answers(fmt.Sprintf(`{"message": %q, "connectionId":"aB3=", "requestId":"cD5="}`, frame), arrives)
					guest.run("globalThis.lobby = await bellhop."+how+"; await lobby.leave?.()", nil)
				}
				var token any
				if guest.run("return bellhop.resumeToken", &token); token != nil {
					t.Errorf("the token %v is left", token)
				}
			})
		}
	}
	host.run("await until(() => lobby.members.length === 0)", nil)
}

// answers replaces the answer to the next action with a frame, and says whether
// the action itself arrives.
func (r *relay) answers(frame string, arrives bool) {
	answered, answers := false, true
	lost := map[string]bool{"lobby_started": true, "request_accepted": true, "lobby_list": true}
	r.does(func(action string) (bool, string) {
		if answered {
			return true, ""
		}
		answered = true
		return arrives, frame
	}, func(event string) bool {
		if !arrives || !answers || !lost[event] {
			return true
		}
		answers = false
		return false
	})
}

// TestFramesForEver checks that an action that never succeeds is rejected in
// the end, and that an action that cannot be repeated is rejected immediately.
func TestFramesForEver(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	r := newRelay(t, g)
	guest := openTab(t, g, "guest", r.url())
	r.does(func(action string) (bool, string) { return false, `{"message": "Too Many Requests"}` }, nil)
	var codes []string
	guest.run(`
		const code = (promise) => promise.then(() => "done", ({ code }) => code);
		return Promise.all([code(bellhop.join("fox")), code(bellhop.request("dance"))])`, &codes)
	if got := strings.Join(codes, " "); got != "rate_limited rate_limited" {
		t.Errorf("they end by %s", got)
	}
}

// TestThrottled checks that players connect although AWS throttles four
// messages in ten.
func TestThrottled(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "-throttle", "0.4", "-seed", "7")
	g.expected = "(apigateway: throttled|event not delivered)"
	host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
	const insist = `
		const insist = async (how) => {
			for (;;) try { return await how(); } catch (error) { if (!["unreachable", "timeout", "rate_limited"].includes(error.code)) throw error; }
		};`
	host.run(insist+"await play(insist(() => bellhop.host({ lobbyId: 'fox', autoAccept: true })))", nil)
	guest.run(insist+"await play(insist(() => bellhop.join('fox')))", nil)
	talk(t, host, guest)
}
