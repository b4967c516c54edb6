package lambda

import (
	"fmt"
	"hash/fnv"
	"io/fs"
	"path/filepath"
	"strings"
)

// fingerprint sums up a file, or the files of a folder: names, sizes and times.
// It leaves out what others install, and what an interpreter writes.
func fingerprint(path string) uint64 {
	sum := fnv.New64a()
	filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if name := d.Name(); d.IsDir() && file != path && (name == "node_modules" || name == "__pycache__" || strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			fmt.Fprintln(sum, file, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return sum.Sum64()
}
