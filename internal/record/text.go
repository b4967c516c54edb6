package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// recordedFrom is the start of a conversation's clock.
var recordedFrom = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// recordedGrace is the grace in a conversation.
const recordedGrace = 60 * time.Second

// nameOf returns a connection's name, and names it if it has none.
func (r *recorder) nameOf(id string) string {
	if r.names[id] == "" {
		r.names[id] = fmt.Sprintf("client%d", len(r.names)+1)
	}
	return r.names[id]
}

var (
	lobbyID   = regexp.MustCompile(`"lobby_id":\s*"([^"]*)"`)
	madeID    = regexp.MustCompile(`"event":"lobby_started","content":{"lobby_id":"([^"]*)"`)
	token     = regexp.MustCompile(`"resume_token":"([^"]+)"`)
	reference = regexp.MustCompile(`"reference":"[^"]+"`)
	moment    = regexp.MustCompile(`"(created_at|resume_until)":"([^"]+)"`)
)

// said returns a client's message for the file: in one line, with names in
// place of ids and tokens.
func (r *recorder) said(text string) string {
	for _, m := range lobbyID.FindAllStringSubmatch(text, -1) {
		r.chosen[m[1]] = true
	}
	if strings.ContainsAny(text, "\r\n") {
		var line bytes.Buffer
		if json.Compact(&line, []byte(text)) == nil {
			text = line.String()
		}
	}
	return r.named(text)
}

// heard returns an event for the file.
func (r *recorder) heard(name, text string) string {
	if m := madeID.FindStringSubmatch(text); m != nil && !r.chosen[m[1]] && r.step != nil {
		r.step.before = append(r.step.before, "lobby id "+m[1])
		r.chosen[m[1]] = true
	}
	if m := token.FindStringSubmatch(text); m != nil {
		text = strings.Replace(text, m[1], r.standFor(name, m[1]), 1)
	}
	text = moment.ReplaceAllStringFunc(text, r.moment)
	return reference.ReplaceAllString(r.named(text), `"reference":"…"`)
}

// standFor numbers the tokens in an event.
func (r *recorder) standFor(name, token string) string {
	taken := slices.Collect(maps.Values(r.tokens))
	number := 1
	for slices.Contains(taken, fmt.Sprintf("token %d of %s", number, name)) {
		number++
	}
	r.tokens[token] = fmt.Sprintf("token %d of %s", number, name)
	return r.tokens[token]
}

// named replaces connection ids and tokens with names.
func (r *recorder) named(text string) string {
	for _, all := range []map[string]string{r.names, r.tokens} {
		for made, name := range all {
			text = strings.ReplaceAll(text, made, name)
		}
	}
	return text
}

// moment replaces a time with one of the conversation's clock: that of a step,
// or the end of a grace that began then.
func (r *recorder) moment(member string) string {
	m := moment.FindStringSubmatch(member)
	at, err := time.Parse(time.RFC3339, m[2])
	if err != nil {
		return member
	}
	after := map[string]time.Duration{"created_at": 0, "resume_until": recordedGrace}[m[1]]
	for _, passed := range slices.Backward(r.moments) {
		if late := at.Sub(r.started.Add(passed + after)); -time.Second < late && late < 3*time.Second {
			return fmt.Sprintf(`"%s":"%s"`, m[1], recordedFrom.Add(passed+after).Format(time.RFC3339))
		}
	}
	return member
}
