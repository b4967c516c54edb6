package store_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/storetest"
)

// save returns what m saves, with a grace of a minute.
func save(t testing.TB, m *store.Memory) []byte {
	t.Helper()
	data, _, err := m.Save(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestState checks that saved lobbies come back with everybody away, and that
// the time between is not counted.
func TestState(t *testing.T) {
	c := storetest.NewClock()
	m := store.NewMemory(c.Now)
	for _, id := range []string{"fox", "owl"} {
		l := storetest.Busy(id)
		l.Public, l.ExpiresAt = true, c.Now().Add(time.Hour)
		storetest.Create(t, m, l)
	}
	data := save(t, m)
	c.Move(24 * time.Hour)
	again := store.NewMemory(c.Now)
	if n, saved, err := again.Load(data); n != 2 || c.Now().Sub(saved) != 24*time.Hour || err != nil {
		t.Fatalf("%d lobbies of %v are back, %v", n, saved, err)
	}
	l, err := again.Lobby(t.Context(), lobby.KeyOf(storetest.LobbyOf("fox").Game, "fox"))
	storetest.WantErr(t, "Lobby", err, nil)
	if got := fmt.Sprint(l.Host().AwayUntil.Sub(c.Now()), len(l.Members), len(l.Waiting)); got != "1m0s 2 0" { // guest0 cannot resume
		t.Errorf("the host's grace, members and requests are %s", got)
	}
	c.Move(time.Minute)
	storetest.WantNoLobby(t, again, l.Key())
}

// TestStateFormat checks that a file of this version is read, and written again
// as it was. If it fails, an earlier program's file is lost: give the fields of
// a lobby back their names, or raise stateVersion and read both.
func TestStateFormat(t *testing.T) {
	want, err := os.ReadFile("testdata/state.1")
	if err != nil {
		t.Fatal(err)
	}
	c := storetest.NewClock()
	m := store.NewMemory(c.Now)
	if _, _, err := m.Load(want); err != nil {
		t.Fatal(err)
	}
	if got := save(t, m); !bytes.Equal(got, want) {
		t.Errorf("it is written as\n%s\nwant\n%s", got, want)
	}
}

// TestStateRefused checks that nothing is read from a file that is damaged, or
// that a newer version has written.
func TestStateRefused(t *testing.T) {
	good, err := os.ReadFile("testdata/state.1")
	if err != nil {
		t.Fatal(err)
	}
	header, lines, _ := strings.Cut(string(good), "\n")
	for name, test := range map[string]struct{ data, want string }{
		"empty":           {"", "is not a state file"},
		"another file":    {`{"lobbies":1}`, "is not a state file"},
		"half a header":   {header[:40], "is not a state file"},
		"half":            {string(good[:len(good)/2]), "checksum"},
		"changed":         {strings.Replace(string(good), "host", "hast", 1), "checksum"},
		"newer":           {strings.Replace(string(good), `state":1`, `state":2`, 1), "newer version"},
		"unknown field":   {withSum(strings.Replace(lines, "{", `{"New":1,`, 1)), "unknown field"},
		"half a lobby":    {withSum(lines[:len(lines)/2]), "unexpected EOF"},
		"the same twice":  {withSum(lines + lines), "no Bellhop"},
		"no host":         {withSum(`{"ID":"fox"}`), "no Bellhop"},
		"a connected one": {withSum(`{"Members":[{"Conn":"a","PeerID":1}],"HostPeerID":1}`), "no Bellhop"},
	} {
		m := store.NewMemory(storetest.NewClock().Now)
		_, _, err := m.Load([]byte(test.data))
		if n, _ := m.Len(); err == nil || n != 0 || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %d lobbies are read, %v; want %q", name, n, err, test.want)
		}
	}
}

// withSum returns a state file with a right checksum.
func withSum(lines string) string {
	return fmt.Sprintf(`{"bellhop_state":1,"written":"2030-01-02T03:04:05Z","sha256":"%x"}`+"\n%s", sha256.Sum256([]byte(lines)), lines)
}

// FuzzState checks that no file breaks the reader, whatever its checksum says,
// and that a lobby that is read can be listed, resumed into and saved again.
func FuzzState(f *testing.F) {
	good, err := os.ReadFile("testdata/state.1")
	if err != nil {
		f.Fatal(err)
	}
	_, lines, _ := strings.Cut(string(good), "\n")
	f.Add(lines)
	f.Fuzz(func(t *testing.T, lines string) {
		m := store.NewMemory(storetest.NewClock().Now)
		if _, _, err := m.Load([]byte(lines)); err == nil && !strings.Contains(lines, `"sha256":"`) {
			t.Fatalf("without a checksum %q is read", lines)
		}
		if _, _, err := m.Load([]byte(withSum(lines))); err != nil {
			return
		}
		for l := range m.Lobbies() {
			if _, err := store.UpdateLobby(t.Context(), m, l.Key(), func(l *lobby.Lobby) error {
				_, err := l.Resume(l.HostPeerID, l.Host().Token, lobby.JoinRequest{Conn: "again", PlayerID: l.Host().PlayerID})
				return err
			}); err != nil && l.Host().Token != "" && !l.Has("again") {
				t.Errorf("the host of %+v cannot resume: %v", l, err)
			}
			for _, o := range lobby.Orders {
				if _, _, err := m.List(t.Context(), l.Game, o, "", 10); err != nil {
					t.Error(err)
				}
			}
		}
		again := store.NewMemory(storetest.NewClock().Now)
		if _, _, err := again.Load(save(t, m)); err != nil {
			t.Errorf("what was read is saved so that it cannot be: %v", err)
		}
	})
}
