package events

import (
	"math"
	"strconv"
	"strings"
)

// Content is the "content" of an action: its members, as written.
type Content struct {
	text   string // the whole object, or empty if there was none
	fields []field
}

// A field is one member of an object.
type field struct {
	name  string // key, unquoted
	key   string // the JSON string before the colon
	value string // the JSON after it
}

// find returns the value of the first of names that is present and not null.
func (c *Content) find(names ...string) (value string, ok bool) {
	for _, name := range names {
		for i := range c.fields {
			if c.fields[i].name == name && c.fields[i].value != "null" {
				return c.fields[i].value, true
			}
		}
	}
	return "", false
}

// ConnectionID returns the connection id that the action names, as written, or
// "".
func (c *Content) ConnectionID() string {
	f := fields{content: c}
	return f.connectionID("connection_id", "player_connection_id")
}

// findAny is find for a field in which null is a value.
func (c *Content) findAny(name string) (value string, ok bool) {
	if c.isNull(name) {
		return "null", true
	}
	return c.find(name)
}

// isNull reports whether name is present and null.
func (c *Content) isNull(name string) bool {
	for i := range c.fields {
		if c.fields[i].name == name {
			return c.fields[i].value == "null"
		}
	}
	return false
}

// A Readable is the content of an action. It knows which fields to read.
type Readable interface{ read(f *fields) }

// Read fills r from c. It returns an *Error with MissingField, InvalidField or
// MessageTooLarge, which names the field.
func (c *Content) Read(r Readable) error {
	f := fields{content: c}
	if r.read(&f); f.err != nil {
		return f.err
	}
	return nil
}

// fields reads typed values from a Content. It keeps the first error, so its
// callers need not check each value. A field can have several names, since the
// original dialect has its own; errors use the first. null counts as missing.
type fields struct {
	content *Content
	err     *Error
}

func (f *fields) fail(code Code, name, message string) {
	if f.err == nil {
		f.err = &Error{Code: code, Field: name, Message: message}
	}
}

// text returns a string of at most limit bytes, and whether it is present.
func (f *fields) text(limit int, names ...string) (s string, ok bool) {
	value, ok := f.content.find(names...)
	if !ok {
		return "", false
	}
	if value[0] != '"' {
		f.fail(InvalidField, names[0], "Make \""+names[0]+"\" a string.")
		return "", true
	}
	if s = unquote(value); len(s) > limit {
		f.fail(MessageTooLarge, names[0], "Make \""+names[0]+"\" at most "+strconv.Itoa(limit)+" bytes long.")
	}
	return s, true
}

// need reports which of names are missing.
func (f *fields) need(names ...string) {
	for _, name := range names {
		if _, ok := f.content.find(name); !ok {
			f.fail(MissingField, name, "Add \""+name+"\" to \"content\".")
		}
	}
}

// connectionID returns the id of another connection, or "" if it is missing.
// API Gateway's ids have 16 characters and are opaque.
func (f *fields) connectionID(names ...string) string {
	id, ok := f.text(math.MaxInt, names...)
	if ok && (id == "" || len(id) > 128) {
		f.fail(InvalidField, names[0], "Make \""+names[0]+"\" an id that an event has named.")
	}
	return id
}

// lobbyID returns an id in the alphabet of lobby ids, or "" if there is none.
func (f *fields) lobbyID(name string) string {
	id, _ := f.text(math.MaxInt, name)
	if id != "" && !IsLobbyID(id) {
		f.fail(InvalidField, name, "Make \"lobby_id\" 1 to 64 of the characters A-Z a-z 0-9 _ and -.")
	}
	return id
}

// joinID returns the id of a lobby that exists.
func (f *fields) joinID() string {
	f.need("lobby_id")
	id := f.lobbyID("lobby_id")
	if id == "" {
		f.fail(InvalidField, "lobby_id", "Make \"lobby_id\" the id that the host has been given.")
	}
	return id
}

// peerID returns an integer from 2 to 2147483647, or 0 if there is none. It may
// be written 2.0 or 2e0, as Godot does.
func (f *fields) peerID(names ...string) int {
	n, ok := f.integer(names...)
	if ok && (n < 2 || n > math.MaxInt32) {
		f.fail(InvalidField, names[0], "Make \""+names[0]+"\" an integer from 2 to 2147483647.")
	}
	return int(n)
}

