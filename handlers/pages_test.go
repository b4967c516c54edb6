package handlers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bellhop/events"
	"bellhop/handlers/handlerstest"
	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/dynamodbtest"
)

// A walk is a client that reads the pages of a list while lobbies come and go.
type walk struct {
	lobbies []int // initial lobbies, and
	between []int // changes between two pages, as numbers whose remainders say what changes
	filter  []int // conditions
	limit   int
	each    int // number of changes between two pages
}

var walks = rapid.Custom(func(t *rapid.T) walk {
	some := func(name string, bits int) (all []int) {
		for range handlerstest.Uniform(t, "number of "+name, bits) {
			all = append(all, handlerstest.Uniform(t, name, 20))
		}
		return all
	}
	return walk{some("lobbies", 7), some("between", 6), some("filter", 2),
		rapid.SampledFrom([]int{1, 5, 20, 100, 100, 100}).Draw(t, "limit"), handlerstest.Uniform(t, "each", 3)}
})

// conditions of filters, and the same as Go functions.
var conditions = []struct {
	text  string
	holds func(l *lobby.Lobby) bool
}{
	{`"players":{"$gte":2}`, func(l *lobby.Lobby) bool { return len(l.Members) >= 2 }},
	{`"max_players":{"$in":[4,8,"8"]}`, func(l *lobby.Lobby) bool { return l.MaxPlayers == 4 || l.MaxPlayers == 8 }},
	{`"free_seats":{"$gt":1,"$lt":6}`, func(l *lobby.Lobby) bool { n := l.MaxPlayers - len(l.Members); return n > 1 && n < 6 }},
	{`"has_password":false`, func(l *lobby.Lobby) bool { return l.Password == "" }},
	{`"auto_accept":{"$ne":false}`, func(l *lobby.Lobby) bool { return l.AutoAccept }},
	{`"topology":"mesh"`, func(l *lobby.Lobby) bool { return l.Mesh }},
	{`"metadata.level":{"$lte":2}`, func(l *lobby.Lobby) bool { return l.Metadata != "" && l.MaxPlayers%4 <= 2 }},
	{`"metadata.mods.fog":{"$exists":false}`, func(l *lobby.Lobby) bool { return l.Metadata == "" }},
}

// TestPages checks that the pages of list_lobbies together have every lobby
// that stays: none twice, none missing, the newest first. A page is short only
// at the end of the list, if an event can hold no more, or by a filter.
func TestPages(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { newWalker(handlerstest.New()).goes(t, walks.Draw(t, "walk")) })
	})
	t.Run("dynamodb", func(t *testing.T) {
		endpoint := dynamodbtest.Start(t)
		for seed := range 4 {
			w := handlerstest.New()
			w.Config.Store = dynamodbtest.Open(t, endpoint, w.Clock.Now)
			newWalker(w).goes(t, walks.Example(seed))
		}
	})
}

// A walker knows all lobbies.
type walker struct {
	*handlerstest.World
	ids []string // of all that ever were
}

func newWalker(w *handlerstest.World) *walker {
	w.Config.Burst = 1e9
	w.Restart()
	return &walker{World: w}
}

func (w *walker) goes(t rapid.TB, plan walk) {
	w.Connect("walker", map[string]string{"game": "chess"})
	for _, n := range plan.lobbies {
		w.starts(t, n)
	}
	var filter []string
	picks := func(l *lobby.Lobby) bool { return true }
	for i := range conditions {
		if !slices.ContainsFunc(plan.filter, func(n int) bool { return n%len(conditions) == i }) {
			continue
		}
		filter = append(filter, conditions[i].text)
		before := picks
		picks = func(l *lobby.Lobby) bool { return before(l) && conditions[i].holds(l) }
	}
	stayed := w.scan(t, picks)
	shown, cursor := []string{}, ""
	for page := 0; page == 0 || cursor != ""; page++ {
		var listed []string
		listed, cursor = w.page(t, plan.limit, strings.Join(filter, ","), cursor)
		shown = append(shown, listed...)
		now := w.scan(t, picks)
		for _, id := range listed {
			if !slices.Contains(now, id) {
				t.Fatalf("page %d shows %s, which is not to be", page, id)
			}
		}
		if cursor == "" {
			break
		}
		for range min(plan.each, len(plan.between)) {
			w.happens(t, plan.between[0])
			plan.between = plan.between[1:]
			now := w.scan(t, picks)
			stayed = slices.DeleteFunc(stayed, func(id string) bool { return !slices.Contains(now, id) })
		}
	}
	seen := map[string]bool{}
	for _, id := range shown {
		if seen[id] {
			t.Fatalf("%s is listed twice in %q", id, shown)
		}
		seen[id] = true
	}
	order := slices.DeleteFunc(slices.Clone(shown), func(id string) bool { return !slices.Contains(stayed, id) })
	if !slices.Equal(order, stayed) {
		t.Fatalf("filter %q: listed of those that stayed\n%q, want\n%q", filter, order, stayed)
	}
}

