// Package interpreters runs functions of Python and Node without containers, by
// the interpreters of this machine. Python's functions run in awslambdaric,
// AWS's own runtime, and Node's in a loop of this package. Both find AWS's SDK,
// as on Lambda. What that takes is installed once, into a cache.
package interpreters

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"bellhop/gateway/lambda"
)

// A Function is a template's description of a function's code.
type Function struct {
	Name    string // its logical id
	Runtime string // such as python3.13 or nodejs22.x
	Handler string
	Folder  string // of its code
	Inline  string // its code, if that is in the template
	At      string // FILE:LINE
}

// runtimes have what is special to a language.
var runtimes = map[string]struct {
	inline  string // name of the file of inline code
	prepare func(context.Context, Function, *slog.Logger) (lambda.Config, error)
}{
	"python": {"index.py", python},
	"nodejs": {"index.js", node},
}

var versionPattern = regexp.MustCompile(`^(python|nodejs)(\d[\d.]*?)(\.x)?$`)

// Runs reports whether functions of a runtime can run here.
func Runs(runtime string) bool { return versionPattern.MatchString(runtime) }

// split returns the language and the version of a runtime that Runs.
func split(runtime string) (language, version string) {
	m := versionPattern.FindStringSubmatch(runtime)
	return m[1], m[2]
}

// Prepare returns the configuration that runs a function: its command and its
// environment. It writes inline code into a folder in temporary.
func Prepare(ctx context.Context, f Function, temporary string, log *slog.Logger) (lambda.Config, error) {
	language, _ := split(f.Runtime)
	r := runtimes[language]
	if f.Inline != "" {
		f.Folder = filepath.Join(temporary, f.Name)
		if err := errors.Join(os.MkdirAll(f.Folder, 0o700), os.WriteFile(filepath.Join(f.Folder, r.inline), []byte(f.Inline), 0o600)); err != nil {
			return lambda.Config{}, err
		}
	}
	info, err := os.Stat(f.Folder)
	switch {
	case f.Folder == "" || f.Handler == "":
		return lambda.Config{}, fmt.Errorf("%s: function %s has no Handler, or its code is not in a folder here; sam build makes one for each function", f.At, f.Name)
	case err != nil || !info.IsDir():
		return lambda.Config{}, fmt.Errorf("%s: the code of function %s is not in the folder %s; sam build makes one for each function", f.At, f.Name, f.Folder)
	}
	c, err := r.prepare(ctx, f, log)
	c.Name, c.Handler, c.Folder = f.Name, f.Handler, f.Folder
	return c, err
}

// noteVersion warns if an interpreter has another version than a template says.
func noteVersion(f Function, program, version string, log *slog.Logger) {
	if _, wanted := split(f.Runtime); version != wanted {
		log.Warn(fmt.Sprintf("%s: function %s is for %s, and runs with %s %s here", f.At, f.Name, f.Runtime, program, version))
	}
}

// output runs a program and returns what it prints.
func output(ctx context.Context, program string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// cached returns a folder of the cache, which fill fills if it is not there
// yet. Programs that start at the same time do not disturb each other.
func cached(name string, log *slog.Logger, fill func(folder string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "gateway-emulate")
	folder := filepath.Join(cache, name)
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	partial, err := os.MkdirTemp(cache, "partial-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(partial)
	log.Info("installing what functions need, once", "folder", folder)
	if err := fill(partial); err != nil {
		return "", fmt.Errorf("cannot install into %s: %w", folder, err)
	}
	if err := os.Rename(partial, folder); err != nil {
		if _, missing := os.Stat(folder); missing != nil {
			return "", err
		} // another program was faster
	}
	return folder, nil
}
