package main

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"

	"bellhop/web"
)

// Each platform has a package of its own with the server's program in it. The
// package bellhop-server depends on all of them, and npm installs only the one
// whose os and cpu fit.

//go:embed npm
var packages embed.FS

// npmNames has npm's names of systems and architectures, by Go's.
var npmNames = map[string]string{"linux": "linux", "darwin": "darwin", "windows": "win32", "amd64": "x64", "arm64": "arm64"}

func (p platform) npmPackage() string {
	return "bellhop-server-" + npmNames[p.os] + "-" + npmNames[p.arch]
}

// pack adds the npm package name. manifest becomes its package.json.
func (r *release) pack(name string, manifest any, entries []entry) error {
	data, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return err
	}
	license, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	entries = append(entries, entry{path: "package.json", data: append(data, '\n')}, entry{path: "LICENSE", data: license})
	for i := range entries {
		entries[i].path = "package/" + entries[i].path
	}
	return r.tgz(fmt.Sprintf("%s-%s.tgz", name, r.version), entries)
}

// platformPackage adds the npm package that has the server for p.
func (r *release) platformPackage(p platform, program []byte) error {
	return r.pack(p.npmPackage(), map[string]any{
		"name": p.npmPackage(), "version": r.version, "license": "MIT",
		"description": fmt.Sprintf("The program of bellhop-server for %s on %s", npmNames[p.os], npmNames[p.arch]),
		"os":          []string{npmNames[p.os]}, "cpu": []string{npmNames[p.arch]}, "preferUnplugged": true,
	}, []entry{{path: p.program(), data: program, executable: true}})
}

// wrapper adds the npm package bellhop-server.
func (r *release) wrapper() error {
	optional := map[string]string{}
	for _, p := range platforms {
		optional[p.npmPackage()] = r.version
	}
	entries, err := folder(mustSub(packages, "npm/server"))
	if err != nil {
		return err
	}
	for i := range entries {
		entries[i].executable = entries[i].path == "bellhop-server.js"
	}
	return r.pack("bellhop-server", map[string]any{
		"name": "bellhop-server", "version": r.version, "license": "MIT", "type": "module",
		"description": "A lobby and WebRTC signalling server for peer-to-peer games, with a page to play on",
		"bin":         map[string]string{"bellhop-server": "bellhop-server.js"}, "engines": map[string]string{"node": ">=18"},
		"optionalDependencies": optional,
	}, entries)
}

// client adds the npm package of the client for browsers. Its package.json is
// web/package.json, with this release's version.
func (r *release) client() error {
	data, err := os.ReadFile("web/package.json")
	if err != nil {
		return err
	}
	at := regexp.MustCompile(`"version": "[^"]*"`).FindIndex(data)
	if at == nil {
		return errors.New("web/package.json has no version")
	}
	// Its order is kept: what reads exports takes the first that fits.
	data = slices.Concat(data[:at[0]], fmt.Appendf(nil, `"version": %q`, r.version), data[at[1]:])
	entries, err := folder(web.Client)
	if err != nil {
		return err
	}
	more, err := folder(mustSub(packages, "npm/client"))
	if err != nil {
		return err
	}
	return r.pack("bellhop", json.RawMessage(data), append(entries, more...))
}

// folder returns all files of a folder without folders in it.
func folder(from fs.FS) (entries []entry, err error) {
	names, err := fs.Glob(from, "*")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{path: name, data: data})
	}
	return entries, nil
}

func mustSub(from fs.FS, dir string) fs.FS {
	sub, err := fs.Sub(from, dir)
	if err != nil {
		panic(err) // dir is a constant that fs.ValidPath accepts
	}
	return sub
}
