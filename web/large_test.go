package web_test

import "testing"

// cameras are streams of a canvas that a tab adds and removes: each time adds a
// part to the description of its connection.
const cameras = `
	globalThis.cameras = async (pc, n) => {
		for (let i = 0; i < n; i++) {
			const sender = pc.addTrack(document.createElement("canvas").captureStream().getVideoTracks()[0]);
			await agreed(pc);
			pc.removeTrack(sender);
			await agreed(pc);
		}
	};
	// Waits until both sides agree on everything.
	globalThis.agreed = async (pc) => {
		const isAgreed = () => pc.signalingState === "stable" && pc.getTransceivers().every((one) =>
			one.currentDirection !== null && (one.direction === one.currentDirection || one.direction === "sendrecv" && one.currentDirection === "sendonly" ||
				one.direction === "recvonly" && one.currentDirection === "inactive"));
		await until(isAgreed);
	};`

// TestCameras checks that connections go on negotiating when their description
// is far larger than Bellhop relays, and that Bellhop relays none of it.
func TestCameras(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host, guest := meet(t, g)
	const descriptions = "return said.filter((action) => action === 'set_session_description').length"
	before := map[*tab]int{}
	for _, tab := range []*tab{host, guest} {
		var n int
		tab.run(descriptions, &n)
		before[tab] = n
	}
	var size int
	guest.run(cameras+`
		const { connection } = lobby.host;
		await cameras(connection, 12);
		return connection.localDescription.sdp.length`, &size)
	if size < 40_000 {
		t.Errorf("the description is %d bytes", size)
	}
	host.run("addEventListener('unhandledrejection', (event) => { throw event.reason }); const [{ connection }] = lobby.members; connection.addTransceiver('video'); await until(() => connection.getTransceivers().at(-1).currentDirection)", nil)
	talk(t, host, guest)
	for _, tab := range []*tab{host, guest} {
		var after int
		if tab.run(descriptions, &after); after != before[tab] {
			t.Errorf("%s had Bellhop relay %d descriptions", tab.name, after-before[tab])
		}
	}
}

// TestTooLarge checks that a description that cannot be sent is one error, and
// that the connection survives. With a peer that lacks the channel for
// descriptions, the relay is the only path.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	var out struct {
		Errors  []string
		Sent    int
		Longest int
		Heard   string
	}
	openTab(t, startGateway(t), "tab", "ws://127.0.0.1:1").run(cameras+`
		const errors = [];
		let longest = 0;
		let sent = 0;
		const relay = (to) => (action, { negotiation_channel, ...content }) => {
			sent++;
			longest = Math.max(longest, JSON.stringify(content).length);
			to().receive(action === "send_ice_candidate" ? "candidates" : "description", content);
		};
		const options = { maxRelayed: 28 << 10, retryEvery: 100 };
		const one = new Peer({ polite: false, offers: true, relay: relay(() => two), ...options });
		const two = new Peer({ polite: true, offers: false, relay: relay(() => one), ...options });
		for (const peer of [one, two]) peer.addEventListener("error", ({ error }) => errors.push(error.code));
		await Promise.all([next(one, "open"), next(two, "open")]);
		one.connection.addTransceiver("video");
		await agreed(one.connection);
		for (let i = 0; i < 12; i++) one.connection.addTransceiver("video");
		await until(() => errors.length);
		const before = sent;
		await new Promise((resolve) => setTimeout(resolve, 3000)); // 30 looks
		const heard = next(two, "message");
		one.send("hello");
		return { errors, sent: sent - before, longest, heard: (await heard).data };`, &out)
	if len(out.Errors) != 1 || out.Errors[0] != "message_too_large" || out.Sent != 0 || out.Longest > 28<<10 || out.Heard != "hello" {
		t.Errorf("the large description leads to %+v", out)
	}
}
