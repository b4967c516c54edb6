package dynamodb_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"bellhop/lobby"
	"bellhop/store"
	"bellhop/store/dynamodb"
	"bellhop/store/dynamodbtest"
	"bellhop/store/storetest"
)

// behindProxy returns a Store in a new table behind a proxy. The table has a
// lobby, blue-fox, and a connection, a.
func behindProxy(t *testing.T, c aws.Config, endpoint string) (*dynamodb.Store, *dynamodbtest.Proxy) {
	t.Helper()
	p := dynamodbtest.NewProxy(t, endpoint)
	s := dynamodbtest.OpenTable(t, c, p.URL, dynamodbtest.Table(), storetest.NewClock().Now)
	storetest.Create(t, s, storetest.LobbyOf("blue-fox"))
	storetest.Put(t, s, storetest.ConnectionOf("a"))
	return s, p
}

// A call is one call of each method on the table of behindProxy. It checks a
// result without an error.
type call func(ctx context.Context, t *testing.T, s store.Store) error

// writes are the calls that write, by their operations.
var writes = map[string]map[string]call{
	"PutItem": {
		"CreateLobby": func(ctx context.Context, t *testing.T, s store.Store) error {
			l := storetest.LobbyOf("red-fox")
			err := s.CreateLobby(ctx, l)
			if err == nil {
				storetest.WantLobby(t, s, l.Key(), l)
			}
			return err
		},
		"PutConnection": func(ctx context.Context, t *testing.T, s store.Store) error {
			err := s.PutConnection(ctx, storetest.ConnectionOf("b"))
			if err == nil {
				storetest.WantConnection(t, s, storetest.ConnectionOf("b"))
			}
			return err
		},
	},
	"UpdateItem": {
		"SwapLobby":             swapCall(func(l *lobby.Lobby) { l.MaxPlayers = 3 }),
		"SwapLobby that closes": swapCall(func(l *lobby.Lobby) { l.Close("host") }),
		"Claim": func(ctx context.Context, t *testing.T, s store.Store) error {
			c := storetest.ConnectionOf("a")
			to := lobby.Claim{LobbyID: "red-fox", ID: 5, At: 5}
			got, err := s.Claim(ctx, "a", c.Claim, to)
			if c.Claim = to; err == nil {
				storetest.WantSame(t, "Claim", got, c)
				storetest.WantConnection(t, s, c)
			}
			return err
		},
		"DeleteConnection": func(ctx context.Context, t *testing.T, s store.Store) error {
			got, err := s.DeleteConnection(ctx, "a")
			if got.ExpiresAt = storetest.ConnectionOf("a").ExpiresAt; err == nil {
				storetest.WantSame(t, "DeleteConnection", got, storetest.ConnectionOf("a"))
				storetest.WantNoConnection(t, s, "a")
			}
			return err
		},
	},
}

func swapCall(change func(*lobby.Lobby)) call {
	return func(ctx context.Context, t *testing.T, s store.Store) error {
		blueFox := storetest.LobbyOf("blue-fox")
		read, err := s.Lobby(ctx, blueFox.Key())
		if err != nil {
			return err
		}
		l := read.Clone()
		change(&l)
		err = storetest.Swap(ctx, s, l)
		switch {
		case err != nil:
		case l.Closed:
			storetest.WantNoLobby(t, s, l.Key())
		default:
			storetest.WantLobby(t, s, l.Key(), l)
		}
		return err
	}
}

// reads are the calls that read.
var reads = map[string]call{
	"Lobby": func(ctx context.Context, _ *testing.T, s store.Store) error {
		blueFox := storetest.LobbyOf("blue-fox")
		_, err := s.Lobby(ctx, blueFox.Key())
		return err
	},
	"Connection": func(ctx context.Context, _ *testing.T, s store.Store) error {
		_, err := s.Connection(ctx, "a")
		return err
	},
}

