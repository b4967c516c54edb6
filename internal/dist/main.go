// Command dist makes what a release consists of, in the folder dist of a
// checkout:
//
//	go run ./internal/dist [-out dist] [-only linux/amd64]
//
// Two runs on the same commit make the same bytes. The version is the commit's
// tag. A checkout with changes, or without a tag, makes a version that nobody
// should publish: npm sorts it before all others.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A platform is one that the server is built for, in the words of Go.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

// program returns the name of the server's file.
func (p platform) program() string {
	if p.os == "windows" {
		return "bellhop.exe"
	}
	return "bellhop"
}

var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"},
}

// A release is what is made from one commit.
type release struct {
	version string    // without the v of a tag
	at      time.Time // of the commit: the time of each file in an archive
	out     string    // the folder
	files   []string  // what was made, by names in out
}

func main() {
	out := flag.String("out", "dist", "`folder` for the release; what is in it is deleted")
	only := flag.String("only", "", "`os/arch` of the one platform to build for, as Go names it; all without it")
	flag.Parse()
	if err := run(*out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func run(out, only string) error {
	wanted := platforms
	if only != "" {
		wanted = slices.DeleteFunc(slices.Clone(platforms), func(p platform) bool { return p.String() != only })
		if len(wanted) == 0 {
			return fmt.Errorf("no platform %q: there are %v", only, platforms)
		}
	}
	r, err := newRelease(out)
	if err != nil {
		return err
	}
	for _, p := range wanted {
		if err := r.server(p); err != nil {
			return err
		}
	}
	for _, arch := range []string{"arm64", "amd64"} {
		if only == "" || only == "linux/"+arch {
			if err := r.function(arch); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(r.client(), r.wrapper(), r.addon()); err != nil {
		return err
	}
	return r.sums()
}

func newRelease(out string) (r *release, err error) {
	seconds, err := git("log", "-1", "--format=%ct")
	if err != nil {
		return nil, err
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(out, 0o755)); err != nil {
		return nil, err
	}
	r = &release{at: time.Unix(unix, 0).UTC(), out: out}
	r.version, err = version()
	return r, err
}

// version returns the version that npm gets: the tag at the commit, or a
// prerelease of nothing that names the commit.
func version() (string, error) {
	described, err := git("describe", "--tags", "--match", "v*", "--always", "--dirty", "--abbrev=12")
	if err != nil {
		return "", err
	}
	if v, ok := strings.CutPrefix(described, "v"); ok && !strings.Contains(v, "-") {
		return v, nil
	}
	hash, err := git("rev-parse", "--short=12", "HEAD")
	return "0.0.0-" + "dev." + hash, err
}

func git(args ...string) (string, error) {
	out, err := exec.Command("git", args...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: a release is made from a checkout", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

// build builds a package for p and returns the program.
func (r *release) build(p platform, pkg string, flags ...string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "bellhop-dist-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "program")
	args := append([]string{"build", "-trimpath", "-ldflags", "-s -w -X main.released=v" + r.version, "-buildvcs=false", "-o", file}, flags...)
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch, "GOFLAGS=")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("building %s for %s: %w", pkg, p, err)
	}
	return os.ReadFile(file)
}

// server makes the archive of the server for p, and its npm package.
func (r *release) server(p platform) error {
	program, err := r.build(p, "./gateway")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("bellhop-%s-%s-%s", r.version, p.os, p.arch)
	entries := []entry{{path: name + "/" + p.program(), data: program, executable: true}}
	for _, file := range []string{"README.md", "LICENSE"} {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		entries = append(entries, entry{path: name + "/" + file, data: data})
	}
	if p.os == "windows" {
		err = r.zip(name+".zip", entries)
	} else {
		err = r.tgz(name+".tar.gz", entries)
	}
	return errors.Join(err, r.platformPackage(p, program))
}

// addon makes the zip for Godot, to unpack in a project's folder.
func (r *release) addon() error {
	files, err := git("ls-files", "godot/addons")
	if err != nil {
		return err
	}
	var entries []entry
	for _, file := range strings.Fields(files) {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if filepath.Base(file) == "plugin.cfg" {
			data = pluginVersion.ReplaceAll(data, fmt.Appendf(nil, "version=%q", r.version))
		}
		entries = append(entries, entry{path: strings.TrimPrefix(filepath.ToSlash(file), "godot/"), data: data})
	}
	return r.zip("bellhop-godot-"+r.version+".zip", entries)
}

var pluginVersion = regexp.MustCompile(`(?m)^version="[^"]*"`)

// function makes the zip that Lambda takes.
func (r *release) function(arch string) error {
	program, err := r.build(platform{"linux", arch}, ".", "-tags", "lambda.norpc")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("bellhop-lambda-%s-%s.zip", r.version, lambdaArch[arch])
	return r.zip(name, []entry{{path: "bootstrap", data: program, executable: true}})
}

// lambdaArch has Lambda's names of architectures, by Go's.
var lambdaArch = map[string]string{"arm64": "arm64", "amd64": "x86_64"}
