package lobby_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bellhop/lobby"
)

// visit admits a player as peer want, or as the next peer if want is zero, and
// removes the player again.
func visit(l *lobby.Lobby, want int) (int, error) {
	if err := l.Request(lobby.JoinRequest{Conn: "visitor"}); err != nil {
		return 0, err
	}
	m, _, err := l.Accept("host", "visitor", want, "")
	if err != nil {
		l.CancelRequest("visitor")
		return 0, err
	}
	l.Events = nil
	return m.PeerID, l.Leave("visitor")
}

// top is the highest possible peer id: Godot's WebRTC uses signed 32-bit
// numbers.
const top = math.MaxInt32

// TestPeerIDs checks which numbers visitors get in turn, and in how many ranges
// the lobby remembers them. A want of 0 lets the lobby choose.
func TestPeerIDs(t *testing.T) {
	for name, tt := range map[string]struct {
		wants, got []int
		used       [][2]int
	}{
		"nobody came":                     {used: [][2]int{{1, 1}}},
		"each the next, in one range":     {[]int{0, 0, 0}, []int{2, 3, 4}, [][2]int{{1, 4}}},
		"a promise is not made again":     {[]int{40, 0, 30, 0}, []int{40, 41, 30, 43}, [][2]int{{1, 1}, {30, 30}, {40, 41}, {43, 43}}},
		"two ranges meet":                 {[]int{4, 2, 3}, []int{4, 2, 3}, [][2]int{{1, 4}}},
		"below a range":                   {[]int{9, 8, 7}, []int{9, 8, 7}, [][2]int{{1, 1}, {7, 9}}},
		"the top, then from the bottom":   {[]int{top, 0, 0}, []int{top, 2, 3}, [][2]int{{1, 3}, {top, top}}},
		"the top, and the bottom has any": {[]int{top, 3, 2, 5, 0, 0}, []int{top, 3, 2, 5, 4, 6}, [][2]int{{1, 6}, {top, top}}},
		"one below the top":               {[]int{top - 1, 0, 0}, []int{top - 1, top, 2}, [][2]int{{1, 2}, {top - 1, top}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := lobbyOf("blue-fox")
			var got []int
			for _, want := range tt.wants {
				id, err := visit(&l, want)
				wantErr(t, "visit", err, nil)
				got = append(got, id)
			}
			if diff := cmp.Diff(tt.got, got); diff != "" {
				t.Errorf("peer ids (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.used, [][2]int(l.UsedPeerIDs)); diff != "" {
				t.Errorf("used (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPromises checks that each of several waiting players is promised another
// number. The number of a rejected player goes to nobody else, not even once
// the top is used up.
func TestPromises(t *testing.T) {
	for name, tt := range map[string]struct {
		first int // chosen for the first visitor
		want  []int
	}{
		"from the bottom": {2, []int{3, 4, 5}},
		"past the top":    {top, []int{2, 3, 4}},
		"at the top":      {top - 1, []int{top, 2, 3}},
	} {
		l := lobbyOf("blue-fox")
		_, err := visit(&l, tt.first)
		wantErr(t, "visit", err, nil)
		for i, want := range tt.want {
			wantErr(t, "Request", l.Request(lobby.JoinRequest{Conn: fmt.Sprint("guest", i)}), nil)
			if got := l.Waiting[i].PeerID; got != want {
				t.Errorf("%s: guest%d was promised %d, want %d", name, i, got, want)
			}
		}
	}
	l := lobbyOf("blue-fox")
	wantErr(t, "Request", l.Request(lobby.JoinRequest{Conn: "ann"}), nil)
	wantErr(t, "Reject", reject("host", "ann")(&l), nil)
	if id, err := visit(&l, 0); id != 3 || err != nil {
		t.Errorf("after one that was rejected comes %d, %v, want 3", id, err)
	}
}

// drawPeerID draws ids that are near each other, or at the ends, or anywhere.
func drawPeerID() *rapid.Generator[int] {
	return rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(top-10, top), rapid.IntRange(1, top), rapid.Just(0))
}

// TestPeerIDsNeverComeBack checks that no number is given out twice, whatever
// the host chooses. As long as few ranges are remembered, every other number is
// free.
func TestPeerIDsNeverComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, had := lobbyOf("blue-fox"), map[int]bool{lobby.FirstPeerID: true}
		for _, want := range rapid.SliceOfN(drawPeerID(), 1, 100).Draw(t, "wants") {
			id, err := visit(&l, want)
			switch {
			case had[want] && err != lobby.ErrPeerIDTaken:
				t.Fatalf("visit(%d) = %v, and it was taken", want, err)
			case !had[want] && (err != nil || want != 0 && id != want):
				t.Fatalf("visit(%d) = %d, %v, and it was free", want, id, err)
			case err == nil && (had[id] || id > top):
				t.Fatalf("visit(%d) = %d, which is not to be had", want, id)
			case err == nil:
				had[id] = true
			}
			checkRanges(t, &l)
		}
	})
}

// TestManyPeerIDs checks that a host that scatters the numbers cannot make a
// lobby remember too much, and that used numbers stay used.
func TestManyPeerIDs(t *testing.T) {
	l := lobbyOf("blue-fox")
	var had []int
	for i := range 1000 {
		id, err := visit(&l, 2+i*7919%100_003*1000) // far apart, in no order
		if errors.Is(err, lobby.ErrPeerIDTaken) {
			continue // one that was given up to save room
		}
		wantErr(t, "visit", err, nil)
		had = append(had, id)
		checkRanges(t, &l)
	}
	if len(l.UsedPeerIDs) != 256 || len(had) < 500 {
		t.Errorf("%d of 1000 numbers were free, in %d ranges", len(had), len(l.UsedPeerIDs))
	}
	for _, id := range had {
		if _, err := visit(&l, id); err != lobby.ErrPeerIDTaken {
			t.Fatalf("visit(%d) = %v, and it was taken", id, err)
		}
	}
}

// TestNextPeerIDIsFound checks that the lowest free number is found fast
// although nearly all are used. A host that has used up the top and scatters
// numbers must not be able to keep the server counting.
func TestNextPeerIDIsFound(t *testing.T) {
	l := lobbyOf("blue-fox")
	l.UsedPeerIDs, l.LastPeerID = [][2]int{{1, top - 5}, {top, top}}, top
	start := time.Now()
	for _, want := range []int{top - 4, top - 3} {
		if id, err := visit(&l, 0); id != want || err != nil {
			t.Errorf("visit = %d, %v, want %d", id, err, want)
		}
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

// checkRanges checks that the remembered ranges of peer ids are sorted, do
// not touch, and are not too many.
func checkRanges(t rapid.TB, l *lobby.Lobby) {
	t.Helper()
	if len(l.UsedPeerIDs) > 256 || len(l.UsedPeerIDs) == 0 || l.UsedPeerIDs[0][0] != lobby.FirstPeerID {
		t.Fatalf("%d ranges of used peer ids: %v", len(l.UsedPeerIDs), l.UsedPeerIDs)
	}
	for i, r := range l.UsedPeerIDs {
		if r[0] > r[1] || i > 0 && l.UsedPeerIDs[i-1][1]+1 >= r[0] || r[1] > l.LastPeerID {
			t.Fatalf("range %d of used peer ids is wrong: %v", i, l.UsedPeerIDs)
		}
	}
}
