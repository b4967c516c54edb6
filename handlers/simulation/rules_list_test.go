package simulation

import (
	"cmp"
	"slices"
	"time"
)

// How the rules list lobbies.

// A card is the public part of a lobby.
type card struct {
	ID          string `json:"lobby_id"`
	Players     int
	MaxPlayers  int `json:"max_players"`
	Public      bool
	Locked      bool
	HasPassword bool `json:"has_password"`
	AutoAccept  bool `json:"auto_accept"`
	Topology    string
	OnHostLeave string `json:"on_host_leave"`
	Roster      bool
	HostAway    bool `json:"host_away"`
	Metadata    object
	CreatedAt   time.Time `json:"created_at"`
}

// An object is JSON as a client wrote it.
type object string

func (o *object) UnmarshalJSON(text []byte) error {
	*o = object(text)
	return nil
}

// orEmpty returns an object as receivers get it: one that was left out is
// empty.
func orEmpty(text string) object { return object(cmp.Or(text, "{}")) }

func (r *room) cards() []card {
	c := card{
		ID: r.id, Players: len(r.seats), MaxPlayers: r.max, Public: r.public, Locked: r.locked, HasPassword: r.password != "",
		AutoAccept: r.auto, Topology: "star", OnHostLeave: "close", Metadata: orEmpty(r.metadata), CreatedAt: r.created.Truncate(time.Second),
		Roster: r.roster,
	}
	if r.mesh {
		c.Topology = "mesh"
	}
	if r.migrates {
		c.OnHostLeave = "migrate"
	}
	return []card{c}
}

const (
	duel = `{"mode":"duel"}`
	race = `{"mode":"race","level":3}`
)

// filters are the filters that clients use, and functions that do the same. A
// nil one is no filter.
var filters = []struct {
	text  string
	picks func(card) bool
}{
	{"", func(card) bool { return true }},
	{`{"metadata.mode":"duel"}`, func(c card) bool { return c.Metadata == duel }},
	{`{"metadata.level":{"$exists":false}}`, func(c card) bool { return c.Metadata != race }},
	{`{"free_seats":{"$gte":2}}`, func(c card) bool { return c.MaxPlayers-c.Players >= 2 }},
	{`{"topology":"mesh"}`, func(c card) bool { return c.Topology == "mesh" }},
	{`{"auto_accept":true,"players":{"$lt":3}}`, func(c card) bool { return c.AutoAccept && c.Players < 3 }},
	{`{"has_password":true}`, func(c card) bool { return c.HasPassword }},
	{`{"lobby_id":"fox"}`, nil},
}

// listed returns the listed lobbies that a filter selects, the newest first.
func (m *rules) listed(filter int) (all []*room) {
	for _, r := range m.rooms {
		hostIsThere, full := r.seat(r.host).away.IsZero(), len(r.seats) >= r.max
		if r.public && !r.locked && !full && hostIsThere && filters[filter].picks(r.cards()[0]) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *room) int { return b.created.Compare(a.created) })
	return all
}

func (m *rules) list(conn string, a ask) {
	behind, known := m.cursors[a.cursor]
	if a.cursor != "" && !known || filters[a.filter].picks == nil || a.limit > 100 {
		m.fail(conn, a, "invalid_field")
		return
	}
	page := said{Event: "lobby_list"}
	for _, r := range m.listed(a.filter) {
		switch {
		case known && !r.created.Before(behind): // it is on a previous page
		case len(page.Cards) == cmp.Or(a.limit, 20):
			page.More = true
		default:
			page.Cards = append(page.Cards, r.cards()...)
			page.Cards[len(page.Cards)-1].Roster = false // a list does not show it
		}
	}
	m.reply(conn, a, page)
}