// page returns the ids on the page at cursor, and the next cursor.
func (w *walker) page(t rapid.TB, limit int, filter, cursor string) (ids []string, next string) {
	w.Invoke("walker", "$default", fmt.Sprintf(`{"action":"list_lobbies","content":{"limit":%d,"filter":{%s},"cursor":%q}}`,
		limit, filter, cursor), "", nil)
	heard := w.Heard()["walker"]
	if len(heard) != 1 || !strings.Contains(heard[0], `"lobby_list"`) || len(heard[0]) > events.MaxEvent {
		t.Fatalf("at cursor %q: %.300q", cursor, heard)
	}
	var list struct {
		Content struct {
			Lobbies []struct {
				LobbyID string `json:"lobby_id"`
			}
			Cursor string
		}
	}
	if err := json.Unmarshal([]byte(heard[0]), &list); err != nil {
		t.Fatal(err)
	}
	for _, l := range list.Content.Lobbies {
		ids = append(ids, l.LobbyID)
	}
	if list.Content.Cursor != "" && len(ids) < limit && len(heard[0]) < events.MaxEvent-3<<10 && filter == "" {
		t.Fatalf("a page of %d lobbies in %d bytes is short", len(ids), len(heard[0]))
	}
	return ids, list.Content.Cursor
}

// starts adds a lobby, with up to 1 KiB of metadata.
func (w *walker) starts(t rapid.TB, n int) {
	if n%3 > 0 {
		w.Clock.Move(time.Duration(n%3) * time.Second)
	}
	id := fmt.Sprint([]string{"a", "B", "c"}[n/3%3], len(w.ids))
	l := lobby.New("chess", id, lobby.Member{Conn: "host of " + id})
	l.CreatedAt, l.ExpiresAt = w.Clock.Now().UnixMicro(), w.Clock.Now().Add(lobby.TTL)
	l.MaxPlayers, l.Public, l.AutoAccept, l.Mesh = 2+n%9, n%10 > 0, n%5 < 3, n%4 < 2
	if n%7 < 2 {
		l.Password = "salt.hash"
	}
	if n%6 < 4 {
		l.Metadata = fmt.Sprintf(`{"level":%d,"mods":{"fog":null},"x":"%s"}`, l.MaxPlayers%4, strings.Repeat("x", n%7*150))
	}
	if err := w.Store.CreateLobby(context.Background(), l); err != nil {
		t.Fatal(err)
	}
	w.ids = append(w.ids, id)
}

// happens opens, closes or changes a lobby.
func (w *walker) happens(t rapid.TB, n int) {
	if n%4 == 0 || len(w.ids) == 0 {
		w.starts(t, n/4)
		return
	}
	key := lobby.KeyOf("chess", w.ids[n/4%len(w.ids)])
	_, err := store.UpdateLobby(context.Background(), w.Store, key, func(l *lobby.Lobby) error {
		switch n / 64 % 6 {
		case 0:
			l.Closed, l.Members = true, nil
		case 1:
			l.Locked = !l.Locked
		case 2:
			l.Public = !l.Public
		case 3:
			if l.Members = l.Members[:1]; n%3 > 0 {
				l.Members = append(l.Members, lobby.Member{Conn: "guest", PeerID: 2})
			}
		case 4:
			if l.Members[0].AwayUntil = (time.Time{}); n%3 > 0 {
				l.Members[0].AwayUntil = w.Clock.Now().Add(time.Hour)
			}
		case 5:
			l.ExpiresAt = w.Clock.Now().Add(time.Second)
		}
		return nil
	})

	if err != nil && err != store.ErrNotFound {
		t.Fatal(err)
	}
}

// scan reads all lobbies, one by one, and returns the ids that the list must
// show, the newest first.
func (w *walker) scan(t rapid.TB, picks func(l *lobby.Lobby) bool) (ids []string) {
	var all []*lobby.Lobby
	for _, id := range w.ids {
		l, err := w.Store.Lobby(context.Background(), lobby.KeyOf("chess", id))
		if err == nil && l.Public && !l.Locked && len(l.Members) < l.MaxPlayers && l.Members[0].AwayUntil.IsZero() && picks(l) {
			all = append(all, l)
		} else if err != nil && err != store.ErrNotFound {
			t.Fatal(err)
		}
	}
	slices.SortFunc(all, func(a, b *lobby.Lobby) int {
		if a.CreatedAt != b.CreatedAt {
			return int(b.CreatedAt - a.CreatedAt)
		}
		return strings.Compare(strings.ToLower(a.ID), strings.ToLower(b.ID))
	})
	for _, l := range all {
		ids = append(ids, l.ID)
	}
	return ids
}
