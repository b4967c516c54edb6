// Package events defines Bellhop's messages in both directions, the error
// codes, and how text becomes a message. It knows nothing of lobbies or
// connections.
//
// Start at Message.Decode for messages from clients, and at Append for messages
// to them. docs/protocol.md is the contract.
package events

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Limits of messages, in bytes unless they say otherwise (docs/protocol.md,
// "Limits").
const (
	MaxMessage    = 128 << 10 // API Gateway's own limit on a WebSocket message
	MaxEvent      = 32 << 10  // one billed unit of API Gateway, and half the buffer of Godot's WebSocketPeer
	MaxRelayed    = 28 << 10  // an sdp, or a candidate's content; the rest is for the event around it
	MaxReason     = 256
	MaxMetadata   = 1 << 10 // as JSON
	MaxPlayer     = 256     // as JSON
	MaxData       = 4 << 10 // of send_message, as JSON
	MaxPassword   = 128
	MaxRequestID  = 128
	MaxCandidates = 64 // in one batch
	MaxNesting    = 64 // levels of objects and arrays; the message itself is the first
	maxActionName = 64
)

// A Message is one frame of a client: {"action": …, "content": {…},
// "request_id": …}. Decode fills it. Its strings share the memory of the
// decoded text: clone those that outlive it. The zero value is ready. One
// Message can decode any number of texts in turn.
type Message struct {
	Action    string // as written, or empty if it is missing or too long
	RequestID string // empty if there was none
	Content   Content

	text    string // what is decoded
	copy    []byte // its bytes; the decoder does not read strings
	reader  bytes.Buffer
	decoder jsontext.Decoder
	invalid *Error // the first error other than in the JSON itself
}

// Decode decodes text, one frame of a client. It returns an *Error with
// InvalidJSON, InvalidMessage, InvalidField or MessageTooLarge. Action and
// RequestID are set even then, if they could be read, so the answer can carry
// them.
func (m *Message) Decode(text string) error {
	if m.reset(text); len(text) > MaxMessage {
		return &Error{Code: MessageTooLarge, Message: "Send messages of at most 128 KiB."}
	}
	if m.readPlain() {
		return nil
	}
	m.reset(text)
	return m.readAny()
}

// readAny reads m.text with jsontext, and returns the first error.
func (m *Message) readAny() error {
	m.open()
	if err := m.readMessage(); err != nil {
		return err
	}
	if _, err := m.decoder.ReadToken(); err != io.EOF {
		return m.syntax(errMore)
	}
	if m.invalid == nil && m.Action == "" {
		m.fail(InvalidMessage, "Name what to do in \"action\", a string.")
	}
	if m.invalid != nil {
		return m.invalid
	}
	return nil
}

func (m *Message) reset(text string) {
	m.Action, m.RequestID, m.text, m.invalid = "", "", text, nil
	m.Content.text, m.Content.fields = "", m.Content.fields[:0]
}

// open makes the decoder read m.text from its beginning.
func (m *Message) open() {
	m.copy = append(m.copy[:0], m.text...)
	m.reader = *bytes.NewBuffer(m.copy)
	m.decoder.Reset(&m.reader)
}

func (m *Message) readMessage() error {
	if m.decoder.PeekKind() != '{' {
		m.fail(InvalidMessage, "Send a JSON object with \"action\" and \"content\".")
		_, err := m.value()
		return err
	}
	if _, err := m.decoder.ReadToken(); err != nil {
		return m.syntax(err)
	}
	for m.decoder.PeekKind() != '}' {
		if err := m.readTopLevel(); err != nil {
			return err
		}
	}
	if _, err := m.decoder.ReadToken(); err != nil {
		return m.syntax(err)
	}
	return nil
}

// readTopLevel reads one member of the message. An unknown member is checked
// and ignored.
func (m *Message) readTopLevel() error {
	name, err := m.value()
	if err != nil {
		return err
	}
	name = unquote(name)
	if name == "content" && m.decoder.PeekKind() == '{' {
		return m.readContent()
	}
	value, err := m.value()
	if err != nil {
		return err
	}
	switch name {
	case "action":
		m.setAction(value)
	case "content":
		if value != "null" {
			m.fail(InvalidMessage, "Make \"content\" an object, or leave it out.")
		}
	case "request_id":
		m.setRequestID(value)
	}
	return nil
}

func (m *Message) setAction(value string) {
	if value[0] != '"' {
		m.fail(InvalidMessage, "Make \"action\" a string.")
		return
	}
	if m.Action = unquote(value); len(m.Action) > maxActionName { // none is that long, and the answer need not repeat it
		m.Action = strings.ToValidUTF8(m.Action[:maxActionName], "")
	}
}

func (m *Message) setRequestID(value string) {
	switch {
	case value == "null":
	case value[0] != '"':
		m.fail(InvalidMessage, "Make \"request_id\" a string of at most 128 bytes.")
	default:
		if m.RequestID = unquote(value); len(m.RequestID) > MaxRequestID {
			m.RequestID = ""
			m.refuse(&Error{Code: InvalidField, Field: "request_id", Message: "Make \"request_id\" a string of at most 128 bytes."})
		}
	}
}

func (m *Message) readContent() error {
	if _, err := m.decoder.ReadToken(); err != nil {
		return m.syntax(err)
	}
	start := m.decoder.InputOffset() - 1
	for m.decoder.PeekKind() != '}' {
		key, err := m.value()
		if err != nil {
			return err
		}
		value, err := m.value()
		if err != nil {
			return err
		}
		m.Content.fields = append(m.Content.fields, field{name: unquote(key), key: key, value: value})
	}
	if _, err := m.decoder.ReadToken(); err != nil {
		return m.syntax(err)
	}
	m.Content.text = m.text[start:m.decoder.InputOffset()]
	return nil
}

// value checks the next value or member name, and returns its text.
func (m *Message) value() (string, error) {
	switch m.decoder.PeekKind() {
	case '{', '[':
		return m.nested()
	}
	v, err := m.decoder.ReadValue()
	if err != nil {
		return "", m.syntax(err)
	}
	end := int(m.decoder.InputOffset())
	return m.text[end-len(v) : end], nil
}

// nested is value for objects and arrays. It reads token by token, since
// jsontext itself would allow 10,000 levels. Past our own limit it reads on,
// because a request_id may follow.
func (m *Message) nested() (string, error) {
	if _, err := m.decoder.ReadToken(); err != nil {
		return "", m.syntax(err)
	}
	start, outside := m.decoder.InputOffset()-1, m.decoder.StackDepth()-1
	for depth := outside + 1; depth > outside; depth = m.decoder.StackDepth() {
		if depth > MaxNesting {
			m.fail(MessageTooLarge, "Nest objects and arrays at most 64 levels deep.")
		}
		if _, err := m.decoder.ReadToken(); err != nil {
			return "", m.syntax(err)
		}
	}
	return m.text[start:m.decoder.InputOffset()], nil
}

func (m *Message) fail(code Code, message string) { m.refuse(&Error{Code: code, Message: message}) }

// refuse keeps e, if it is the first error.
func (m *Message) refuse(e *Error) {
	if m.invalid == nil {
		m.invalid = e
	}
}

// errMore is the error for text after the object.
var errMore = errors.New("something follows the object")

// syntax returns the error for text that is not JSON by RFC 8259 and RFC 7493
// (I-JSON). err says where the fault is, or is errMore.
func (m *Message) syntax(err error) error {
	if m.invalid != nil && m.invalid.Code == MessageTooLarge {
		return m.invalid // the decoder has a limit of its own
	}
	return &Error{Code: InvalidJSON, Message: m.notJSON(err)}
}

// notJSON returns the sentence for err. jsontext names the byte at fault; it
// names the kind of fault only in words that might change.
func (m *Message) notJSON(err error) string {
	var at *jsontext.SyntacticError
	switch errors.As(err, &at); {
	case err == errMore:
		return "Send one JSON object a message; something follows it."
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "Use each name once in an object; one is there twice."
	case at == nil || errors.Is(err, io.ErrUnexpectedEOF):
		return notAnObject
	case beginsWithSurrogate(m.text[at.ByteOffset:]):
		return "Clean the text of a string; half of a surrogate pair is in it."
	case !beginsWithRune(m.text[at.ByteOffset:]):
		return "Send text in UTF-8; some bytes are not."
	}
	return notAnObject
}

const notAnObject = "Send a JSON object, made by a JSON library; this is none."

// beginsWithSurrogate reports whether s begins with the escape sequence of half
// a surrogate pair.
func beginsWithSurrogate(s string) bool {
	if len(s) < 6 || s[:2] != `\u` {
		return false
	}
	half, err := strconv.ParseUint(s[2:6], 16, 16)
	return err == nil && utf16.IsSurrogate(rune(half))
}

// beginsWithRune reports whether s is empty or begins with a character in
// UTF-8.
func beginsWithRune(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	return r != utf8.RuneError || size != 1
}

// unquote returns the value of a JSON string that was checked before.
func unquote(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	b, _ := jsontext.AppendUnquote(nil, quoted)
	return string(b)
}
