package events

import "testing"

// FuzzFilter checks that any filter is either accepted, within the limits, or
// refused with a sentence. An accepted filter matches a lobby, whatever its
// metadata, only if each of its conditions alone does.
func FuzzFilter(f *testing.F) {
	for _, filter := range []string{
		`{}`, `{"players":2}`, `{"free_seats":{"$gte":1,"$lt":4}}`, `{"has_password":false,"topology":"mesh"}`, `{"auto_accept":{"$ne":true}}`,
		`{"metadata.map":{"$in":["ice",1,null,true]},"max_players":{"$gt":-1.5e3}}`, `{"metadata.mods.fog.on":{"$exists":false}}`,
		`{"metadata.a":{"$eq":null,"$lte":"z"}}`, `{"metadata.":0,"metadata..":0}`, `{"players":{"$in":[]}}`, `{"metadata.__proto__":{"$exists":true}}`,
		`null`, `[]`, `{"players":{"$in":[[]]}}`, `{"players":1e999}`, `{"players":{"$gt":{}}}`, `{"metadata.a.b.c.d":1}`,
	} {
		for _, metadata := range []string{``, `{"map":"ice","mods":{"fog":{"on":1}}}`, `{"a":null,"":{"":0},"__proto__":[]}`} {
			f.Add(filter, metadata)
		}
	}
	f.Fuzz(func(t *testing.T, text, metadata string) {
		var m, of Message
		if m.Decode(`{"action":"list_lobbies","content":{"filter":`+text+`}}`) != nil {
			return
		}
		var c ListLobbies
		if err := m.Content.Read(&c); err != nil {
			isRefusal(t, err, InvalidField)
			return
		}
		lobbies := []Lobby{{}, {Players: 2, MaxPlayers: 8, HasPassword: true, AutoAccept: true, Topology: "mesh"}}
		var start StartLobby
		if of.Decode(`{"action":"start_lobby","content":{"metadata":`+metadata+`}}`) == nil && of.Content.Read(&start) == nil {
			lobbies = append(lobbies, Lobby{Metadata: Object(start.Metadata)})
		}
		if value, _ := m.Content.find("filter"); len(value) > maxFilter || len(c.Filter.conditions) > maxConditions {
			t.Fatalf("%d bytes with %d conditions are taken", len(value), len(c.Filter.conditions))
		}
		for _, l := range lobbies {
			all := true
			for _, c := range c.Filter.conditions {
				for _, one := range c.tests {
					all = all && Filter{[]condition{{c.key, c.path, []test{one}}}}.Matches(l)
				}
			}
			if all != c.Filter.Matches(l) {
				t.Errorf("%s of %+v: %v, and its conditions one by one %v", text, l, !all, all)
			}
		}
	})
}

// TestOrdering checks that only numbers and only strings compare as less or
// greater. Values of different types, and values without an order, are never
// less or greater.
func TestOrdering(t *testing.T) {
	for _, tt := range []struct {
		filter string
		want   bool
	}{
		{`{"metadata.level":{"$gte":7}}`, true}, {`{"metadata.level":{"$lt":7.5}}`, true}, {`{"metadata.level":{"$gt":7}}`, false},
		{`{"metadata.map":{"$lte":"ice"}}`, true}, {`{"metadata.map":{"$gt":"iCe"}}`, true}, {`{"metadata.map":{"$gt":""}}`, true},
		{`{"metadata.on":{"$lte":true}}`, false}, {`{"metadata.on":{"$gte":true}}`, false}, {`{"metadata.on":{"$gt":false}}`, false},
		{`{"metadata.none":{"$lte":null}}`, false}, {`{"metadata.none":{"$gte":null}}`, false}, {`{"has_password":{"$lte":false}}`, false},
		{`{"metadata.level":{"$lt":"8"}}`, false}, {`{"metadata.map":{"$gt":0}}`, false}, {`{"metadata.list":{"$lt":2}}`, false},
		{`{"metadata.missing":{"$lt":2}}`, false}, {`{"metadata.on":{"$eq":true},"metadata.none":{"$in":[null]}}`, true},
		{`{"metadata.on":{"$ne":false}}`, true}, {`{"metadata.on":{"$ne":true}}`, false}, {`{"topology":{"$gte":"star"}}`, true},
	} {
		var c ListLobbies
		if err := decodeContent(t, `{"filter":`+tt.filter+`}`, &c); err != nil {
			t.Fatalf("%s: %v", tt.filter, err)
		}
		l := Lobby{Topology: "star", Metadata: `{"level":7,"map":"ice","on":true,"none":null,"list":[1]}`}
		if got := c.Filter.Matches(l); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.filter, got, tt.want)
		}
	}
}
