package interpreters

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"runtime"

	"bellhop/gateway/lambda"
)

// pythonPackages are AWS's runtime, and the SDK that Lambda's has.
var pythonPackages = []string{"awslambdaric==4.2.2", "boto3==1.44.8"}

// python runs a function in a virtual environment. It prefers an interpreter of
// the template's version.
func python(ctx context.Context, f Function, log *slog.Logger) (c lambda.Config, err error) {
	_, wanted := split(f.Runtime)
	program, version := "", ""
	for _, name := range []string{"python" + wanted, "python3", "python"} {
		if program, err = exec.LookPath(name); err == nil { // pyenv has commands that do not work
			version, err = output(ctx, program, "-c", `import sys; print("%d.%d" % sys.version_info[:2])`)
		}
		if err == nil {
			break
		}
	}
	if err != nil {
		return c, fmt.Errorf("%s: function %s needs Python 3, of which none works here: %w", f.At, f.Name, err)
	}
	noteVersion(f, "Python", version, log)
	bin, file := "bin", "python"
	if runtime.GOOS == "windows" {
		bin, file = "Scripts", "python.exe"
	}
	folder, err := cached("python-"+version+"-"+pythonPackages[0]+"-"+pythonPackages[1], log, func(folder string) error {
		if _, err := output(ctx, program, "-m", "venv", folder); err != nil {
			return err
		}
		install := append([]string{"-m", "pip", "install", "-q", "--disable-pip-version-check"}, pythonPackages...)
		_, err := output(ctx, filepath.Join(folder, bin, file), install...)
		return err
	})
	return lambda.Config{
		File: filepath.Join(folder, bin, file), Args: []string{"-m", "awslambdaric", f.Handler}, Env: []string{"PYTHONUNBUFFERED=1"},
	}, err
}