// maxPlayers returns the requested number of slots, 2 to 64, or nil if the
// field is missing.
func (f *fields) maxPlayers() *int {
	n, ok := f.integer("max_players")
	switch {
	case !ok:
		return nil
	case n < 2 || n > 64:
		f.fail(InvalidField, "max_players", "Make \"max_players\" an integer from 2 to 64; the host counts.")
	}
	max := int(n)
	return &max
}

// boolean returns true or false, or nil if the field is missing.
func (f *fields) boolean(name string) *bool {
	value, ok := f.content.find(name)
	if !ok {
		return nil
	}
	yes := value == "true"
	if !yes && value != "false" {
		f.fail(InvalidField, name, "Make \""+name+"\" true or false.")
	}
	return &yes
}

// isTrue is boolean with false as the default.
func (f *fields) isTrue(name string) bool {
	b := f.boolean(name)
	return b != nil && *b
}

// choice returns one of two words, or "" if the field is missing.
func (f *fields) choice(name, one, other string) string {
	word, ok := f.text(math.MaxInt, name)
	if ok && word != one && word != other {
		f.fail(InvalidField, name, "Make \""+name+"\" "+one+" or "+other+".")
	}
	return word
}

// object returns a JSON object as written, or "" if there is none.
func (f *fields) object(name string, limit int) string {
	value, ok := f.content.find(name)
	switch {
	case !ok:
		return ""
	case value[0] != '{':
		f.fail(InvalidField, name, "Make \""+name+"\" a JSON object.")
	case len(value) > limit:
		f.fail(MessageTooLarge, name, "Make \""+name+"\" at most "+strconv.Itoa(limit)+" bytes long, as JSON.")
	}
	return value
}

// inner returns the fields of an object, and whether it is present.
func (f *fields) inner(name string) (inner *fields, ok bool) {
	value, ok := f.content.find(name)
	if !ok {
		return nil, false
	}
	all, isArray := elements("[" + value + "]")
	if !isArray || value[0] != '{' {
		f.fail(InvalidField, name, "Make \""+name+"\" a JSON object.")
		return nil, false
	}
	return &fields{content: &all[0]}, true
}

// password returns a password, or "" if there is none.
func (f *fields) password() string {
	s, ok := f.text(MaxPassword, "password")
	if ok && s == "" {
		f.fail(InvalidField, "password", "Make \"password\" 1 to 128 bytes long, or leave it out.")
	}
	return s
}

// integer returns an integer that JSON can hold exactly (RFC 8259, section 6),
// and whether it is there.
func (f *fields) integer(names ...string) (n int64, ok bool) {
	value, ok := f.content.find(names...)
	if !ok {
		return 0, false
	}
	x, err := strconv.ParseFloat(value, 64)
	if err != nil || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
		f.fail(InvalidField, names[0], "Make \""+names[0]+"\" an integer.")
		return 0, true
	}
	return int64(x), true
}

// isName reports whether s has only ASCII letters, digits and the characters in
// more.
func isName(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		if ('a' > c|0x20 || c|0x20 > 'z') && ('0' > c || c > '9') && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return true
}

// IsGame reports whether s is a valid name of a game: 1 to 64 ASCII letters,
// digits, dots, underscores and hyphens.
func IsGame(s string) bool { return s != "" && len(s) <= 64 && isName(s, "._-") }

// IsLobbyID reports whether s is a valid lobby id: 1 to 64 ASCII letters,
// digits, underscores and hyphens.
func IsLobbyID(s string) bool { return s != "" && len(s) <= 64 && isName(s, "_-") }

// elements returns the elements of the JSON array value, each as a Content. It
// returns false if one of them is no object.
func elements(value string) (all []Content, ok bool) {
	var m Message
	m.reset(value)
	m.open()
	if _, err := m.decoder.ReadToken(); err != nil || value[0] != '[' {
		return nil, false
	}
	for m.decoder.PeekKind() != ']' {
		if m.decoder.PeekKind() != '{' || m.readContent() != nil {
			return nil, false
		}
		all = append(all, m.Content)
		m.Content = Content{}
	}
	return all, true
}
