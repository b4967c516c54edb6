package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/coder/websocket"

	"bellhop/store/dynamodbtest"
)

// TestStack checks that template.yaml, deployed to an emulated AWS with the
// built function, gives a WebSocket API through which two clients connect, and
// that a grace ends by its schedule. The template and the function are those of
// AWS; the role allows all that they do.
func TestStack(t *testing.T) {
	for _, program := range []string{"aws/bin/aws", "sam/bin/python"} {
		if _, err := os.Stat("../.cache/" + program); err != nil {
			dynamodbtest.Missing(t, "the AWS CLI or the SAM CLI is not installed: run `make stack`")
		}
	}
	a := startAWS(t)
	url := deploy(t, a)

	lonely := a.dropScheduled(t, url)
	host, guest, hostID, guestID, token := a.meet(t, url, "fox")
	guest.describe(hostID)
	host.receiveDescription(guestID)
	host.describe(guestID)
	guest.receiveDescription(hostID)

	// A connection that drops runs $disconnect. The function closes a connection
	// whose slot was taken over.
	guest.CloseNow()
	host.receive("peer_disconnected")
	guest = a.connect(t, url)
	guest.send(`{"action":"resume","content":{"resume_token":"` + token + `"}}`)
	guest.receive("resumed")
	host.receive("peer_resumed")
	again := a.connect(t, url)
	again.send(`{"action":"resume","content":{"resume_token":"` + token + `"}}`)
	again.receive("resumed")
	guestID = host.receive("peer_resumed").NewConnectionID
	guest.receive("replaced")
	guest.receiveEnd()

	again.send(`{"action":"leave_lobby"}`)
	again.receive("lobby_left")
	if c := host.receive("peer_left"); c.ConnectionID != guestID {
		t.Fatalf("the host was told that %s left, want %s", c.ConnectionID, guestID)
	}
	lonely.receive("peer_left")
}

// meet lets a guest join a lobby that it finds in the list.
func (a *emulatedAWS) meet(t *testing.T, url, lobby string) (host, guest stackClient, hostID, guestID, token string) {
	t.Helper()
	host, guest = a.connect(t, url), a.connect(t, url)
	host.send(`{"action":"start_lobby","content":{"lobby_id":"` + lobby + `","public":true}}`)
	hostID = host.receive("lobby_started").ConnectionID
	guest.send(`{"action":"list_lobbies"}`)
	if l := guest.receive("lobby_list").Lobbies; len(l) == 0 || l[0].LobbyID != lobby {
		t.Fatalf("the list has %v, want %s", l, lobby)
	}
	guest.send(`{"action":"join_lobby","content":{"lobby_id":"` + lobby + `"}}`)
	guestID = host.receive("request_to_join").ConnectionID
	host.send(`{"action":"accept_request","content":{"connection_id":"` + guestID + `"},"request_id":"a"}`)
	token = guest.receive("request_accepted").ResumeToken
	host.receive("done")
	return host, guest, hostID, guestID, token
}

// dropScheduled returns a host whose guest has dropped. The function has made a
// schedule for the end of its grace, which it gives a second's time.
func (a *emulatedAWS) dropScheduled(t *testing.T, url string) stackClient {
	t.Helper()
	for i := range 10 {
		host, guest, _, _, _ := a.meet(t, url, fmt.Sprint("owl", i))
		guest.CloseNow()
		host.receive("peer_disconnected")
		if a.run(t, "scheduler", "list-schedules", "--group-name", "bellhop", "--query", "length(Schedules)") == "1" {
			return host
		}
	}
	t.Fatal("no drop makes a schedule")
	return stackClient{}
}

