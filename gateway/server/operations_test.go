package server_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/gateway/server"
	"bellhop/handlers"
	"bellhop/store/dynamodbtest"
)

func operations(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// commandsOf returns the blocks of docs/operations.md that run a program.
func commandsOf(t *testing.T, program string) (blocks []string) {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(operations(t), -1) {
		if strings.Contains(block[1], program+" ") {
			blocks = append(blocks, block[1])
		}
	}
	return blocks
}

// shell runs a block of the document and returns its output, each run of blanks
// as one space.
func shell(t *testing.T, block string, env ...string) string {
	t.Helper()
	c := exec.Command("bash", "-euo", "pipefail", "-c", block)
	c.Env = append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%s\nfails with %v:\n%s", block, err, out)
	}
	return strings.Join(strings.Fields(string(out)), " ")
}

// findAWS returns the folder of the AWS CLI.
func findAWS(t *testing.T) (folder string) {
	folder, err := filepath.Abs("../../.cache/aws/bin")
	if err == nil {
		_, err = os.Stat(folder + "/aws")
	}
	if err == nil {
		return folder
	}
	program, err := exec.LookPath("aws")
	if err != nil {
		dynamodbtest.Missing(t, "no AWS CLI: run `make tools`, or install it")
	}
	return filepath.Dir(program)
}

// TestOperationsTable checks that each command of docs/operations.md for the
// table does what the page says, with lobbies that the gateway has written. A
// lobby ended by hand is gone for all, and its id is free.
func TestOperationsTable(t *testing.T) {
	folder, endpoint, table := findAWS(t), dynamodbtest.Start(t), dynamodbtest.Table()
	url := start(t, server.Config{Handler: handlers.Config{
		Store: dynamodbtest.OpenTable(t, dynamodbtest.Config(), endpoint, table, time.Now),
		Grace: time.Hour, // longer than all the commands take
	}})
	x := &town{}
	host, member, guest, other := dial(t, url), dial(t, url), dial(t, url), dial(t, url)
	id := x.seat(t, host.Say(t, `{"action":"start_lobby","content":{"lobby_id":"Blue-Fox","public":true}}`, ""))
	member.tell(joins("blue-fox"))
	memberID := host.next().Content.ConnectionID
	want(t, "the host", host.ask(accepts), "done 3")
	want(t, "the member", []news{member.next()}, "request_accepted 1")
	guest.tell(joins("blue-fox"))
	guestID := host.next().Content.ConnectionID
	member.CloseNow()
	want(t, "the host", []news{host.next()}, "peer_disconnected")
	want(t, "the host of a private lobby", other.ask(opens("red-fox")), "lobby_started 1")

	blocks := commandsOf(t, "aws dynamodb")
	says := []string{
		`"status": "ACTIVE", "indexes": \[ \[ "\w+", "ACTIVE" \], \[ "\w+", "ACTIVE" \] \] .*"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"`,
		`"lobby": "Blue-Fox", "host": "1", "term": "1", .* "members": \[ ` +
			`\{ "peer": "1", "connection": "` + id + `", "away_until": "-62135596800" \}, ` +
			`\{ "peer": "2", "connection": "` + memberID + `", "away_until": "\d{10}" \} \], ` +
			`"waiting": \[ \{ "peer": "3", "connection": "` + guestID + `", "since": "\d{13}" \} \] \}$`,
		`"lobby_id": \{ "S": "blue-fox" \}`,
		`^Blue-Fox 2 8$`,
		`^2$`,
		`^L#default#blue-fox 1$`,
		`^$`,
	}
	if len(blocks) != len(says) {
		t.Fatalf("the document has %d blocks of commands, and %d are known here", len(blocks), len(says))
	}
	for i, block := range blocks {
		block = strings.ReplaceAll(block, "aB3dE5gH7jKCmN0=", id)
		out := shell(t, block, "TABLE="+table, "PATH="+folder+":"+os.Getenv("PATH"), "AWS_ENDPOINT_URL_DYNAMODB="+endpoint,
			"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
			"AWS_CONFIG_FILE=/dev/null", "AWS_PAGER=")
		if !regexp.MustCompile(says[i]).MatchString(out) {
			t.Errorf("%s\nsays %s\nwant %s", block, out, says[i])
		}
		if strings.Contains(block, "consistent-read") && strings.Contains(out, "token") {
			t.Errorf("%s\nshows hashes: %s", block, out)
		}
	}
	want(t, "who was the host", host.ask(leaves), "error not_in_lobby 2")
	other.Say(t, `{"action":"list_lobbies"}`, `"lobbies":[]`)
	want(t, "somebody new", dial(t, url).ask(opens("blue-fox")), "lobby_started 1")
}

