package handlers_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bellhop/events"
	"bellhop/handlers"
	"bellhop/handlers/handlerstest"
)

// FuzzConversation checks that no bytes of four clients, in two processes over
// one store, upset a handler. An event is valid JSON of at most 32 KiB. No
// error is internal, and the log stays empty. No request_id comes back more
// often than it was sent. The simulation checks who hears what.
func FuzzConversation(f *testing.F) {
	files, _ := filepath.Glob("../testdata/conversations/*.txt")
	if len(files) == 0 {
		f.Fatal("no conversations found")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(script(string(data)))
	}
	f.Fuzz(func(t *testing.T, script []byte) { converse(t, handlerstest.New(), script) })
}

// maxSteps of a minute each are shorter than the life of an idle connection or
// lobby.
const maxSteps = 150

// steps are the meanings of a byte in a script: the client is its remainder by
// 4, the step the quotient. In a message @2 is the connection id of client 2,
// and $2 the last resume token that it received.
var steps = []string{
	"says", // what follows: the length in two bytes, and the text
	"drops", "drops unnoticed", "connects", "connects original", "connects chess", "clock +1s", "clock +16s", "clock +61s",
	"other process",
}

func stepByte(client int, step string) byte { return byte(4*slices.Index(steps, step) + client) }

// script turns a golden conversation into a script. The fifth client of a
// conversation is again the first.
func script(golden string) (script []byte) {
	var names []string
	line := regexp.MustCompile(`(?m)^([\w-]+)(> ?| connects \?protocol=| )(.*)$`)
	for _, m := range line.FindAllStringSubmatch(golden, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	for _, m := range line.FindAllStringSubmatch(golden, -1) {
		client, step := slices.Index(names, m[1])%4, m[3]
		switch {
		case m[2][0] == '>':
			for i, name := range names {
				step = strings.ReplaceAll(step, `"`+name+`"`, fmt.Sprintf(`"@%d"`, i%4))
			}
			script = append(binary.BigEndian.AppendUint16(append(script, stepByte(client, "says")), uint16(len(step))), step...)
		case m[1] == "clock":
			script = append(script, stepByte(0, "clock +61s"))
		case m[2] != " ":
			script = append(script, stepByte(client, "connects original"))
		case slices.Contains(steps, step):
			script = append(script, stepByte(client, step))
		}
	}
	return script
}

// A conversation is four clients and their remaining steps.
type conversation struct {
	*handlerstest.World
	processes [2]*handlers.Handler
	ids       [4]string // of the clients' current or last connections
	tokens    [4]string // the last that each client received
	opened    int       // connections so far
	step      int
	owed      map[string]map[string]int // of each connection, by request_id: outstanding answers
}

func converse(t *testing.T, w *handlerstest.World, script []byte) {
	c := &conversation{World: w, owed: map[string]map[string]int{}}
	c.Burst = 100
	made := 0
	c.NewID = func() string { made++; return fmt.Sprint("made-", made) }
	c.processes = [2]*handlers.Handler{c.Handler, handlers.New(c.Config)}
	for ; len(script) > 0 && c.step < maxSteps; c.step++ {
		client, step := int(script[0]%4), steps[int(script[0]/4)%len(steps)]
		if script = script[1:]; step == "says" && len(script) >= 2 {
			n := min(int(binary.BigEndian.Uint16(script)), len(script)-2)
			step, script = string(script[2:2+n]), script[2+n:]
		}
		c.do(t, client, step)
	}
}

func (c *conversation) do(t *testing.T, client int, step string) {
	switch step {
	case "drops", "drops unnoticed":
		c.drop(t, client, step == "drops")
	case "connects", "says":
		c.open(t, client, nil)
	case "connects original":
		c.open(t, client, map[string]string{"protocol": "original"})
	case "connects chess":
		c.open(t, client, map[string]string{"game": "chess"})
	case "clock +1s":
		c.Clock.Move(time.Second)
	case "clock +16s":
		c.Clock.Move(16 * time.Second)
	case "clock +61s":
		c.Clock.Move(61 * time.Second)
	case "other process":
		c.processes[0], c.processes[1] = c.processes[1], c.processes[0]
		c.Handler = c.processes[0]
	default:
		if !c.Connected(c.ids[client]) {
			c.open(t, client, nil)
		}
		var replace []string
		for i, id := range c.ids {
			replace = append(replace, fmt.Sprint("@", i), id, fmt.Sprint("$", i), c.tokens[i])
		}
		c.say(t, c.ids[client], strings.NewReplacer(replace...).Replace(step))
	}
}

func (c *conversation) open(t *testing.T, client int, query map[string]string) {
	c.drop(t, client, true)
	conn := fmt.Sprintf("%c%d", 'a'+client, c.opened) // ids are never used again
	if c.opened++; c.Connect(conn, query) != 200 {
		t.Fatalf("step %d: the connection is refused", c.step)
	}
	c.ids[client], c.owed[conn] = conn, map[string]int{}
}

func (c *conversation) drop(t *testing.T, client int, noticed bool) {
	conn := c.ids[client]
	if !c.Connected(conn) {
		return
	}
	c.Lose(conn)
	if noticed {
		c.check(t, conn, "$disconnect", "")
	}
}

func (c *conversation) say(t *testing.T, conn, text string) {
	var m events.Message
	if m.Decode(text); m.RequestID != "" {
		c.owed[conn][m.RequestID]++
	}
	c.check(t, conn, "$default", text)
}

// check handles the sender's event, and checks everybody's events that follow.
func (c *conversation) check(t *testing.T, sender, route, text string) {
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("step %d, %s by %s: %.300s\n%s", c.step, route, sender, text, fmt.Sprintf(format, args...))
	}
	if status := c.Invoke(sender, route, text, "reference", nil); status != 200 {
		fail("status %d", status)
	}
	for conn, inbox := range c.Heard() {
		for _, data := range inbox {
			var e struct {
				Event     string
				RequestID string `json:"request_id"`
				Content   struct {
					Code        events.Code
					ResumeToken string `json:"resume_token"`
				}
			}
			if err := json.Unmarshal([]byte(data), &e); err != nil || !jsontext.Value(data).IsValid() || e.Event == "" || len(data) > events.MaxEvent {
				fail("%s hears %d bytes (%v): %s", conn, len(data), err, data)
			}
			if e.RequestID != "" {
				c.owed[conn][e.RequestID]--
			}
			if e.Content.Code == events.Internal || c.owed[conn][e.RequestID] < 0 {
				fail("%s hears %s, which is internal or once too often", conn, data)
			}
			if client := slices.Index(c.ids[:], conn); client >= 0 && e.Content.ResumeToken != "" {
				c.tokens[client] = e.Content.ResumeToken
			}
		}
	}
	if lines := c.Logged(); len(lines) > 0 {
		fail("the log says %q", lines)
	}
}
