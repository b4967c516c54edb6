//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// TestModule gives a copy of the module another path, as its owner would, and
// installs the server from there as anybody would.
func TestModule(t *testing.T) {
	copied := filepath.Join(t.TempDir(), "copy")
	if out, err := exec.Command("git", "clone", "-q", "../..", copied).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: another module path wants a git checkout: %s", out)
	}
	const path, version = "example.com/you/bellhop", "v0.1.0"
	t.Setenv("GIT_AUTHOR_NAME", "you")
	t.Setenv("GIT_AUTHOR_EMAIL", "you@example.com")
	t.Setenv("GIT_COMMITTER_NAME", "you")
	t.Setenv("GIT_COMMITTER_EMAIL", "you@example.com")
	command(t, copied, "make", "module", "MODULE="+path)
	if left := command(t, copied, "git", "status", "--short"); left != "" {
		t.Errorf("not in the commit:\n%s", left)
	}

	proxy := t.TempDir()
	serve(t, filepath.Join(proxy, path, "@v"), version, copied, path)
	bin := t.TempDir()
	install := exec.Command("go", "install", path+"/gateway@"+version)
	install.Dir = bin
	install.Env = append(os.Environ(), "GOBIN="+bin, "GONOSUMDB=*", "GOFLAGS=-modcacherw -trimpath", "CGO_ENABLED=0", "GOMODCACHE="+t.TempDir(),
		"GOPROXY=file://"+proxy+",file://"+filepath.Join(strings.TrimSpace(command(t, ".", "go", "env", "GOMODCACHE")), "cache/download"))
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("go install: %v\n%s", err, out)
	}
	if out := command(t, bin, "go", "version", "-m", "gateway"); !strings.Contains(out, path+"\t"+version) {
		t.Errorf("the installed program is\n%s", out)
	}
}

// serve writes a version of a module as a module proxy has it.
func serve(t *testing.T, at, version, dir, path string) {
	t.Helper()
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	archive, err := os.Create(filepath.Join(at, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	if err := zip.CreateFromDir(archive, module.Version{Path: path, Version: version}, dir); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"list": version + "\n", version + ".mod": read(t, dir, "go.mod"), version + ".info": `{"Version":"` + version + `"}`,
	} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
