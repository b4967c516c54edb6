package events

import (
	"math/bits"
	"strings"
)

// Nearly all messages are plain: an object with a "content", and in both only
// strings, numbers and literals. readPlain reads these several times as fast as
// jsontext. It is sure of what it accepts, and leaves everything else to
// jsontext, valid or not. So one place alone decides what is valid, and words
// the errors. A fuzz test compares the two.

// maxPlain limits the members of a plain object, since each name is compared
// with all names before it.
const maxPlain = 16

// readPlain reads m.text. It returns false if the text is not plain; then the
// fields that it has set are not valid.
func (m *Message) readPlain() bool {
	p := plain{rest: m.text}
	var names [maxPlain]string
	ok := p.object(func(n int, key string) bool {
		if n == maxPlain {
			return false
		}
		name := key[1 : len(key)-1]
		for _, other := range names[:n] {
			if other == name {
				return false
			}
		}
		names[n] = name
		if name == "content" {
			return m.readPlainContent(&p)
		}
		value := p.scalar()
		switch {
		case value == "":
			return false
		case name == "action":
			m.setAction(value)
		case name == "request_id":
			m.setRequestID(value)
		}
		return true
	})
	return ok && p.end() && m.invalid == nil && m.Action != ""
}

func (m *Message) readPlainContent(p *plain) bool {
	before := p.rest
	ok := p.object(func(n int, key string) bool {
		name := key[1 : len(key)-1]
		for i := range m.Content.fields {
			if m.Content.fields[i].name == name {
				return false
			}
		}
		value := p.scalar()
		m.Content.fields = append(m.Content.fields, field{name: name, key: key, value: value})
		return value != "" && n < maxPlain
	})
	m.Content.text = before[:len(before)-len(p.rest)]
	return ok
}

// plain is the unread rest of a text.
type plain struct{ rest string }

func (p *plain) space() {
	for len(p.rest) > 0 && (p.rest[0] == ' ' || p.rest[0] == '\n' || p.rest[0] == '\r' || p.rest[0] == '\t') {
		p.rest = p.rest[1:]
	}
}

// end reports whether only space is left.
func (p *plain) end() bool {
	p.space()
	return p.rest == ""
}

// take skips c, if c is next.
func (p *plain) take(c byte) bool {
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// object reads an object. For each member it calls value, with the member's
// number and quoted name, to read the value.
func (p *plain) object(value func(n int, key string) bool) bool {
	if !p.take('{') {
		return false
	}
	for n := 0; ; n++ {
		p.space()
		if n == 0 && p.take('}') {
			return true
		}
		key := p.string()
		if strings.IndexByte(key, '\\') >= 0 || key == "" {
			return false
		}
		p.space()
		if !p.take(':') {
			return false
		}
		p.space()
		if !value(n, key) {
			return false
		}
		p.space()
		if p.take('}') {
			return true
		}
		if !p.take(',') {
			return false
		}
	}
}

// scalar returns the next value as written, or "" if the value is not plain.
func (p *plain) scalar() string {
	if p.rest == "" {
		return ""
	}
	switch p.rest[0] {
	case '"':
		return p.string()
	case 't':
		return p.literal("true")
	case 'f':
		return p.literal("false")
	case 'n':
		return p.literal("null")
	}
	return p.number()
}

func (p *plain) literal(s string) string {
	if !strings.HasPrefix(p.rest, s) {
		return ""
	}
	p.rest = p.rest[len(s):]
	return s
}

// number returns the next number (RFC 8259, section 6).
func (p *plain) number() string {
	before := p.rest
	p.take('-')
	if !p.take('0') && !p.digits() {
		return ""
	}
	if p.take('.') && !p.digits() {
		return ""
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		if !p.digits() {
			return ""
		}
	}
	return before[:len(before)-len(p.rest)]
}

// digits skips digits, and returns false if there are none.
func (p *plain) digits() bool {
	n := 0
	for n < len(p.rest) && p.rest[n] >= '0' && p.rest[n] <= '9' {
		n++
	}
	p.rest = p.rest[n:]
	return n > 0
}

// string returns the next string in its quotes, or "" if it is not ASCII.
func (p *plain) string() string {
	if len(p.rest) == 0 || p.rest[0] != '"' {
		return ""
	}
	for at := 1; ; {
		at += ordinary(p.rest[at:])
		if at >= len(p.rest) {
			return ""
		}
		switch p.rest[at] {
		case '"':
			s := p.rest[:at+1]
			p.rest = p.rest[at+1:]
			return s
		case '\\':
			n := escape(p.rest[at:])
			if n == 0 {
				return ""
			}
			at += n
		default:
			return ""
		}
	}
}

// ordinary returns how many bytes of s come before a quote, a backslash, a
// control character or a byte beyond ASCII. It checks eight bytes at a time: a
// byte that is too small borrows, and so has its high bit set.
func ordinary(s string) (n int) {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; len(s)-n >= 8; n += 8 {
		eight := s[n : n+8]
		x := uint64(eight[0]) | uint64(eight[1])<<8 | uint64(eight[2])<<16 | uint64(eight[3])<<24 |
			uint64(eight[4])<<32 | uint64(eight[5])<<40 | uint64(eight[6])<<48 | uint64(eight[7])<<56
		quote, backslash := x^(ones*'"'), x^(ones*'\\')
		if found := (x | (x - ones*0x20) | (quote - ones) | (backslash - ones)) & highs; found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for n < len(s) && !special(s[n]) {
		n++
	}
	return n
}

func special(c byte) bool { return c < 0x20 || c == '"' || c == '\\' || c >= 0x80 }

// escape returns the length of the escape sequence at the start of s. It
// returns 0 if there is none, or if it is half of a surrogate pair.
func escape(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		return unicodeEscape(s)
	}
	return 0
}

func unicodeEscape(s string) int {
	if len(s) < 6 {
		return 0
	}
	var v uint16
	for i := 2; i < 6; i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			v = v<<4 | uint16(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			v = v<<4 | uint16(c|0x20-'a'+10)
		default:
			return 0
		}
	}
	if v >= 0xD800 && v < 0xE000 {
		return 0
	}
	return 6
}
