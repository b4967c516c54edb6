// Command prose reports comments and docs that a reader has to read twice. It
// knows few patterns: clauses that begin with a headless who, whom or whoever,
// words that this project avoids, and comments of Go code that are too wide.
//
// Every finding fails: Bellhop's folder has none.
package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxWidth of a line of a Go comment, in characters. A tab is one character.
const maxWidth = 80

var patterns = []*regexp.Regexp{
	regexp.MustCompile(`\b(for|of|to|than|by|with|from|at|in|on) (who|whom|whoever)\b`),
	regexp.MustCompile(`(?i)(^|[.:;,(]\s+)(who|whoever|whom)( \w+)? (is|are|has|have|was|were|had|can|may|must|makes|waits|asks|comes|leaves|reads|writes|runs)\b`),
	regexp.MustCompile(`\b(anew|in the place of|so that it is true)\b`),
}

func main() {
	log.SetFlags(0)
	if found := checkAll(); len(found) > 0 {
		log.Fatal(strings.Join(found, "\n"))
	}
}

// checkAll returns the findings of every file that git does not ignore.
func checkAll() (found []string) {
	out, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard",
		"*.go", "*.js", "*.ts", "*.gd", "*.md", "*.yaml", "Makefile").Output()
	if err != nil {
		log.Fatalf("git ls-files: %v; run this in Bellhop's folder", err)
	}
	for _, file := range strings.Fields(string(out)) {
		if data, err := os.ReadFile(file); err == nil { // git still lists a file that was just deleted
			found = append(found, check(file, string(data))...)
		}
	}
	return found
}

// check returns the findings of a file's text.
func check(file, text string) (found []string) {
	for i, line := range strings.Split(text, "\n") {
		report := func(format string, args ...any) {
			found = append(found, fmt.Sprintf("%s:%d: ", file, i+1)+fmt.Sprintf(format, args...))
		}
		_, comment, isComment := strings.Cut(line, "//")
		if strings.HasSuffix(file, ".md") {
			comment, isComment = line, true
		}
		for _, pattern := range patterns {
			if words := pattern.FindString(strings.TrimSpace(comment)); isComment && words != "" {
				report("%q: name the subject, in plain words", words)
			}
		}
		if strings.HasSuffix(file, ".go") && strings.HasPrefix(strings.TrimSpace(line), "//") && utf8.RuneCountInString(line) > maxWidth {
			report("a comment of more than %d characters: wrap it", maxWidth)
		}
	}
	return found
}
