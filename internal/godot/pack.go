// Package godot packs Godot projects, so that tests can run them in Godot's web
// engine without the editor.
package godot

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// dataAlignment is that of the data in a pack, in bytes.
const dataAlignment = 32

// Pack returns files as a Godot pack of format 2. The names have no res://
// before them. A class cache is added, which the editor would write.
func Pack(files map[string][]byte) []byte {
	files = maps.Clone(files)
	files[".godot/global_script_class_cache.cfg"] = classCache(files)
	names := slices.Sorted(maps.Keys(files))
	var index, data bytes.Buffer
	for _, name := range names {
		resource := "res://" + name
		padded := append([]byte(resource), make([]byte, -len(resource)&3)...)
		write(&index, uint32(len(padded)), padded, uint64(data.Len()), uint64(len(files[name])))
		sum := md5.Sum(files[name])
		write(&index, sum[:], uint32(0))
		data.Write(files[name])
		data.Write(make([]byte, -data.Len()&(dataAlignment-1)))
	}
	header := 4 + 5*4 + 8 + 16*4 + 4
	start := (header + index.Len() + dataAlignment - 1) / dataAlignment * dataAlignment
	var pack bytes.Buffer
	pack.WriteString("GDPC")
	write(&pack, []uint32{2, 4, 6, 0, 0}, uint64(start), make([]uint32, 16), uint32(len(names)), index.Bytes())
	pack.Write(make([]byte, start-pack.Len()))
	pack.Write(data.Bytes())
	return pack.Bytes()
}

func write(b *bytes.Buffer, values ...any) {
	for _, value := range values {
		binary.Write(b, binary.LittleEndian, value)
	}
}

var (
	className = regexp.MustCompile(`(?m)^class_name (\w+)`)
	extends   = regexp.MustCompile(`(?m)^extends (\w+)`)
	icon      = regexp.MustCompile(`(?m)^@icon\("([^"]+)"\)`)
)

// classCache lists the scripts that have a class_name.
func classCache(files map[string][]byte) []byte {
	var classes []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Ext(name) != ".gd" {
			continue
		}
		class := submatch(className, files[name])
		if class == "" {
			continue
		}
		classes = append(classes, fmt.Sprintf(`{"base": &%q, "class": &%q, "icon": %q, "is_abstract": false, "is_tool": %t, `+
			`"language": &"GDScript", "path": %q}`, submatch(extends, files[name]), class, submatch(icon, files[name]),
			bytes.HasPrefix(files[name], []byte("@tool")), "res://"+name))
	}
	return []byte("list=[" + strings.Join(classes, ", ") + "]\n")
}

func submatch(pattern *regexp.Regexp, text []byte) string {
	if m := pattern.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}

// Project reads the files of a project that a game loads. Pictures are left
// out, since only the editor can import them, and so are folders in it with a
// .gdignore.
func Project(project fs.FS) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(project, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if _, err := fs.Stat(project, path.Join(name, ".gdignore")); err == nil && name != "." {
				return fs.SkipDir
			}
			return nil
		}
		switch path.Ext(name) {
		case ".gd", ".tscn", ".tres", ".godot", ".cfg", ".gdshader":
			files[name], err = fs.ReadFile(project, name)
		}
		return err
	})
	return files, err
}
