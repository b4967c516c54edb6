package events_test

import (
	"fmt"
	"strings"
)

// What is wrong in what lobbies say of themselves and are found by.
var (
	noFilter = func(action string) string {
		return badField + `"Make \"filter\" an object of at most 10 conditions on players, max_players, free_seats, has_password, ` +
			`auto_accept, topology or metadata.NAME, each a value or an object of $eq, $ne, $lt, $lte, $gt, $gte, $in and $exists."` +
			`,"action":"` + action + `","field":"filter"}}`
	}
	noLimit = badField + `"Make \"limit\" an integer from 1 to 100.","action":"list_lobbies","field":"limit"}}`
	deep    = tooLarge + `"Nest objects and arrays at most 64 levels deep.","action":`
)

// filters are invalid, each for its own reason.
var filters = map[string]string{
	"an array": `[]`, "a string": `"players"`, "true": `true`,
	"an unknown key": `{"lobby_id":"fox"}`, "a key in capitals": `{"Players":1}`, "an empty key": `{"":1}`,
	"an operator as a key": `{"$or":[]}`, "__proto__": `{"__proto__":{"$exists":true}}`, "metadata itself": `{"metadata":{"$exists":true}}`,
	"no name after metadata": `{"metadata.":{"$exists":true}}`, "an empty name": `{"metadata..a":1}`, "an empty name at the end": `{"metadata.a.":1}`,
	"four names": `{"metadata.a.b.c.d":1}`, "an array as a value": `{"players":[1,2]}`,
	"no operator": `{"players":{}}`, "an unknown operator": `{"players":{"$regex":"(a+)+$"}}`, "a good and a bad operator": `{"players":{"$gt":1,"gt":1}}`,
	"an object to compare with": `{"metadata.a":{"$eq":{"b":1}}}`, "an array to compare with": `{"metadata.a":{"$gt":[1]}}`,
	"$in of no array": `{"players":{"$in":3}}`, "$in of an object": `{"players":{"$in":{"a":1}}}`, "$in of null": `{"players":{"$in":null}}`,
	"$in of arrays": `{"players":{"$in":[[1]]}}`, "$in of 17": `{"players":{"$in":[1` + strings.Repeat(",1", 16) + `]}}`,
	"$exists of a number": `{"metadata.a":{"$exists":1}}`, "$exists of null": `{"metadata.a":{"$exists":null}}`,
	"nested operators": `{"players":{"$not":{"$eq":1}}}`, "a number over a double": `{"players":1e400}`,
	"11 conditions":    `{"metadata.x":1` + conditions(10) + `}`,
	"1 KiB and a byte": `{"metadata.x":"` + strings.Repeat("x", 1<<10+1-len(`{"metadata.x":""}`)) + `"}`,
	"50 levels":        strings.Repeat(`{"metadata.a":`, 50) + `1` + strings.Repeat(`}`, 50),
}

func conditions(n int) (s string) {
	for i := range n {
		s += fmt.Sprintf(`,"metadata.x%d":1`, i)
	}
	return s
}

// say returns a message.
func say(action, content string) string {
	return `{"action":"` + action + `","content":{` + content + `}}`
}

// findMistakes are about what a lobby is found by.
func findMistakes() (all []mistake) {
	add := func(what, send, hear string) { all = append(all, mistake{what, send, hear}) }
	for what, filter := range filters {
		for _, action := range []string{"list_lobbies", "quick_join"} {
			add(action+" by "+what, say(action, `"filter":`+filter), noFilter(action))
		}
	}
	for _, limit := range []string{`0`, `-1`, `101`, `1000000000`, `-9007199254740992`} {
		add("limit "+limit, say("list_lobbies", `"limit":`+limit), noLimit)
	}
	for _, limit := range []string{`"3"`, `1.5`, `1e400`, `[]`, `true`, `9007199254740994`} {
		add("limit "+limit, say("list_lobbies", `"limit":`+limit), badField+`"Make \"limit\" an integer.","action":"list_lobbies","field":"limit"}}`)
	}
	add("cursor is a number", say("list_lobbies", `"cursor":1`), badField+`"Make \"cursor\" a string.","action":"list_lobbies","field":"cursor"}}`)
	return all
}