// eachCall runs test for every call, with the call's operation.
func eachCall(t *testing.T, test func(t *testing.T, operation string, do call)) {
	for operation, calls := range map[string]map[string]call{"GetItem": reads, "PutItem": writes["PutItem"], "UpdateItem": writes["UpdateItem"]} {
		for name, do := range calls {
			t.Run(name, func(t *testing.T) {
				t.Parallel() // they mostly wait for the SDK's next attempt
				test(t, operation, do)
			})
		}
	}
}

// TestPassingFaults checks that callers do not notice temporary faults: an
// error of DynamoDB, throttling, a request without an answer, and above all a
// lost answer, after which the repeated request finds its own write.
func TestPassingFaults(t *testing.T) {
	endpoint := dynamodbtest.Start(t)
	for name, tt := range map[string]struct {
		times int
		fault dynamodbtest.Fault
	}{
		"an answer is lost": {2, dynamodbtest.Lost}, "broken": {2, dynamodbtest.Broken}, "throttled": {2, dynamodbtest.Throttled},
		"slow": {1, dynamodbtest.Hangs},
	} {
		t.Run(name, func(t *testing.T) {
			eachCall(t, func(t *testing.T, operation string, do call) {
				c := dynamodbtest.Config()
				c.HTTPClient = awshttp.NewBuildableClient().WithTimeout(500 * time.Millisecond) // for an attempt; the default is 2 s
				s, p := behindProxy(t, c, endpoint)
				p.Set(dynamodbtest.Times(tt.times, operation, tt.fault))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				storetest.WantErr(t, "with a fault that passes", do(ctx, t, s), nil)
			})
		})
	}
}

// TestAttemptTime checks that an attempt has a timeout even if the caller
// brings no HTTP client.
func TestAttemptTime(t *testing.T) {
	t.Parallel()
	s, p := behindProxy(t, dynamodbtest.Config(), dynamodbtest.Start(t))
	p.Set(dynamodbtest.Times(1, "GetItem", dynamodbtest.Hangs))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	storetest.WantErr(t, "with a first attempt that nobody answers", reads["Connection"](ctx, t, s), nil)
}

// TestLastingFaults checks that a lasting fault is an error of its own, in
// time, and that the store works as soon as DynamoDB does.
func TestLastingFaults(t *testing.T) {
	endpoint := dynamodbtest.Start(t)
	for name, tt := range map[string]struct {
		fault dynamodbtest.Fault
		want  error // nil: any unnamed error
	}{
		"throttled": {dynamodbtest.Throttled, store.ErrThrottled},
		"broken":    {dynamodbtest.Broken, nil},
		"slow":      {dynamodbtest.Hangs, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			eachCall(t, func(t *testing.T, _ string, do call) {
				s, p := behindProxy(t, dynamodbtest.Config(), endpoint)
				p.Set(tt.fault)
				limit := 20 * time.Second
				if tt.want == context.DeadlineExceeded {
					limit = 50 * time.Millisecond
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				err := do(ctx, t, s)
				switch {
				case tt.want != nil:
					storetest.WantErr(t, name, err, tt.want)
				case err == nil || named(err):
					t.Fatalf("%s: %v, want an error that is not named", name, err)
				}
				p.Set(nil)
				storetest.WantErr(t, "when it has passed", do(t.Context(), t, s), nil)
			})
		})
	}
}

// named reports whether err is one of the named errors of a Store.
func named(err error) bool {
	for _, e := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrThrottled} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// TestUnusableTables checks that a wrong setup gets an error that says what is
// wrong.
func TestUnusableTables(t *testing.T) {
	endpoint := dynamodbtest.Start(t)
	other := dynamodbtest.OtherTable(t, endpoint)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	storetest.WantErr(t, "Listen", err, nil)
	closed.Close()
	for name, tt := range map[string]struct{ endpoint, table, says string }{
		"no table":    {endpoint, "nothing-here", `DynamoDB has no table "nothing-here" here; check its name (TABLE, or the gateway's -table)`},
		"another key": {endpoint, other, `table "` + other + `" is not one of Bellhop's, whose only key is pk, a string`},
		"no DynamoDB": {"http://" + closed.Addr().String(), "any", "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			eachCall(t, func(t *testing.T, _ string, do call) {
				s := dynamodb.New(dynamodbtest.Config(), tt.endpoint, tt.table, storetest.NewClock().Now)
				if err := do(t.Context(), t, s); err == nil || !strings.Contains(err.Error(), tt.says) || named(err) {
					t.Errorf("%v, want %q", err, tt.says)
				}
			})
		})
	}
}

