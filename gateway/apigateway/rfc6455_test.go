package apigateway

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// A rule is a sequence of bytes from a client, with its result.
type rule struct {
	name string // begins with the section of RFC 6455
	sent []byte
	want []string     // the decoder's result: opcode, space, payload
	end  *closeStatus // the decoder's error
	code int          // code in the close frame to the client; 1005 for one without a code, 0 for none
}

// rfc6455 returns the rules of RFC 6455 for clients' bytes. It adds API
// Gateway's two limits, and its refusal of binary messages.
func rfc6455() []rule {
	return slices.Concat(frameRules(), fragmentRules(), controlRules(), textRules(), codeRules())
}

func frameRules() []rule {
	rules := []rule{
		{"5.1 a frame without a mask", appendFrame(nil, text, []byte("x")), nil, endUnmasked, 1002},
		{"5.1 a ping without a mask", appendFrame(nil, ping, nil), nil, endUnmasked, 1002},
		{"5.2 a message", frame(text, "hello"), []string{"1 hello"}, nil, 0},
		{"5.2 an empty message", frame(text, ""), []string{"1 "}, nil, 0},
		{"5.2 two messages", join(frame(text, "a"), frame(text, "b")), []string{"1 a", "1 b"}, nil, 0},
		{"5.2 a mask that changes nothing", append([]byte{text, 0x85, 0, 0, 0, 0}, "hello"...), []string{"1 hello"}, nil, 0},
		{"5.2 a frame that claims 32 KiB and 1 byte", header(text, 126, MaxFrame+1), nil, endLongFrame, 1009},
		{"5.2 a frame that claims 65536 bytes", header(text, 127, 65536), nil, endLongFrame, 1009},
		{"5.2 a frame that claims 2^63 - 1 bytes", header(text, 127, 1<<63-1), nil, endLongFrame, 1009},
		{"5.2 a frame that claims 2^63 bytes", header(text, 127, 1<<63), nil, endLength, 1002},
		{"5.2 a frame that claims 2^64 - 1 bytes", header(text, 127, 1<<64-1), nil, endLength, 1002},
		{"5.2 125 bytes in the form for more", header(text, 126, 125), nil, endLength, 1002},
		{"5.2 65535 bytes in the form for more", header(text, 127, 65535), nil, endLength, 1002},
		{"5.2 a reserved bit in the second of two messages", join(frame(text, "a"), frame(0x40|text, "b")), []string{"1 a"}, endReserved, 1002},
		{"5.2 a reserved bit in a ping", frame(0x40|ping, ""), nil, endReserved, 1002},
		{"5.2 a reserved bit in a close frame", frame(0x40|closing, ""), nil, endReserved, 1002},
		{"5.6 a binary message", frame(0x80|opBinary, "x"), nil, endBinary, 1003},
		{"5.6 a message that begins as binary", frame(opBinary, "x"), nil, endBinary, 1003},
		{"9.1 compression, which nobody has agreed on", frame(0x40|text, "\xf2\x48\xcd\xc9\xc9\x07\x00"), nil, endReserved, 1002},
	}
	for _, n := range []int{125, 126, 127, 128, 255, 256, 4096, MaxFrame} {
		rules = append(rules, rule{fmt.Sprintf("5.2 a message of %d bytes", n), frame(text, big[:n]), []string{"1 " + big[:n]}, nil, 0})
	}
	for bits := byte(1); bits < 8; bits++ {
		rules = append(rules, rule{fmt.Sprintf("5.2 reserved bits %03b", bits), frame(bits<<4|text, "x"), nil, endReserved, 1002})
	}
	for _, opcode := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		rules = append(rules, rule{fmt.Sprintf("5.2 opcode %d", opcode), frame(0x80|opcode, ""), nil, endOpcode, 1002})
	}
	return rules
}

