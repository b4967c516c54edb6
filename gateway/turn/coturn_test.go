package turn_test

import (
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"bellhop/gateway/turn"
	"bellhop/store/dynamodbtest"
)

// TestCoturnClient checks that coturn's own client relays all its packets
// through the server, over UDP and TCP.
func TestCoturnClient(t *testing.T) {
	if _, err := exec.LookPath("turnutils_uclient"); err != nil {
		dynamodbtest.Missing(t, "no turnutils_uclient: run `make tools`, or install coturn")
	}
	for _, network := range []string{"", "-t"} {
		t.Run("with "+network, func(t *testing.T) {
			t.Parallel()
			w := open(t, func(c *turn.Config) { c.Addresses = []netip.Addr{netip.MustParseAddr("127.0.0.1")} })
			with := w.credentials("host")
			args := []string{"-y", "-c", "-m", "2", "-n", "10", "-z", "5", "-u", with.Username, "-w", with.Credential,
				"-p", strconv.Itoa(w.server.Addr().Port), "127.0.0.1"}
			if network != "" {
				args = append([]string{network}, args...)
			}
			out, err := exec.CommandContext(t.Context(), "turnutils_uclient", args...).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "tot_send_msgs=20, tot_recv_msgs=20") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
