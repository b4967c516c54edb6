package handlers_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"bellhop/lobby"
	"bellhop/store/dynamodbtest"
)

// limits are those of a deployment, and how many messages a flood has.
type limits struct {
	rate, connects, maxUnits float64
	pace                     lobby.Pace
	count                    int
}

// readLimits reads the parameters of an environment of samconfig.toml, with the
// defaults of template.yaml.
func readLimits(t *testing.T, environment string) limits {
	config, template := readFile(t, "../samconfig.toml"), readFile(t, "../template.yaml")
	_, tables, _ := strings.Cut(config, "["+environment+".deploy.parameters]")
	tables, _, _ = strings.Cut(tables, "\n[")
	parameter := func(name string) float64 {
		for _, text := range []string{
			find(tables, name+`=(\d+)`), find(template, `(?m)^  `+name+`:\n    Type: Number\n    Default: (\d+)`),
		} {
			if n, err := strconv.ParseFloat(text, 64); err == nil {
				return n
			}
		}
		t.Fatalf("no value of %s", name)
		return 0
	}
	l := limits{rate: parameter("ThrottlingRate"), connects: parameter("ConnectRate"), maxUnits: parameter("MaxUnits")}
	l.pace, l.count = lobby.Pace(parameter("LobbyPace")), int(2*l.rate)
	return l
}

