package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/lambda"
	"bellhop/gateway/programtest"
	"bellhop/store/dynamodbtest"
)

// buildFunction builds the deployed binary with the command for that, and
// returns its path.
var buildFunction = sync.OnceValues(func() (file string, err error) {
	folder, err := filepath.Abs("../.cache/function")
	if err != nil {
		return "", err
	}
	build := exec.Command("make", "-s", "-C", "..", "build")
	build.Env = append(os.Environ(), "ARTIFACTS_DIR="+folder)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("make build: %w\n%s", err, out)
	}
	return filepath.Join(folder, "bootstrap"), nil
})

// builtHome is the gateway in front of the built function, as deployed. It
// keeps lobbies in DynamoDB and posts through @connections. The function has
// its own clock, so builtHome translates the messages in both directions.
type builtHome struct {
	*socketHome
	proxy   *dynamodbtest.Proxy
	client  *dynamodb.Client
	table   string
	suffix  string          // of connection ids: a warm process knows those of other conversations
	names   map[string]bool // of clients
	started time.Time       // while the world's clock showed moments[0]
	passed  time.Duration   // for the world since then, but not for the function
	moments []time.Time     // times that the world's clock has shown
}

var conversations atomic.Int64

// openBuilt starts the function in a process on this machine.
func openBuilt(t *testing.T, w *world) home {
	h, invoker := newBuiltHome(t, w, "127.0.0.1:0", "127.0.0.1:0", dynamodbtest.Table())
	file, err := buildFunction()
	if err != nil {
		t.Fatal(err)
	}
	log := programtest.NewOutput()
	function, err := lambda.Open(t.Context(), lambda.Config{File: file, Name: "f", Output: log, Env: []string{
		"METRICS=bellhop", "TABLE=" + h.table, "DYNAMODB_ENDPOINT=" + h.proxy.URL, "CALLBACK_URL=" + h.callback + "/local",
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		function.Close()
		checkFunctionLog(t, log.String())
	})
	*invoker = function.Invoke
	return h
}

// checkFunctionLog checks that each line is one that CloudWatch can take apart:
// JSON with a level, and a time or metrics.
func checkFunctionLog(t *testing.T, log string) {
	counted := false
	for line := range strings.Lines(log) {
		_, text, _ := strings.Cut(line, "] ")
		var l struct {
			Level, Msg, Stack string
			Timestamp         time.Time
			AWS               struct{ Timestamp int64 } `json:"_aws"`
		}
		err := json.Unmarshal([]byte(text), &l)
		isMetrics := l.AWS.Timestamp > 0 && l.Stack == "bellhop"
		if counted = counted || isMetrics; err != nil || l.Level == "" || !isMetrics && (l.Msg == "" || l.Timestamp.IsZero()) {
			t.Errorf("the function logs %s", line)
		}
	}
	if !counted {
		t.Errorf("the function logs no metrics:\n%s", log)
	}
}

// newBuiltHome returns a home whose function finds @connections and DynamoDB at
// these addresses. The caller sets its invoker.
func newBuiltHome(t *testing.T, w *world, callback, database, table string) (h *builtHome, invoker *apigateway.Invoker) {
	invoker = new(apigateway.Invoker)
	h = &builtHome{
		table: table, suffix: fmt.Sprintf(".%d", conversations.Add(1)), names: map[string]bool{},
		started: time.Now(), moments: []time.Time{w.clock.Now()},
	}
	h.proxy = dynamodbtest.NewProxyAt(t, database, dynamodbtest.Start(t))
	h.proxy.Set(func(operation string, rw http.ResponseWriter, r *http.Request, forward http.Handler) {
		if w.failing.Load() {
			dynamodbtest.Broken(operation, rw, r, forward)
			return
		}
		forward.ServeHTTP(rw, r)
	})
	dynamodbtest.OpenTable(t, dynamodbtest.Config(), h.proxy.URL, table, time.Now)
	h.client = dynamodbtest.Client(h.proxy.URL)
	w.elapses = h.elapse
	h.socketHome = newSocketHome(t, w, callback, invoker)
	return h, invoker
}

func (h *builtHome) connect(name, query string) int {
	h.names[name] = true
	return h.socketHome.connect(name+h.suffix, query)
}

func (h *builtHome) send(name, text string) { h.socketHome.send(name+h.suffix, h.outward(text)) }

func (h *builtHome) drop(name string, silent bool) { h.socketHome.drop(name+h.suffix, silent) }

func (h *builtHome) heard(name string) (events []string) {
	for _, e := range h.socketHome.heard(name + h.suffix) {
		events = append(events, h.inward(e))
	}
	return events
}

// outward translates a client's message.
func (h *builtHome) outward(text string) string {
	for name := range h.names {
		text = strings.ReplaceAll(text, `"`+name+`"`, `"`+name+h.suffix+`"`)
	}
	return text
}

var timestamp = regexp.MustCompile(`"(created_at|resume_until)":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"`)

// inward translates a message to a client.
func (h *builtHome) inward(event string) string {
	event = strings.ReplaceAll(event, h.suffix+`"`, `"`)
	return timestamp.ReplaceAllStringFunc(event, h.inwardTime)
}

// inwardTime translates a time. It is a moment that the world's clock has
// shown, or a grace later.
func (h *builtHome) inwardTime(member string) string {
	name, value, _ := strings.Cut(member, ":")
	at, err := time.Parse(`"`+time.RFC3339+`"`, value)
	if err != nil {
		return member
	}
	after := map[string]time.Duration{`"created_at"`: 0, `"resume_until"`: time.Minute}[name]
	at = h.moments[0].Add(at.Sub(h.started) + h.passed)
	for _, m := range slices.Backward(h.moments) {
		if late := at.Sub(m.Add(after)); -2*time.Second < late && late < 15*time.Second {
			return name + ":" + m.Add(after).Format(`"`+time.RFC3339+`"`)
		}
	}
	return member
}

// elapse ages the stored data by moving its times into the past. It adds a
// second, since the end of a grace is a whole second.
func (h *builtHome) elapse(t *testing.T, d time.Duration) {
	h.moments = append(h.moments, h.moments[len(h.moments)-1].Add(d))
	d += time.Second
	h.passed += d
	all, err := h.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &h.table})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range all.Items {
		age(item, d)
		if _, err := h.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &h.table, Item: item}); err != nil {
			t.Fatal(err)
		}
	}
}

// units are the units of stored times.
var units = map[string]time.Duration{
	"expires_at": time.Second, "away_until": time.Second, "created_at": time.Microsecond, "since": time.Millisecond,
	"paid_at": time.Millisecond,
}

// age makes every time in an item earlier by d. Times at or before 1970 mean
// none, and stay.
func age(item map[string]types.AttributeValue, d time.Duration) {
	for name, value := range item {
		switch v := value.(type) {
		case *types.AttributeValueMemberM:
			age(v.Value, d)
		case *types.AttributeValueMemberL:
			for _, element := range v.Value {
				if m, ok := element.(*types.AttributeValueMemberM); ok {
					age(m.Value, d)
				}
			}
		case *types.AttributeValueMemberN:
			n, _ := strconv.ParseInt(v.Value, 10, 64)
			if unit := units[name]; unit != 0 && n > 0 {
				item[name] = &types.AttributeValueMemberN{Value: strconv.FormatInt(n-int64(d/unit), 10)}
			}
		}
	}
}