// deploy builds the function, creates the stack, and returns its Url.
func deploy(t *testing.T, a *emulatedAWS) string {
	t.Helper()
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	translate := exec.Command(".cache/sam/bin/python", "sam/translate.py", "Architecture="+architecture)
	translate.Dir = ".."
	translate.Env = append(os.Environ(), "AWS_DEFAULT_REGION=us-east-1", "SAM_CLI_TELEMETRY=0")
	text, err := translate.Output()
	if err != nil {
		t.Fatalf("sam/translate.py: %v", err)
	}
	text = bytes.Replace(text, []byte("schedule/${ScheduleGroup}/*"), []byte("schedule/default/*"), 1) // the emulator checks only the default group
	var template map[string]any
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	resources := template["Resources"].(map[string]any)
	properties := func(resource any) map[string]any { return resource.(map[string]any)["Properties"].(map[string]any) }
	maps.DeleteFunc(resources, func(_ string, r any) bool { return properties(r)["Metrics"] != nil }) // the emulator's alarms calculate nothing
	text, err = json.Marshal(template)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "template.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	code := properties(resources["Function"])["Code"].(map[string]any)
	bucket, key := code["S3Bucket"].(string), code["S3Key"].(string)
	a.run(t, "s3api", "create-bucket", "--bucket", bucket)
	a.run(t, "s3api", "put-object", "--bucket", bucket, "--key", key, "--body", zipFunction(t))
	a.run(t, "cloudformation", "deploy", "--stack-name", "bellhop", "--template-file", file, "--s3-bucket", bucket,
		"--capabilities", "CAPABILITY_IAM", "--parameter-overrides", "Architecture="+architecture, "ResumeSchedule=on", "ResumeGrace=10")
	return a.run(t, "cloudformation", "describe-stacks", "--stack-name", "bellhop", "--output", "text",
		"--query", "Stacks[0].Outputs[?OutputKey=='Url'].OutputValue")
}

// zipFunction returns an archive of the built function, as deployed.
func zipFunction(t *testing.T) (file string) {
	t.Helper()
	bootstrap, err := buildFunction()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	w, err := z.CreateHeader(header)
	if err == nil {
		_, err = w.Write(binary)
	}
	if err == nil {
		err = z.Close()
	}
	file = filepath.Join(t.TempDir(), "function.zip")
	if err == nil {
		err = os.WriteFile(file, archive.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// A stackClient is one end of a WebSocket to a deployed stack.
type stackClient struct {
	t *testing.T
	*websocket.Conn
}

// connect opens a connection to a stack, by the stack's Url.
func (a *emulatedAWS) connect(t *testing.T, url string) stackClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // the function might start first
	defer cancel()
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: a.client})
	if err != nil {
		t.Fatalf("no connection to %s: %v", url, err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return stackClient{t, c}
}

func (c stackClient) send(text string) {
	c.t.Helper()
	if err := c.Write(c.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatalf("%s is not sent: %v", text, err)
	}
}

// describe sends a session description to a peer.
func (c stackClient) describe(peer string) {
	c.t.Helper()
	c.send(`{"action":"set_session_description","content":{"connection_id":"` + peer +
		`","type":"offer","sdp":"v=0\r\n"}}`)
}

func (c stackClient) receiveDescription(sender string) {
	c.t.Helper()
	if got := c.receive("received_session_description"); got.SDP != "v=0\r\n" || got.ConnectionID != sender {
		c.t.Fatalf("received %+v, want the description of %s", got, sender)
	}
}

// receiveEnd returns once the other side has closed the connection.
func (c stackClient) receiveEnd() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	_, data, err := c.Read(ctx)
	if websocket.CloseStatus(err) == -1 {
		c.t.Fatalf("received %s, %v; want the end", data, err)
	}
}

// stackContent has the content of the events that TestStack reads.
type stackContent struct {
	ConnectionID    string `json:"connection_id"`
	NewConnectionID string `json:"new_connection_id"`
	ResumeToken     string `json:"resume_token"`
	SDP             string `json:"sdp"`
	Lobbies         []struct {
		LobbyID string `json:"lobby_id"`
	} `json:"lobbies"`
}

// receive returns the content of the next event, whose name it checks.
func (c stackClient) receive(name string) stackContent {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	_, data, err := c.Read(ctx)
	if err != nil {
		c.t.Fatalf("no %s: %v", name, err)
	}
	var event struct {
		Event   string
		Content stackContent
	}
	if err := json.Unmarshal(data, &event); err != nil || event.Event != name {
		c.t.Fatalf("received %s, want %s", data, name)
	}
	return event.Content
}