func find(text, pattern string) string {
	if m := regexp.MustCompile(pattern).FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

func readFile(t *testing.T, name string) string {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// prices are in dollars a million, and for logs and data in dollars a GB.
type prices struct {
	message, minute, request, gbSecond, write, read, log, data float64
}

// readPrices reads docs/deploying.md.
func readPrices(t *testing.T, doc string) prices {
	price := func(row string) float64 {
		n, err := strconv.ParseFloat(find(doc, `(?m)^\| `+row+`[^|]*\|[^|]*\|[^|]*\| \$([\d.]+)`), 64)
		if err != nil {
			t.Fatalf("docs/deploying.md has no price of %s", row)
		}
		return n
	}
	return prices{
		message: price("API Gateway: messages"), minute: price("API Gateway: connection minutes"),
		request: price("Lambda: requests"), gbSecond: price("Lambda: GB-seconds"),
		write: price("DynamoDB: write"), read: price("DynamoDB: read"), log: price("CloudWatch"), data: price("Data out"),
	}
}

// An invocation takes that many seconds of GB, and bytes of log
// (docs/deploying.md).
const (
	gbSeconds = 0.02 * 0.25
	logBytes  = 350
	paddedTo  = 4 // steps of 32 KB: a message can be 128 KiB, with spaces
)

// hour returns what an hour of f costs, in dollars. The rest of the messages
// that the stage lets pass are of the price given.
func (f *flood) hour(p prices, rest float64) float64 {
	seconds := f.Clock.Now().Sub(f.began).Seconds()
	units := f.meter.Take()
	capped := func(all map[string]float64) (n float64) {
		for _, u := range all {
			if u /= seconds; f.limits.maxUnits > 0 {
				u = min(u, f.limits.maxUnits)
			}
			n += u
		}
		return n
	}
	each := func(n int) float64 { return float64(n) / seconds }
	posts := float64(f.posts.Load()) / seconds
	invocation := p.request + gbSeconds*p.gbSecond + logBytes*p.log/1e3
	perSecond := (paddedTo*each(f.messages)+posts)*p.message + each(f.invoked)*invocation +
		capped(units.Writes)*p.write + capped(units.Reads)*p.read + float64(f.sent.Load())/seconds*p.data/1e3 +
		max(0, f.limits.rate-each(f.messages))*rest
	return (3600*perSecond + machineConns*60*p.minute) / 1e6
}

// TestWorstHour checks the table of docs/deploying.md, "The worst hour": what
// one machine can cost that does nothing but that, by requests that are
// counted and the prices that the page has. It holds the targets.
func TestWorstHour(t *testing.T) {
	doc := readFile(t, "../docs/deploying.md")
	p := readPrices(t, doc)
	byDefault, prod := readLimits(t, "default"), readLimits(t, "prod")
	free := prod
	free.pace, free.maxUnits, free.count = 0, 0, prod.count/4
	relay := (paddedTo+2)*p.message + p.request + gbSeconds*p.gbSecond + logBytes*p.log/1e3 + 9*p.read + 28*p.data
	for _, kind := range floods {
		t.Run(kind.what, func(t *testing.T) {
			t.Parallel()
			worst := func(l limits, sizes []int) (most float64) {
				for _, n := range sizes {
					f := newFlood(l)
					kind.run(f, n)
					posts, messages := f.posts.Load(), f.messages
					hour := f.hour(p, relay)
					t.Logf("$%.2f at %.0f messages a second, in lobbies of %d: %d messages, %d posts", hour, l.rate, n, messages, posts)
					most = max(most, hour)
				}
				return math.Ceil(most*10) / 10
			}
			d, prod, none := worst(byDefault, kind.sizes), worst(prod, kind.sizes), worst(free, kind.sizes[len(kind.sizes)-1:])
			if row := fmt.Sprintf("| %s | $%.2f | $%.2f | $%.2f |\n", kind.what, d, prod, none); !strings.Contains(doc, row) {
				t.Errorf("docs/deploying.md lacks\n%s", row)
			}
			if d > 5 || prod > 12 {
				t.Errorf("the worst hour costs $%.2f by default and $%.2f in prod", d, prod)
			}
		})
	}
}

// bills are what one player does, in a lobby that has a host and two guests.
var bills = []struct{ what, settings, last string }{
	{"a join, which ends by `leave_lobby`", "", "leave_lobby"},
	{"the same in a public lobby", `,"public":true`, "leave_lobby"},
	{"a join, which ends by closing the tab", "", ""},
	{"the same in a public lobby, by closing the tab", `,"public":true`, ""},
}

// TestBill checks the prices of a join in docs/deploying.md: its requests are
// counted, and its items measured.
func TestBill(t *testing.T) {
	doc := readFile(t, "../docs/deploying.md")
	p := readPrices(t, doc)
	for _, tt := range bills {
		f := newFlood(limits{rate: 1})
		f.requestID = ""
		player := `"player":{"name":"Ann","colour":"green"}`
		host, guest := f.connect(), ""
		f.say(host, "start_lobby", `"lobby_id":"fox","metadata":{"name":"Ann's game","mode":"race"},`+player+tt.settings)
		join := func() {
			guest = f.connect()
			f.say(guest, "join_lobby", `"lobby_id":"fox",`+player)
			f.say(host, "accept_request", "")
		}
		join()
		join()
		f.reset()
		join()
		for _, pair := range [][2]string{{host, guest}, {guest, host}} {
			f.say(pair[0], "set_session_description", fmt.Sprintf(`"connection_id":%q,"type":"offer","sdp":"v=0"`, pair[1]))
			f.say(pair[0], "send_ice_candidate", fmt.Sprintf(`"connection_id":%q,"candidate":""`, pair[1]))
			f.say(pair[0], "send_ice_candidate", fmt.Sprintf(`"connection_id":%q,"candidate":""`, pair[1]))
		}
		f.Clock.Move(10 * time.Minute)
		if tt.last != "" {
			f.say(guest, tt.last, "")
		}
		f.drop(guest)
		f.Clock.Move(time.Hour)
		if tt.last == "" { // the next message through the lobby ends the grace
			f.say(host, "get_lobby", `"lobby_id":"fox"`)
		}
		u := f.meter.Take()
		writes, reads := dynamodbtest.Total(u.Writes), dynamodbtest.Total(u.Reads)
		messages := int64(f.messages) + f.posts.Load()
		total := float64(messages)*p.message + 10*p.minute + float64(f.invoked)*(p.request+gbSeconds*p.gbSecond+logBytes*p.log/1e3) +
			writes*p.write + reads*p.read
		row := fmt.Sprintf("| %s | %d | %d | %.0f | %.0f | $%.0f |\n", tt.what, messages, f.invoked, writes, reads, total)
		if !strings.Contains(doc, row) {
			t.Errorf("docs/deploying.md lacks\n%s", row)
		}
	}
}