// TestNewerItems checks that attributes of a newer version, which this one does
// not know, survive this one's writes: of a lobby, of its members and requests
// wherever they move, and of a connection.
func TestNewerItems(t *testing.T) {
	endpoint, table, c := dynamodbtest.Start(t), dynamodbtest.Table(), storetest.NewClock()
	s := dynamodbtest.OpenTable(t, dynamodbtest.Config(), endpoint, table, c.Now)
	client := dynamodbtest.Client(endpoint)
	key := func(pk string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}}
	}
	l := storetest.LobbyOf("blue-fox")
	for _, conn := range []string{"ann", "bob"} {
		storetest.WantErr(t, "Request", l.Request(lobby.JoinRequest{Conn: conn, RequestID: "r"}), nil)
	}
	storetest.Create(t, s, l)
	storetest.Put(t, s, storetest.ConnectionOf("a"))
	later := func(pk, expression string) {
		t.Helper()
		_, err := client.UpdateItem(t.Context(), &awsdynamodb.UpdateItemInput{
			TableName: &table, Key: key(pk), UpdateExpression: &expression,
			ExpressionAttributeValues: map[string]types.AttributeValue{":new": &types.AttributeValueMemberS{Value: "new"}},
		})
		storetest.WantErr(t, expression, err, nil)
	}
	later("L#tanks#blue-fox", "SET topology = :new, members[0].player = :new, waiting[0].player = :new, waiting[1].player = :new")
	later("C#a", "SET subject = :new")

	update := func(rule func(l *lobby.Lobby) error) {
		t.Helper()
		_, err := store.UpdateLobby(t.Context(), s, l.Key(), rule)
		storetest.WantErr(t, "UpdateLobby", err, nil)
	}
	update(func(l *lobby.Lobby) error { _, _, err := l.Accept("host", "ann", 0, ""); return err })
	update(func(l *lobby.Lobby) error { return l.Leave("bob") })
	update(func(l *lobby.Lobby) error { return l.Request(lobby.JoinRequest{Conn: "cat"}) })
	_, err := s.Claim(t.Context(), "a", storetest.ConnectionOf("a").Claim, lobby.Claim{})
	storetest.WantErr(t, "Claim", err, nil)

	lobby, err := client.GetItem(t.Context(), &awsdynamodb.GetItemInput{TableName: &table, Key: key("L#tanks#blue-fox")})
	storetest.WantErr(t, "GetItem", err, nil)
	connection, err := client.GetItem(t.Context(), &awsdynamodb.GetItemInput{TableName: &table, Key: key("C#a")})
	storetest.WantErr(t, "GetItem", err, nil)
	got := map[string]string{"topology": str(lobby.Item["topology"]), "subject": str(connection.Item["subject"])}
	for _, list := range []string{"members", "waiting"} {
		for _, v := range lobby.Item[list].(*types.AttributeValueMemberL).Value {
			person := v.(*types.AttributeValueMemberM).Value
			got[list+" "+str(person["conn"])] = str(person["player"])
			if _, has := person["request_id"]; has && list == "members" {
				t.Errorf("a member has the request_id of its request: %v", person)
			}
		}
	}
	want := map[string]string{"topology": "new", "subject": "new", "members host": "new", "members ann": "new", "waiting cat": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what a newer version wrote (-want +got):\n%s", diff)
	}
}