func fragmentRules() []rule {
	fragments := join(frame(moreText, big), frame(more, big), frame(more, big))
	return []rule{
		{"5.4 fragments", join(frame(moreText, "he"), frame(more, ""), frame(more, "l"), frame(final, "lo")), []string{"1 hello"}, nil, 0},
		{"5.4 fragments without content", join(frame(moreText, ""), frame(more, ""), frame(final, "")), []string{"1 "}, nil, 0},
		{"5.4 a ping amid fragments", join(frame(moreText, "a"), frame(ping, "p"), frame(final, "b")), []string{"9 p", "1 ab"}, nil, 0},
		{"5.4 a message of 128 KiB", join(fragments, frame(final, big)), []string{"1 " + strings.Repeat(big, 4)}, nil, 0},
		{"5.4 a message of 128 KiB and 1 byte", join(fragments, frame(more, big), frame(final, "x")), nil, endLongMessage, 1009},
		{"5.4 a continuation of nothing", frame(final, "x"), nil, endContinuation, 1002},
		{"5.4 a continuation of nothing, with more to come", frame(more, "x"), nil, endContinuation, 1002},
		{"5.4 a continuation of what is whole", join(frame(text, "a"), frame(final, "b")), []string{"1 a"}, endContinuation, 1002},
		{"5.4 a message within a message", join(frame(moreText, "a"), frame(text, "b")), nil, endInterleaved, 1002},
	}
}

func controlRules() []rule {
	return []rule{
		{"5.5 a fragmented ping", frame(opPing, "x"), nil, endControl, 1002},
		{"5.5 a fragmented pong", frame(opPong, "x"), nil, endControl, 1002},
		{"5.5 a fragmented close frame", frame(opClose, ""), nil, endControl, 1002},
		{"5.5 a ping of 126 bytes", frame(ping, big[:126]), nil, endControl, 1002},
		{"5.5 a pong of 126 bytes", frame(0x80|opPong, big[:126]), nil, endControl, 1002},
		{"5.5 a close frame of 126 bytes", frame(closing, "\x03\xe8"+big[:124]), nil, endControl, 1002},
		{"5.5.1 nothing after a close frame counts", join(frame(closing, "\x03\xe8"), frame(text, "x")), []string{"8 \x03\xe8", "1 x"}, nil, 1000},
		{"5.5.1 a close frame amid fragments", join(frame(moreText, "a"), frame(closing, "\x03\xe8")), []string{"8 \x03\xe8"}, nil, 1000},
		{"5.5.1 a close frame without a code", frame(closing, ""), []string{"8 "}, nil, 1005},
		{"5.5.1 a close frame of 1 byte", frame(closing, "\x03"), []string{"8 \x03"}, nil, 1002},
		{"5.5.1 a close reason of 123 bytes", frame(closing, "\x03\xe8"+big[:123]), []string{"8 \x03\xe8" + big[:123]}, nil, 1000},
		{"5.5.1 a close reason that is not UTF-8", frame(closing, "\x03\xe8\xff"), []string{"8 \x03\xe8\xff"}, nil, 1007},
		{"5.5.2 a ping", frame(ping, ""), []string{"9 "}, nil, 0},
		{"5.5.2 a ping of 125 bytes of any value", frame(ping, "\x00\xff"+big[:123]), []string{"9 \x00\xff" + big[:123]}, nil, 0},
		{"5.5.2 three pings", join(frame(ping, "0"), frame(ping, "1"), frame(ping, "2")), []string{"9 0", "9 1", "9 2"}, nil, 0},
		{"5.5.3 a pong that nobody asked for", frame(0x80|opPong, "x"), []string{"10 x"}, nil, 0},
	}
}

