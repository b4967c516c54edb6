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

// An invocation takes that many seconds of GB (docs/deploying.md), and a
// relayed message that many bytes of metrics.
const (
	gbSeconds = 0.02 * 0.25
	relayLog  = 400
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
	invocation := p.request + gbSeconds*p.gbSecond
	perSecond := (paddedTo*each(f.messages)+posts)*p.message + each(f.invoked)*invocation +
		capped(units.Writes)*p.write + capped(units.Reads)*p.read + float64(f.sent.Load())/seconds*p.data/1e3 +
		float64(f.logged)/seconds*p.log/1e3 +
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
	relay := (paddedTo+2)*p.message + p.request + gbSeconds*p.gbSecond + relayLog*p.log/1e3 + 9*p.read + 28*p.data
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

// visits are what one player does, in a lobby of a host and some guests. The
// first is the join of the first table.
var visits = []struct {
	what, settings, last string
	guests               int
}{
	{"", "", "", 0},
	{"a join, which ends by `leave_lobby`", talkative, "leave_lobby", 2},
	{"the same in a public lobby", talkative + `,"public":true`, "leave_lobby", 2},
	{"a join, which ends by closing the tab", talkative, "", 2},
	{"the same in a public lobby, by closing the tab", talkative + `,"public":true`, "", 2},
}

const (
	somebody  = `,"player":{"name":"Ann","colour":"green"}`
	talkative = `,"metadata":{"name":"Ann's game","mode":"race"}` + somebody
)

// visit lets a guest join, describe, link, stay for ten minutes and go, by its
// last action or by a drop. Then f has counted what that takes.
func visit(settings, last string, guests int) *flood {
	f := newFlood(limits{rate: 1})
	f.requestID = ""
	host, guest, player := f.connect(), "", ""
	if guests > 0 {
		player = somebody
	}
	f.say(host, "start_lobby", `"lobby_id":"fox"`+settings)
	for i := range guests + 1 {
		if i == guests {
			f.reset()
		}
		guest = f.connect()
		f.say(guest, "join_lobby", `"lobby_id":"fox"`+player)
		f.say(host, "accept_request", "")
	}
	for _, pair := range [][2]string{{host, guest}, {guest, host}} {
		f.say(pair[0], "set_session_description", fmt.Sprintf(`"connection_id":%q,"type":"offer","sdp":"v=0"`, pair[1]))
		f.say(pair[0], "send_ice_candidate", fmt.Sprintf(`"connection_id":%q,"candidate":""`, pair[1]))
		f.say(pair[0], "send_ice_candidate", fmt.Sprintf(`"connection_id":%q,"candidate":""`, pair[1]))
	}
	f.say(guest, "report_link", fmt.Sprintf(`"connection_id":%q,"outcome":"direct","ms":400`, host))
	f.Clock.Move(10 * time.Minute)
	if last != "" {
		f.say(guest, last, "")
	}
	f.drop(guest)
	if guests > 0 && last == "" { // the next message through the lobby ends the grace
		f.Clock.Move(time.Hour)
		f.say(host, "get_lobby", `"lobby_id":"fox"`)
	}
	return f
}

// TestBill checks the prices of a join in docs/deploying.md: its requests are
// counted, and its items measured.
func TestBill(t *testing.T) {
	doc := readFile(t, "../docs/deploying.md")
	p := readPrices(t, doc)
	for _, v := range visits {
		f := visit(v.settings, v.last, v.guests)
		u, invoked, posts := f.meter.Take(), float64(f.invoked), int(f.posts.Load())
		messages, writes, reads := f.messages+posts, dynamodbtest.Total(u.Writes), dynamodbtest.Total(u.Reads)
		total, want := 0.0, []string{fmt.Sprintf(`\| %d from clients \(.*\), %d to clients \(`, f.messages, posts)}
		for _, bill := range []struct {
			row          string
			units, price float64
		}{
			{"API Gateway: messages", float64(messages), p.message}, {"API Gateway: connection minutes", 10, p.minute},
			{"Lambda: requests", invoked, p.request}, {"Lambda: GB-seconds", invoked * gbSeconds, p.gbSecond},
			{"DynamoDB: write", writes, p.write}, {"DynamoDB: read", reads, p.read},
			{"Data out", 6, p.data}, {"CloudWatch", math.Round(float64(f.logged)/100) / 10, p.log}, // KB
		} {
			total += bill.units * bill.price
			want = append(want, fmt.Sprintf(`(?m)^\| %s[^|]*\|[^|]*\| %.4g( KB)? \|[^|]*\| \$%.2f \|$`, bill.row, bill.units, bill.units*bill.price))
		}
		want = append(want, fmt.Sprintf(`\*\*A million joins: about \$%.0f\*\*`, total))
		if v.what != "" {
			want = []string{fmt.Sprintf(`(?m)^\| %s \| %d \| %.0f \| %.0f \| %.0f \| \$%.0f \|$`, v.what, messages, invoked, writes, reads, total)}
		}
		for _, pattern := range want {
			if find(doc, "("+pattern+")") == "" {
				t.Errorf("docs/deploying.md lacks\n%s", pattern)
			}
		}
	}
}
