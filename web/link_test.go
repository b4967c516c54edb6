package web_test

import "testing"

// TestReportsLinks checks that the player who comes later reports what became
// of its link, once, and nobody else; and that an option turns it off.
func TestReportsLinks(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	host := openTab(t, g, "host", g.url())
	const reports = `
		globalThis.reports = [];
		bellhop.addEventListener("wire", ({ sent, message: { action, content } }) => sent && action === "report_link" && reports.push(content));`
	host.run(reports+"globalThis.lobby = await bellhop.host({ lobbyId: 'fox', autoAccept: true })", nil)
	for _, test := range []struct{ name, options, event, want string }{
		{"direct", "", "open", "direct"},
		{"failed", "rtc: { iceTransportPolicy: 'relay' }", "failed", "failed"},
		{"silent", "reportLinks: false", "open", ""},
	} {
		guest := openTab(t, g, test.name, g.url())
		var got string
		guest.run(reports+`
			globalThis.lobby = await bellhop.join("fox", { `+test.options+` });
			const peer = lobby.host;
			if (peer.state !== "`+test.event+`") await next(lobby, "`+test.event+`");
			if ("`+test.want+`") await until(() => reports.length > 0);
			peer.dispatchEvent(new Event("open")); // a second time changes nothing
			await bellhop.request("ping"); // whatever was sent before has arrived
			const whole = reports.every(({ connection_id, ms }) => connection_id === peer.connectionId && Number.isInteger(ms) && ms > 0 && ms < 60_000);
			return whole ? reports.map(({ outcome }) => outcome).join() : JSON.stringify(reports)`, &got)
		if got != test.want {
			t.Errorf("%s: the guest reports %q", test.name, got)
		}
	}
	var n int
	if host.run("return reports.length", &n); n != 0 {
		t.Errorf("the host reports %d links", n)
	}
}
