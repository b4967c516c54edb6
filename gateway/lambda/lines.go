package lambda

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// maxLine is how many bytes of a line are shown in one piece.
const maxLine = 64 << 10

// lines passes on what a process writes, in whole lines, so that those of several processes do not mix.
type lines struct {
	to     io.Writer
	mu     *sync.Mutex // of to
	prefix string
	rest   []byte // of a line whose end has not come yet
	last   string // that was not blank
}

// Write implements io.Writer. It does not fail: a process is not to suffer from who does not want its output.
func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		end := bytes.IndexByte(l.rest, '\n') + 1
		if end == 0 && len(l.rest) >= maxLine {
			end = maxLine
		}
		if end == 0 {
			return len(b), nil
		}
		l.show(l.rest[:end])
		l.rest = l.rest[:copy(l.rest, l.rest[end:])]
	}
}

// flush shows what is left of a line without an end.
func (l *lines) flush() {
	if len(l.rest) > 0 {
		l.show(l.rest)
		l.rest = nil
	}
}

func (l *lines) show(line []byte) {
	text := strings.TrimRight(string(line), "\r\n")
	if strings.TrimSpace(text) != "" {
		l.last = shorten(text, 300)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	io.WriteString(l.to, l.prefix+text+"\n")
}
