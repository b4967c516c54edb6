package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEnvironment checks that a nonsensical variable ends the start with a
// sentence that names it.
func TestEnvironment(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"TABLE", "", "set TABLE to the name of the DynamoDB table"},
		{"TABLE", " ", "set TABLE to the name of the DynamoDB table"},
		{"CALLBACK_URL", "wss://play.example.com/live", `make CALLBACK_URL a URL that begins with https:// or http://, or leave it empty; it is "wss://play.example.com/live"`},
		{"CALLBACK_URL", "play.example.com", "make CALLBACK_URL a URL"},
		{"CALLBACK_URL", "play.example.com:443/live", "make CALLBACK_URL a URL"},
		{"CALLBACK_URL", "https://", "make CALLBACK_URL a URL"},
		{"DYNAMODB_ENDPOINT", "127.0.0.1:8000", "make DYNAMODB_ENDPOINT a URL"},
		{"RESUME_GRACE", "1m", "make RESUME_GRACE a number of seconds"},
		{"LOBBY_PACE", "fast", "make LOBBY_PACE a number from 0 on"},
		{"RESUME_SCHEDULE", "yes", "make RESUME_SCHEDULE on or off"},
		{"RESUME_SCHEDULE", "on", "set SCHEDULE_ROLE"},
		{"MESSAGE_RATE", "-1", "make MESSAGE_RATE a number from 0 to 100"},
		{"AUTH", "on", "AUTH: make the mode off, optional or required"},
		{"AUTH_SECRET", "0123456789abcdef0123456789abcdef", "AUTH: tokens are off, but a key"},
		{"ICE_SERVERS", "example.com", "ICE_SERVERS: "},
		{"TURN_PROVIDER", "xirsys", "TURN_PROVIDER: make the TURN provider cloudflare or twilio"},
		{"TURN_TOKEN", "s3cret", "TURN_PROVIDER: make the TURN provider cloudflare or twilio"},
	} {
		err := run(func(name string) string {
			switch name {
			case test.name:
				return test.value
			case "TABLE":
				return "bellhop"
			}
			return ""
		})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("with %s=%s it says %v, want %s", test.name, test.value, err, test.want)
		}
	}
}

// TestLinked checks that the function links only the modules that
// docs/design.md, "Dependencies", lists: each makes its cold start longer.
func TestLinked(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	listed := strings.Fields("bellhop github.com/aws/ github.com/go-json-experiment/json github.com/golang-jwt/jwt github.com/MicahParks/ " +
		"golang.org/x/crypto golang.org/x/sys golang.org/x/time github.com/google/btree")
	for module := range strings.FieldsSeq(string(out)) {
		if !slices.ContainsFunc(listed, func(prefix string) bool { return strings.HasPrefix(module, prefix) }) {
			t.Errorf("the function links %s", module)
		}
	}
}

// TestGuided checks that each secret of template.yaml can be left out as a
// space: sam deploy --guided asks for it until it gets something.
func TestGuided(t *testing.T) {
	template, err := os.ReadFile("template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	secrets := regexp.MustCompile(`AllowedPattern: "(.*)".*\n(?:    .*\n)?    NoEcho: true`).FindAllSubmatch(template, -1)
	if len(secrets) != strings.Count(string(template), "NoEcho: true") || len(secrets) == 0 {
		t.Fatalf("only %d secrets have a pattern", len(secrets))
	}
	for _, secret := range secrets {
		for text, want := range map[string]bool{"": true, " ": true, "  ": false, strings.Repeat("s", 32): true, strings.Repeat("s", 32) + " ": false} {
			if regexp.MustCompile(strings.ReplaceAll(string(secret[1]), `\\`, `\`)).MatchString(text) != want {
				t.Errorf("%s takes %q: %t", secret[1], text, !want)
			}
		}
	}
}
