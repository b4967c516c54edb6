//go:build unix

package main

import (
	"archive/zip"
	"bufio"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRelease makes a release for this machine's platform twice, installs it
// with npm, and runs it.
func TestRelease(t *testing.T) {
	t.Chdir("../..")
	if _, err := os.Stat(".git"); err != nil {
		t.Skip("NOT TESTED: a release is made from a git checkout")
	}
	only := runtime.GOOS + "/" + runtime.GOARCH
	first, second := t.TempDir(), t.TempDir()
	for _, out := range []string{first, second} { // as a program of its own: under -race, packing takes minutes
		command(t, ".", "go", "run", "./internal/dist", "-out", out, "-only", only)
	}
	sums, again := read(t, first, "SHA256SUMS"), read(t, second, "SHA256SUMS")
	if diff := cmp.Diff(sums, again); diff != "" {
		t.Errorf("the second release differs from the first (-first +second):\n%s", diff)
	}
	t.Run("archives", func(t *testing.T) { testArchives(t, first) })
	t.Run("server", func(t *testing.T) { testServer(t, first) })
	t.Run("client", func(t *testing.T) { testClient(t, first) })
}

func read(t *testing.T, elem ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func needNPM(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("npm is missing")
		}
		t.Skip("NOT TESTED: the packages for npm; install npm")
	}
}

// install installs the packages of a release that fit a pattern into an empty
// folder.
func install(t *testing.T, release, pattern string, more ...string) (dir string) {
	t.Helper()
	needNPM(t)
	tarballs, _ := filepath.Glob(filepath.Join(release, pattern))
	if len(tarballs) == 0 {
		t.Fatalf("the release has no %s", pattern)
	}
	dir = t.TempDir()
	// As an optional one, a package for another system is left out.
	command(t, dir, "npm", append(append([]string{"install", "--silent", "--save-optional", "--no-audit", "--no-fund", "--prefix", dir}, tarballs...), more...)...)
	return dir
}

func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// testArchives checks that the program in the archive says which version it
// is, and that the addon for Godot unpacks into a project.
func testArchives(t *testing.T, release string) {
	dir := t.TempDir()
	archives, _ := filepath.Glob(filepath.Join(release, "bellhop-*.tar.gz"))
	if len(archives) != 1 {
		t.Fatalf("there are the archives %q", archives)
	}
	command(t, dir, "tar", "xzf", archives[0])
	name := strings.TrimSuffix(filepath.Base(archives[0]), ".tar.gz")
	version := strings.TrimSuffix(strings.TrimPrefix(name, "bellhop-"), "-"+runtime.GOOS+"-"+runtime.GOARCH)
	if got := command(t, dir, filepath.Join(dir, name, "bellhop"), "-version"); got != "bellhop v"+version+"\n" {
		t.Errorf("the program of %s says %q", name, got)
	}
	addon, err := zip.OpenReader(filepath.Join(release, "bellhop-godot-"+version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer addon.Close()
	plugin, err := fs.ReadFile(addon, "addons/bellhop/plugin.cfg")
	if _, missing := fs.Stat(addon, "addons/bellhop/LICENSE"); err != nil || missing != nil || !strings.Contains(string(plugin), `version="`+version+`"`) {
		t.Errorf("the addon has %v, %v, and is\n%s", err, missing, plugin)
	}
	testAddon(t, &addon.Reader)
}

// reference is a file that the addon's scripts load.
var reference = regexp.MustCompile(`(?:preload|icon)\("(?:res://)?([^"]+)"\)`)

// testAddon checks that the addon is complete, and nothing else: it is unpacked
// in a project's folder.
func testAddon(t *testing.T, addon *zip.Reader) {
	for _, file := range addon.File {
		if !strings.HasPrefix(file.Name, "addons/bellhop/") {
			t.Errorf("the addon has %s", file.Name)
		}
		text, err := fs.ReadFile(addon, file.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range reference.FindAllSubmatch(text, -1) {
			name := string(m[1])
			if !strings.HasPrefix(name, "addons/") {
				name = path.Join(path.Dir(file.Name), name)
			}
			if _, err := fs.Stat(addon, name); err != nil {
				t.Errorf("%s loads %v", file.Name, err)
			}
		}
	}
}

func testServer(t *testing.T, release string) {
	needNPM(t)
	foreign(t, release)
	dir := install(t, release, "bellhop-server-*.tgz")
	cmd := exec.Command("npx", "--no-install", "bellhop-server", "-listen", "127.0.0.1:0")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	var address string
	lines := bufio.NewScanner(stdout)
	for address == "" && lines.Scan() {
		address = regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+`).FindString(lines.Text())
	}
	if address == "" {
		t.Fatal("the server said no address")
	}
	play(t, address)
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, stdout) // until all of its processes have ended
	_ = cmd.Wait()

	// A system without a package is told which there are.
	wrapper := filepath.Join(dir, "node_modules", "bellhop-server", "bellhop-server.js")
	preload := filepath.Join(dir, "aix.cjs")
	if err := os.WriteFile(preload, []byte(`Object.defineProperty(process, "platform", { value: "aix" })`), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("node", "--require", preload, wrapper).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no package for aix") || !strings.Contains(string(out), "bellhop-server-darwin-arm64") {
		t.Errorf("on a system without a package: %v, %s", err, out)
	}
}

// foreign adds a package for another system to a release.
func foreign(t *testing.T, release string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"name":"bellhop-server-aix-ppc64","version":"0.0.1","os":["aix"]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, dir, "npm", "pack", "--silent", "--pack-destination", release)
}

// clientProgram uses the client as a game would that TypeScript checks.
const clientProgram = `import { Bellhop } from "bellhop";
const bellhop = new Bellhop("wss://example.com/", { game: "x" });
const lobby = await bellhop.host({ public: true });
lobby.send({ hello: 1 });
export const id: string = lobby.id;
`

func testClient(t *testing.T, release string) {
	dir := install(t, release, "bellhop-[0-9]*.tgz", "esbuild@0.27.0", "typescript@5.9.3", "publint@0.3.15", "vite@8.4.0")
	if err := os.WriteFile(filepath.Join(dir, "game.ts"), []byte(clientProgram), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, dir, "npx", "--no-install", "tsc", "--strict", "--noEmit", "--target", "es2022", "--module", "esnext",
		"--moduleResolution", "bundler", "--lib", "es2022,dom", "game.ts")
	command(t, dir, "npx", "--no-install", "publint", "--strict", "node_modules/bellhop")
	command(t, dir, "npx", "--no-install", "esbuild", "--bundle", "--format=esm", "--outfile=game.js", "game.ts")
	shown := regexp.MustCompile("(?s)```js\n(.*?)```").FindStringSubmatch(read(t, dir, "node_modules", "bellhop", "README.md"))
	if shown == nil {
		t.Fatal("the package's README.md shows no program")
	}
	for name, text := range map[string]string{"readme.mjs": shown[1], "index.html": `<script type="module" src="readme.mjs"></script>`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command(t, dir, "npx", "--no-install", "vite", "build", "--logLevel", "error", "--target", "es2022", "--assetsDir", ".")
	built, err := filepath.Glob(filepath.Join(dir, "dist", "*.js"))
	if err != nil || len(built) != 1 {
		t.Fatalf("vite makes %q, %v", built, err)
	}
	for _, bundle := range []string{filepath.Join(dir, "game.js"), built[0]} {
		if !strings.Contains(read(t, bundle), "start_lobby") {
			t.Errorf("%s lacks the client", bundle)
		}
	}
}