func textRules() []rule {
	rules := []rule{
		{"8.1 UTF-8 of 1 to 4 bytes", frame(text, "aé€😀"), []string{"1 aé€😀"}, nil, 0},
		{"8.1 UTF-8 split over fragments", join(frame(moreText, "\xf0\x9f"), frame(more, "\x98"), frame(final, "\x80")), []string{"1 😀"}, nil, 0},
		{"8.1 UTF-8 split over fragments, with a ping amid", join(frame(moreText, "\xe2\x82"), frame(ping, ""), frame(final, "\xac")), []string{"9 ", "1 €"}, nil, 0},
		{"8.1 the greatest of Unicode", frame(text, "\xf4\x8f\xbf\xbf"), []string{"1 \U0010FFFF"}, nil, 0},
		{"8.1 no character, but UTF-8", frame(text, "\xef\xbf\xbe"), []string{"1 \uFFFE"}, nil, 0},
		{"8.1 not UTF-8 over fragments", join(frame(moreText, "a\xe2"), frame(final, "\x28")), []string{"1 a\xe2\x28"}, nil, 1007},
	}
	for name, invalid := range map[string]string{
		"a byte that is none": "\xff", "a lone continuation": "a\x80", "half a character": "\xf0\x9f\x98", "a surrogate": "\xed\xa0\x80",
		"a long form": "\xc0\xaf", "beyond Unicode": "\xf4\x90\x80\x80", "five bytes": "\xf8\x88\x80\x80\x80",
	} {
		rules = append(rules, rule{"8.1 text that is not UTF-8: " + name, frame(text, invalid), []string{"1 " + invalid}, nil, 1007})
	}
	return rules
}

// codeRules has a rule for each kind of code in a close frame.
func codeRules() (rules []rule) {
	for code, allowed := range map[uint16]bool{
		0: false, 999: false, 1000: true, 1001: true, 1002: true, 1003: true, 1004: false, 1005: false, 1006: false, 1007: true, 1008: true, 1009: true,
		1010: true, 1011: true, 1012: true, 1013: true, 1014: true, 1015: false, 1016: false, 1100: false, 2000: false, 2999: false,
		3000: true, 3999: true, 4000: true, 4999: true, 5000: false, 65535: false,
	} {
		payload, answer := string(binary.BigEndian.AppendUint16(nil, code))+"bye", int(code)
		if !allowed {
			answer = 1002
		}
		rules = append(rules, rule{fmt.Sprintf("7.4 close code %d", code), frame(closing, payload), []string{"8 " + payload}, nil, answer})
	}
	return rules
}

// TestRFC6455 checks the answer to every kind of bytes, valid or not: echoed
// messages, pings answered with their payload, and then a close frame or a
// connection that still works.
func TestRFC6455(t *testing.T) {
	_, address := serve(t, Config{})
	for _, test := range rfc6455() {
		t.Run(test.name, func(t *testing.T) {
			c := connect(t, address)
			c.send(test.sent)
			for _, got := range test.want {
				switch opcode, payload, _ := strings.Cut(got, " "); {
				case opcode == "1" && test.code == 0, opcode == "1" && test.end != nil:
					c.wantText(payload)
				case opcode == "9":
					c.want(0x80|opPong, payload)
				}
			}
			if test.code == 0 {
				c.send(frame(text, "still here"))
				c.want(text, "still here")
				return
			}
			first, payload := c.receive()
			code := 1005
			if len(payload) > 1 {
				code = int(binary.BigEndian.Uint16([]byte(payload)))
			}
			if first != closing || code != test.code {
				t.Errorf("received frame %#x %.200q, want a close frame with %d", first, payload, test.code)
			}
			if test.end != nil && !strings.HasSuffix(payload, test.end.reason) {
				t.Errorf("closed with %q, want the reason %q", payload, test.end.reason)
			}
			if _, err := c.in.ReadByte(); err != io.EOF {
				t.Errorf("after the close frame came %v, want the end", err)
			}
		})
	}
}

// wantText reads a message of any number of frames.
func (c client) wantText(want string) {
	c.t.Helper()
	first, got := c.receive()
	for first&0x80 == 0 {
		var next string
		first, next = c.receive()
		got += next
	}
	if got != want {
		c.t.Fatalf("received %d bytes, %.100q, want %d, %.100q", len(got), got, len(want), want)
	}
}