// TestEndedItems checks the expiry times of a closed lobby and a lost
// connection. They are in the past even for clocks that are some minutes slow,
// and less than five years ago, since DynamoDB's time to live never deletes
// older items.
func TestEndedItems(t *testing.T) {
	endpoint, table, c := dynamodbtest.Start(t), dynamodbtest.Table(), storetest.NewClock()
	s := dynamodbtest.OpenTable(t, dynamodbtest.Config(), endpoint, table, c.Now)
	storetest.Create(t, s, storetest.LobbyOf("blue-fox"))
	storetest.Put(t, s, storetest.ConnectionOf("a"))
	_, err := store.UpdateLobby(t.Context(), s, "tanks#blue-fox", func(l *lobby.Lobby) error { return l.Close("host") })
	storetest.WantErr(t, "UpdateLobby", err, nil)
	_, err = s.DeleteConnection(t.Context(), "a")
	storetest.WantErr(t, "DeleteConnection", err, nil)
	all, err := dynamodbtest.Client(endpoint).Scan(t.Context(), &awsdynamodb.ScanInput{TableName: &table})
	storetest.WantErr(t, "Scan", err, nil)
	if len(all.Items) != 2 {
		t.Errorf("%d items, want what is left of the lobby and of the connection", len(all.Items))
	}
	for _, item := range all.Items {
		n, _ := item["expires_at"].(*types.AttributeValueMemberN)
		if n == nil {
			t.Fatalf("%s does not expire", str(item["pk"]))
		}
		seconds, err := strconv.ParseInt(n.Value, 10, 64)
		storetest.WantErr(t, "expires_at", err, nil)
		if ago := c.Now().Sub(time.Unix(seconds, 0)); ago < 10*time.Minute || ago > 5*365*24*time.Hour {
			t.Errorf("%s expired %v ago", str(item["pk"]), ago)
		}
	}
}

func str(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// TestLostAndOverwritten checks a write whose answer is lost and that others
// overwrite before its retry. It has happened, and must not be reported as a
// conflict.
func TestLostAndOverwritten(t *testing.T) {
	endpoint := dynamodbtest.Start(t)
	for name, tt := range map[string]struct {
		operation string
		key       lobby.Key
		write     func(s store.Store) error
	}{
		"CreateLobby": {"PutItem", "tanks#red-fox", func(s store.Store) error {
			return s.CreateLobby(context.Background(), storetest.LobbyOf("red-fox"))
		}},
		"UpdateLobby": {"UpdateItem", "tanks#blue-fox", func(s store.Store) error {
			_, err := store.UpdateLobby(context.Background(), s, "tanks#blue-fox", func(l *lobby.Lobby) error {
				return l.Request(lobby.JoinRequest{Conn: "guest"})
			})

			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p, table, c := dynamodbtest.NewProxy(t, endpoint), dynamodbtest.Table(), storetest.NewClock()
			direct := dynamodbtest.OpenTable(t, dynamodbtest.Config(), endpoint, table, c.Now)
			storetest.Create(t, direct, storetest.LobbyOf("blue-fox"))
			others := 0
			p.Set(dynamodbtest.Times(1, tt.operation, func(operation string, w http.ResponseWriter, r *http.Request, forward http.Handler) {
				dynamodbtest.Keep(operation, w, r, forward)
				for range 3 {
					_, err := store.UpdateLobby(context.Background(), direct, tt.key, func(l *lobby.Lobby) error {
						others++
						return l.Request(lobby.JoinRequest{Conn: fmt.Sprint("other", others)})
					})

					if err != nil {
						t.Error(err)
					}
				}
				panic(http.ErrAbortHandler)
			}))
			storetest.WantErr(t, name, tt.write(dynamodb.New(dynamodbtest.Config(), p.URL, table, c.Now)), nil)
			l, err := direct.Lobby(t.Context(), tt.key)
			storetest.WantErr(t, "Lobby", err, nil)
			if len(l.Waiting) < 3 || name == "UpdateLobby" && !l.Has("guest") {
				t.Errorf("the lobby is %+v", l)
			}
		})
	}
}
