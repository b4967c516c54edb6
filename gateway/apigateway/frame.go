package apigateway

import (
	"encoding/binary"
)

// Opcodes of RFC 6455, section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// A decoder turns a client's bytes into messages, however they are cut. It
// checks all rules of RFC 6455 for frames, and API Gateway's two limits. It
// does not check that text is UTF-8, since the reader can answer instead of
// closing (Config.AnyText). The zero value is ready, and holds no buffer
// between messages.
type decoder struct {
	header  [14]byte // of the current frame
	have    int      // bytes of its header
	mask    [4]byte
	masked  int    // unmasked bytes of its payload
	left    int    // missing bytes of its payload
	opcode  byte   // of its mask
	final   bool   // it ends its message
	inside  bool   // its header is complete
	message byte   // opcode of the begun message; 0 without one
	text    []byte // the message so far
	control []byte // the control frame so far
}

// next reads data, which it overwrites, up to the end of the first message or
// control frame. It returns that, its opcode, and the rest of data; opcode 0
// means that data ended first. The payload is valid until the next call. It
// must not be called after an error.
func (d *decoder) next(data []byte) (opcode byte, payload, rest []byte, end *closeStatus) {
	for {
		if !d.inside {
			ok := false
			if data, ok, end = d.readHeader(data); end != nil || !ok {
				return 0, nil, nil, end
			}
		}
		n := min(d.left, len(data))
		part, whole := data[:n], n == d.left
		unmask(part, d.mask, d.masked)
		data, d.left, d.masked = data[n:], d.left-n, d.masked+n
		if d.opcode >= opClose {
			d.control = append(d.control, part...)
			if !whole {
				return 0, nil, nil, nil
			}
			payload, d.control, d.inside = d.control, nil, false
			return d.opcode, payload, data, nil
		}
		if whole && d.final && len(d.text) == 0 { // the whole message lies in data
			d.inside, d.message, d.text = false, 0, nil
			return opText, part, data, nil
		}
		d.text = append(d.text, part...)
		if !whole {
			return 0, nil, nil, nil
		}
		d.inside = false
		if d.final {
			payload, d.text, d.message = d.text, nil, 0
			return opText, payload, data, nil
		}
	}
}

// readHeader reads header bytes from data, and checks the header once it is
// complete.
func (d *decoder) readHeader(data []byte) (rest []byte, ok bool, end *closeStatus) {
	for d.have < 2 || d.have < headerSize(d.header[1]) {
		if len(data) == 0 {
			return nil, false, nil
		}
		want := 2
		if d.have >= 2 {
			want = headerSize(d.header[1])
		}
		n := copy(d.header[d.have:want], data)
		data, d.have = data[n:], d.have+n
		if d.have == 2 {
			if end := d.checkFirst(); end != nil { // before the rest, which might never come
				return nil, false, end
			}
		}
	}
	size := d.have
	d.have = 0
	length := uint64(d.header[1] & 0x7F)
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(d.header[2:]))
		if length < 126 {
			return nil, false, endLength
		}
	case 127:
		length = binary.BigEndian.Uint64(d.header[2:])
		if length < 1<<16 || length >= 1<<63 {
			return nil, false, endLength
		}
	}
	if length > MaxFrame {
		return nil, false, endLongFrame
	}
	if d.opcode < opClose && len(d.text)+int(length) > MaxMessage {
		return nil, false, endLongMessage
	}
	copy(d.mask[:], d.header[size-4:size])
	d.left, d.masked, d.inside = int(length), 0, true
	return data, true, nil
}

// checkFirst checks a header's first two bytes.
func (d *decoder) checkFirst() *closeStatus {
	first, second := d.header[0], d.header[1]
	d.final, d.opcode = first&0x80 != 0, first&0x0F
	switch {
	case first&0x70 != 0:
		return endReserved
	case second&0x80 == 0:
		return endUnmasked
	}
	switch d.opcode {
	case opText, opBinary:
		if d.message != 0 {
			return endInterleaved
		}
		if d.opcode == opBinary {
			return endBinary
		}
		d.message = d.opcode
	case opContinuation:
		if d.message == 0 {
			return endContinuation
		}
	case opClose, opPing, opPong:
		if !d.final || second&0x7F > 125 {
			return endControl
		}
	default:
		return endOpcode
	}
	return nil
}

// headerSize returns the size of a masked frame's header, given its second
// byte.
func headerSize(second byte) int {
	switch second & 0x7F {
	case 126:
		return 2 + 2 + 4
	case 127:
		return 2 + 8 + 4
	default:
		return 2 + 4
	}
}

// unmask applies a mask to payload bytes from an offset on, eight bytes at a
// time.
func unmask(b []byte, mask [4]byte, offset int) {
	for ; len(b) > 0 && offset%4 != 0; offset++ {
		b[0] ^= mask[offset%4]
		b = b[1:]
	}
	wide := uint64(binary.LittleEndian.Uint32(mask[:]))
	wide |= wide << 32
	for len(b) >= 32 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		binary.LittleEndian.PutUint64(b[8:], binary.LittleEndian.Uint64(b[8:])^wide)
		binary.LittleEndian.PutUint64(b[16:], binary.LittleEndian.Uint64(b[16:])^wide)
		binary.LittleEndian.PutUint64(b[24:], binary.LittleEndian.Uint64(b[24:])^wide)
		b = b[32:]
	}
	for i := range b {
		b[i] ^= mask[i%4]
	}
}

// appendMessage appends data as text frames of at most MaxFrame.
func appendMessage(b, data []byte) []byte {
	opcode := byte(opText)
	for len(data) > MaxFrame {
		b = appendFrame(b, opcode, data[:MaxFrame])
		data, opcode = data[MaxFrame:], opContinuation
	}
	return appendFrame(b, 0x80|opcode, data)
}

// appendFrame appends an unmasked frame, as servers send. Its first byte has
// the final bit and the opcode.
func appendFrame(b []byte, first byte, payload []byte) []byte {
	switch n := len(payload); {
	case n < 126:
		b = append(b, first, byte(n))
	case n < 1<<16:
		b = append(b, first, 126, byte(n>>8), byte(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, first, 127), uint64(n))
	}
	return append(b, payload...)
}