// wordMistakes are about what is said of a lobby and of a player.
func wordMistakes() (all []mistake) {
	add := func(what, send, hear string) { all = append(all, mistake{what, send, hear}) }
	object := func(action, field, more string) string {
		return badField + `"Make \"` + field + `\" a JSON object.","action":"` + action + `","field":"` + more + field + `"}}`
	}
	large := func(action, field, more, limit string) string {
		return tooLarge + `"Make \"` + field + `\" at most ` + limit + ` bytes long, as JSON.","action":"` + action + `","field":"` + more + field + `"}}`
	}
	long := func(limit int) string { return `{"x":"` + strings.Repeat("x", limit+1-len(`{"x":""}`)) + `"}` }
	for _, wrong := range []string{`[]`, `[{"a":1}]`, `"ice"`, `7`, `true`} {
		add("metadata "+wrong, say("update_lobby", `"metadata":`+wrong), object("update_lobby", "metadata", ""))
		add("metadata "+wrong, say("start_lobby", `"metadata":`+wrong), object("start_lobby", "metadata", ""))
		add("player "+wrong, say("join_lobby", `"lobby_id":"fox","player":`+wrong), object("join_lobby", "player", ""))
		add("player "+wrong, say("quick_join", `"player":`+wrong), object("quick_join", "player", ""))
		add("or_start "+wrong, say("quick_join", `"or_start":`+wrong), object("quick_join", "or_start", ""))
		add("or_start.metadata "+wrong, say("quick_join", `"or_start":{"metadata":`+wrong+`}`), object("quick_join", "metadata", "or_start."))
	}
	add("metadata of 1 KiB and a byte", say("update_lobby", `"metadata":`+long(1<<10)), large("update_lobby", "metadata", "", "1024"))
	add("metadata of 1 KiB and a byte", say("start_lobby", `"metadata":`+long(1<<10)), large("start_lobby", "metadata", "", "1024"))
	add("metadata nested 100 deep", say("update_lobby", `"metadata":`+strings.Repeat(`{"a":`, 100)+`1`+strings.Repeat(`}`, 100)), deep+`"update_lobby"}}`)
	add("metadata with a name twice", say("update_lobby", `"metadata":{"a":1,"\u0061":2}`), nameTwice+`,"action":"update_lobby"}}`)
	for what, player := range map[string]string{
		"257 bytes": long(256), "markup": `{"name":"` + strings.Repeat(`<img src=x onerror=alert(1)>`, 10) + `"}`,
		"direction marks":             `{"name":"` + strings.Repeat("\u202e", 100) + `"}`,
		"10,000 combining characters": `{"name":"a` + strings.Repeat("\u0301", 10000) + `"}`,
	} {
		add("player of "+what, say("join_lobby", `"lobby_id":"fox","player":`+player), large("join_lobby", "player", "", "256"))
		add("or_start.player of "+what, say("quick_join", `"or_start":{"player":`+player+`}`), large("quick_join", "player", "or_start.", "256"))
	}
	for _, action := range []string{"start_lobby", "join_lobby", "update_lobby"} {
		content := ""
		if action == "join_lobby" {
			content = `"lobby_id":"fox",`
		}
		add("an empty password", say(action, content+`"password":""`),
			badField+`"Make \"password\" 1 to 128 bytes long, or leave it out.","action":"`+action+`","field":"password"}}`)
		add("a password of 10,000 characters", say(action, content+`"password":"`+strings.Repeat("p", 10000)+`"`),
			tooLarge+`"Make \"password\" at most 128 bytes long.","action":"`+action+`","field":"password"}}`)
		add("a password of 129 bytes", say(action, content+`"password":"`+strings.Repeat("é", 64)+`p"`),
			tooLarge+`"Make \"password\" at most 128 bytes long.","action":"`+action+`","field":"password"}}`)
		add("a password that is a number", say(action, content+`"password":1234`),
			badField+`"Make \"password\" a string.","action":"`+action+`","field":"password"}}`)
	}
	for _, word := range []string{"", "Mesh", "ring", "migrate"} {
		add("topology "+word, say("start_lobby", `"topology":"`+word+`"`), badField+`"Make \"topology\" star or mesh.","action":"start_lobby","field":"topology"}}`)
	}
	for _, word := range []string{"", "Migrate", "stay", "mesh"} {
		add("on_host_leave "+word, say("start_lobby", `"on_host_leave":"`+word+`"`),
			badField+`"Make \"on_host_leave\" close or migrate.","action":"start_lobby","field":"on_host_leave"}}`)
	}
	add("or_start of a ring", say("quick_join", `"or_start":{"topology":"ring"}`),
		badField+`"Make \"topology\" star or mesh.","action":"quick_join","field":"or_start.topology"}}`)
	return all
}
