package web_test

import (
	"fmt"
	"slices"
	"testing"
)

// TestJoin checks the price of a join on AWS, which bills each message in and
// out: at most 12 messages, with the candidates of both sides. It prints the
// count and the time from join to an open channel, with batching and without,
// and the lobby's share of it.
func TestJoin(t *testing.T) {
	g := startGateway(t)
	for _, batch := range []int{100, 0} {
		host, guest := openTab(t, g, "host", g.url()), openTab(t, g, "guest", g.url())
		host.enter(fmt.Sprintf("bellhop.host({ lobbyId: 'fox-%d', batch: %[1]d })", batch))
		guest.run("await bellhop.connect()", nil)
		const rounds = 20
		times, lobbies, messages := make([]float64, rounds), make([]float64, rounds), make([]int, rounds)
		for i := range rounds {
			for _, tab := range []*tab{host, guest} {
				tab.run("Object.assign(billed, { sent: 0, heard: 0 }); connections.length = 0", nil)
			}
			var took [2]float64
			guest.run(fmt.Sprintf(`
				const start = performance.now();
				globalThis.lobby = await bellhop.join("fox-%d", { batch: %[1]d });
				const joined = performance.now();
				await until(() => lobby.host.state === "open");
				return [joined - start, performance.now() - start]`, batch), &took)
			lobbies[i], times[i] = took[0], took[1]
			for _, tab := range []*tab{host, guest} {
				var n int
				tab.run(`
					await until(() => connections.every(({ iceGatheringState }) => iceGatheringState === "complete"));
					await bellhop.request("ping");
					await bellhop.request("ping");
					return billed.sent + billed.heard - 4`, &n)
				messages[i] += n
			}
			left := host.background("if (lobby.members.length) await next(lobby, 'leave')", nil)
			guest.run("await lobby.leave()", nil)
			left()
		}
		slices.Sort(times)
		slices.Sort(lobbies)
		slices.Sort(messages)
		t.Logf("batch %3d: an open channel %.0f ms after join (p50 of %d; %.0f to %.0f), of which the lobby took %.1f; %d messages billed (%d to %d)",
			batch, times[rounds/2], rounds, times[0], times[rounds-1], lobbies[rounds/2], messages[rounds/2], messages[0], messages[rounds-1])
		if batch > 0 && messages[rounds-1] > 12 {
			t.Errorf("a join is billed as %d messages", messages[rounds-1])
		}
	}
}
