package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// avoided are the patterns for sentences that users of a program read.
var avoided = append(slices.Clone(patterns),
	regexp.MustCompile(`(?i)\b(who|whom|whoever|whose) (is|are|has|have|was|were|runs|reads|waits|comes|leaves)\b`),
	regexp.MustCompile(`(?i)\b(whoever|whom|anew|beside|meanwhile|at once|in the place of|takes? no more)\b`),
)

// golden are messages that clients have always received, word for word, as
// testdata/conversations shows. They stay although a pattern finds them.
var golden = []string{
	"That place cannot be resumed; join the lobby anew.",
	`Leave "cursor" out to start the list anew; this one is of another.`,
	"Try again; if it stays, tell whoever runs this server the reference.",
}

var (
	sentence    = regexp.MustCompile(`^[A-Z].* .*\.$`)
	flagMethods = regexp.MustCompile(`^((String|Bool|Int|Uint|Uint64|Float64|Duration)(Var)?|Var|Func|BoolFunc|TextVar)$`)
	flagSets    = regexp.MustCompile(`^(f|fs|set|flags?)$`)
	notANoun    = regexp.MustCompile(`^(whether|how|if|when|what|who|where|set|be|do|is|to|use|the|measure|report|delete|read|write|[A-Z][a-z]+)\b`)
)

// maxWords in a sentence of a message. Longer ones are lists or two sentences.
const maxWords = 25

// wordsOf returns the text of the string literals in an expression.
func wordsOf(e ast.Expr) (text string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			part, _ := strconv.Unquote(l.Value)
			text += part
		}
		return true
	})
	return text
}

// eachExpr calls visit with the expressions of all sources in a folder, tests
// apart.
func eachExpr(t *testing.T, folder string, visit func(at token.Position, e ast.Expr)) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "testdata" || d.Name() == ".cache") {
			return fs.SkipDir
		}
		if err != nil {
			return err
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				visit(files.Position(e.Pos()), e)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// faultsOf returns what a reader would stumble over in a text.
func faultsOf(text string) (faults []string) {
	for _, pattern := range avoided {
		if words := pattern.FindString(text); words != "" {
			faults = append(faults, strconv.Quote(words))
		}
	}
	for _, part := range regexp.MustCompile(`[.;:] `).Split(text, -1) {
		if n := len(strings.Fields(part)); n > maxWords {
			faults = append(faults, strconv.Itoa(n)+" words in one sentence")
		}
	}
	return faults
}

// TestMessagesToClients reads every message that a client can get.
func TestMessagesToClients(t *testing.T) {
	found := map[string]bool{}
	for _, folder := range []string{"../../events", "../../handlers"} {
		eachExpr(t, folder, func(at token.Position, e ast.Expr) {
			l, ok := e.(*ast.BasicLit)
			if !ok || l.Kind != token.STRING || !sentence.MatchString(wordsOf(l)) {
				return
			}
			text := wordsOf(l)
			found[text] = true
			if faults := faultsOf(text); len(faults) > 0 && !slices.Contains(golden, text) {
				t.Errorf("%v: %q has %s", at, text, strings.Join(faults, ", "))
			}
		})
	}
	for _, text := range golden {
		if !found[text] {
			t.Errorf("no client gets %q any more: delete it from this test", text)
		}
	}
	if len(found) < 50 {
		t.Errorf("only %d messages found: where are the others?", len(found))
	}
}

// TestHelpOfFlags reads the help of every flag.
func TestHelpOfFlags(t *testing.T) {
	count := 0
	eachExpr(t, "../..", func(at token.Position, e ast.Expr) {
		call, ok := e.(*ast.CallExpr)
		if !ok || len(call.Args) < 3 {
			return
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !flagMethods.MatchString(method.Sel.Name) {
			return
		}
		if set, ok := method.X.(*ast.Ident); !ok || !flagSets.MatchString(set.Name) {
			return
		}
		help := call.Args[len(call.Args)-1]
		if strings.HasSuffix(method.Sel.Name, "Func") {
			help = call.Args[1]
		}
		count++
		text := strings.ReplaceAll(strings.ReplaceAll(wordsOf(help), "\n", " "), "`", "")
		faults := faultsOf(text)
		if word := notANoun.FindString(text); word != "" {
			faults = append(faults, strconv.Quote(word)+" where a noun phrase begins")
		}
		if strings.HasSuffix(text, ".") || text == "" {
			faults = append(faults, "a full stop, or no words")
		}
		if len(faults) > 0 {
			t.Errorf("%v: %q has %s", at, text, strings.Join(faults, ", "))
		}
	})
	if count < 30 {
		t.Errorf("only %d flags found: where are the others?", count)
	}
}

// TestFaultsAreFound shows that the checks above find each kind of fault.
func TestFaultsAreFound(t *testing.T) {
	for _, text := range []string{
		"Tell whoever runs it.", "Start the list anew.", "A server for who has none.", "It stops at once.",
		"The receiver takes no more for now.", "A sentence" + strings.Repeat(" of words", maxWords) + ".",
	} {
		if len(faultsOf(text)) == 0 {
			t.Errorf("%q passes", text)
		}
	}
	for _, text := range []string{"whether to log", "The port", "how long it waits"} {
		if !notANoun.MatchString(text) {
			t.Errorf("%q passes as a noun phrase", text)
		}
	}
}
