package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A deployFile is what is read of deploy/cloud-init.yaml and of
// deploy/compose.yaml.
type deployFile struct {
	WriteFiles []struct{ Path, Content string } `yaml:"write_files"`
	Services   map[string]struct{ Command []string }
	Configs    map[string]struct{ Content string }
}

func readDeploy(t *testing.T, name string) (d deployFile) {
	t.Helper()
	text, err := os.ReadFile("../deploy/" + name)
	if err == nil {
		err = yaml.Unmarshal(text, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d deployFile) file(t *testing.T, path string) string {
	t.Helper()
	for _, f := range d.WriteFiles {
		if f.Path == path {
			return f.Content
		}
	}
	t.Fatalf("deploy/cloud-init.yaml writes no %s", path)
	return ""
}

// TestDeploy checks that the files in deploy give the program flags that it
// takes, and agree with docs/self-hosting.md.
func TestDeploy(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../docs/self-hosting.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindSubmatch(docs)
		if m == nil {
			t.Fatalf("docs/self-hosting.md has no %s", pattern)
		}
		return string(m[1])
	}
	cloud, compose := readDeploy(t, "cloud-init.yaml"), readDeploy(t, "compose.yaml")
	unit := cloud.file(t, "/etc/systemd/system/bellhop.service")
	want := strings.NewReplacer("-trust-proxy ", "-trust-proxy -turn :3478 -turn-address play.example.com ", "AF_INET6\n", "AF_INET6 AF_NETLINK\n",
		"Restart=always\n", "Restart=always\nRestartSec=5\n").Replace(block("(?s)```ini\n(.*?)```"))
	if unit != want {
		t.Errorf("the unit is\n%s\nwant\n%s", unit, want)
	}
	if caddy := cloud.file(t, "/etc/caddy/Caddyfile"); caddy != block("(?s)for Caddy is\n\n```\n(.*?)```") {
		t.Errorf("the Caddyfile is\n%s", caddy)
	}
	command := strings.Fields(regexp.MustCompile(`(?m)^ExecStart=\S+ (.*)$`).FindStringSubmatch(unit)[1])
	for name, args := range map[string][]string{"cloud-init.yaml": command, "compose.yaml": compose.Services["bellhop"].Command} {
		if o, err := parse(args, io.Discard); err != nil || o.metrics != "127.0.0.1:9100" || o.state == "" || o.turn.listen == "" || !o.trustProxy {
			t.Errorf("%s: the program takes its flags as %+v, %v", name, o, err)
		}
	}
	for name, c := range compose.Configs {
		if err := yaml.Unmarshal([]byte(c.Content), new(map[string]any)); err != nil {
			t.Errorf("compose.yaml: %s: %v", name, err)
		}
	}
}

// TestDeployInstall checks that the script in deploy/cloud-init.yaml installs
// the program of an archive with the right checksum alone.
func TestDeployInstall(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"curl", "sha256sum", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("SKIPPED: there is no ", tool)
		}
	}
	const program = "#!/bin/sh\necho bellhop\n"
	archive := new(strings.Builder)
	packed := gzip.NewWriter(archive)
	files := tar.NewWriter(packed)
	files.WriteHeader(&tar.Header{Name: "bellhop-1.0.0-linux-amd64/bellhop", Mode: 0o755, Size: int64(len(program))})
	io.WriteString(files, program)
	files.Close()
	packed.Close()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, archive.String()) }))
	defer site.Close()
	dir := t.TempDir()
	install := func(sum string) ([]byte, error) {
		script := readDeploy(t, "cloud-init.yaml").file(t, "/usr/local/sbin/install-bellhop")
		return exec.Command("sh", "-c", script, "sh", site.URL, sum, dir).CombinedOutput()
	}
	if out, err := install(strings.Repeat("0", 64)); err == nil {
		t.Errorf("it installs an archive with another checksum: %s", out)
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) > 0 {
		t.Errorf("it leaves %q", left)
	}
	if out, err := install(fmt.Sprintf("%x", sha256.Sum256([]byte(archive.String())))); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.Command(filepath.Join(dir, "bellhop")).Output(); err != nil || string(out) != "bellhop\n" {
		t.Errorf("the installed program says %q, %v", out, err)
	}
}