// TestOperationsAttributes checks that docs/operations.md explains each
// attribute of the gateway's items.
func TestOperationsAttributes(t *testing.T) {
	endpoint, table := dynamodbtest.Start(t), dynamodbtest.Table()
	url := start(t, server.Config{Handler: handlers.Config{Store: dynamodbtest.OpenTable(t, dynamodbtest.Config(), endpoint, table, time.Now)}})
	host, guest := dial(t, url), dial(t, url)
	host.Say(t, `{"action":"start_lobby","content":{"lobby_id":"Blue-Fox","public":true}}`, "lobby_started")
	guest.tell(joins("blue-fox"))
	host.Hear(t, "request_to_join")
	items, err := dynamodbtest.Client(endpoint).Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	if err != nil || len(items.Items) != 3 {
		t.Fatalf("%d items, %v", len(items.Items), err)
	}
	text := operations(t)
	text = text[strings.Index(text, "## What an item holds"):strings.Index(text, "## What expires when")]
	var check func(item map[string]types.AttributeValue)
	check = func(item map[string]types.AttributeValue) {
		for name, value := range item {
			if !strings.Contains(text, "`"+name+"`") {
				t.Errorf("nothing is said of %s", name)
			}
			if list, ok := value.(*types.AttributeValueMemberL); ok {
				for _, v := range list.Value {
					if person, ok := v.(*types.AttributeValueMemberM); ok {
						check(person.Value)
					}
				}
			}
		}
	}
	for _, item := range items.Items {
		check(item)
	}
}

// TestOperationsInspect checks that the commands of docs/operations.md for one
// machine do what the page says, and that it explains each member of the JSON.
func TestOperationsInspect(t *testing.T) {
	for _, program := range []string{"curl", "jq"} {
		if _, err := exec.LookPath(program); err != nil {
			dynamodbtest.Missing(t, "no "+program+": run `make tools`, or install it")
		}
	}
	url := start(t, server.Config{Inspect: true})
	host, guest := dial(t, url), dial(t, url)
	id := (&town{}).seat(t, host.Say(t, `{"action":"start_lobby","content":{"lobby_id":"Blue-Fox"}}`, ""))
	guest.tell(joins("blue-fox"))
	guestID := host.next().Content.ConnectionID
	blocks := commandsOf(t, "curl")
	if len(blocks) != 1 {
		t.Fatalf("the document has %d blocks of commands", len(blocks))
	}
	out := shell(t, strings.ReplaceAll(blocks[0], "http://127.0.0.1:3000", strings.Replace(url, "ws", "http", 1)))
	for _, want := range []string{`"lobby_id": "Blue-Fox",`, "} 1 ", id + " default Blue-Fox host", guestID + " default Blue-Fox waiting"} {
		if !strings.Contains(out, want) {
			t.Errorf("it says %s\nwant %s", out, want)
		}
	}

	var whole any
	shown, _ := inspect(t, url, "/inspect.json")
	if err := json.Unmarshal([]byte(shown), &whole); err != nil {
		t.Fatal(err)
	}
	text, seen := operations(t), []string{}
	var check func(v any)
	check = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, v := range v {
				check(v)
			}
		case map[string]any:
			for name, v := range v {
				if seen = append(seen, name); !strings.Contains(text, "`"+name+"`") {
					t.Errorf("nothing is said of %s", name)
				}
				check(v)
			}
		}
	}
	if check(whole); !slices.Contains(seen, "held_for_seconds") || !slices.Contains(seen, "waits_seconds") {
		t.Errorf("only %s were looked at", seen)
	}
}
